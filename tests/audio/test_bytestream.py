"""Bytes are returned as they arrive, can be peeked at, and a blocked read can be interrupted."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.audio.bytestream import MAX_READ_BYTES, ByteStream, ReadInterruptedError, open_file
from voxtide.errors import AudioError, NotAudioError, SourceNotFoundError

WAIT_S = 10.0
"""Timeout for a thread to end; far more than it needs."""


class Trickle:
    """A stream with only `read`, which returns short reads."""

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._data = io.BytesIO(data)
        self._piece_bytes = piece_bytes

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, self._piece_bytes))


class Pipe:
    """Both ends of a pipe, and a `ByteStream` on the reading end."""

    def __init__(self, *, is_buffered: bool) -> None:
        reading_fd, self._writing_fd = os.pipe()
        self.file = os.fdopen(reading_fd, "rb", buffering=-1 if is_buffered else 0)
        self.stream = ByteStream(self.file, is_owner=True)
        self._is_open = True

    def write(self, data: bytes) -> None:
        os.write(self._writing_fd, data)

    def end(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._writing_fd)

    def close(self) -> None:
        self.end()
        self.stream.close()


@pytest.fixture(params=[True, False], ids=["buffered", "unbuffered"])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    pipe = Pipe(is_buffered=request.param)
    yield pipe
    pipe.close()


def read_to_end(stream: ByteStream, max_bytes: int = 7) -> bytes:
    return b"".join(iter(lambda: stream.read(max_bytes), b""))


@given(st.binary(max_size=100), st.integers(1, 20), st.lists(st.integers(0, 30), max_size=4), st.booleans())
def test_peek_consumes_nothing(data: bytes, piece_bytes: int, peeks: list[int], is_seekable: bool) -> None:
    stream = ByteStream(io.BytesIO(data) if is_seekable else Trickle(data, piece_bytes))
    for num_bytes in peeks:
        assert stream.peek(num_bytes) == data[:num_bytes]
    assert stream.tell() == 0
    assert read_to_end(stream) == data
    assert stream.tell() == stream.size_bytes == len(data)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_seekable_file_can_be_read_from_any_position(data: bytes, draw: st.DataObject) -> None:
    stream = ByteStream(io.BytesIO(data))
    assert stream.seekable()
    assert stream.size_bytes == len(data)
    for _ in range(5):
        stream.peek(draw.draw(st.integers(0, 30)))
        place, whence = draw.draw(st.integers(0, len(data))), draw.draw(st.sampled_from([0, 1, 2]))
        start = {0: 0, 1: stream.tell(), 2: len(data)}[whence]
        assert stream.seek(place - start, whence) == place
        assert stream.read(10) == data[place : place + 10]


def test_a_partly_read_stream_is_read_on() -> None:
    file = io.BytesIO(b"taken left")
    file.read(6)
    stream = ByteStream(file)
    assert not stream.seekable()
    assert read_to_end(stream) == b"left"
    with pytest.raises(io.UnsupportedOperation):
        stream.seek(0)


def test_skip_stops_at_the_end() -> None:
    stream = ByteStream(io.BytesIO(b"0123456789"))
    stream.skip(4)
    assert stream.read() == b"456789"
    stream.skip(4)
    assert stream.read() == b""


def test_bytes_in_a_pipe_are_returned_at_once(pipe: Pipe) -> None:
    for part in (b"some", b"more"):
        pipe.write(part)
        assert pipe.stream.read(1_000) == part
    assert pipe.stream.size_bytes is None
    pipe.end()
    assert pipe.stream.read() == b""
    assert pipe.stream.size_bytes == 8


def test_a_non_blocking_pipe_is_polled(pipe: Pipe) -> None:
    os.set_blocking(pipe.file.fileno(), False)
    threading.Timer(0.05, pipe.write, [b"late"]).start()
    assert pipe.stream.read() == b"late"


def test_a_blocked_read_can_be_interrupted(pipe: Pipe) -> None:
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(pipe.stream.read())
        except ReadInterruptedError as error:
            outcome.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    pipe.stream.interrupt()
    waiter.join(WAIT_S)
    assert len(outcome) == 1
    assert isinstance(outcome[0], ReadInterruptedError)


def test_after_an_interrupt_every_read_raises(pipe: Pipe) -> None:
    pipe.write(b"too late")
    pipe.stream.interrupt()
    with pytest.raises(ReadInterruptedError):
        pipe.stream.read()
    with pytest.raises(ReadInterruptedError):
        pipe.stream.peek(1)


def test_an_ended_pipe_returns_what_it_holds_though_its_writer_goes_on(pipe: Pipe) -> None:
    pipe.write(b"received")
    assert pipe.stream.end()
    assert not pipe.stream.is_ended
    assert [pipe.stream.read() for _ in range(3)] == [b"received", b"", b""]
    assert pipe.stream.is_ended
    assert pipe.stream.size_bytes is None  # more might have followed


def test_a_pipe_whose_writer_has_finished_is_not_cut_off(pipe: Pipe) -> None:
    pipe.write(b"all")
    pipe.end()
    assert pipe.stream.end()
    assert [pipe.stream.read(), pipe.stream.read()] == [b"all", b""]
    assert not pipe.stream.is_ended
    assert pipe.stream.size_bytes == 3


def test_an_ended_pipe_is_not_read_for_ever(pipe: Pipe) -> None:
    assert pipe.stream.end()
    num_read = 0
    for _ in range(1_000):
        pipe.write(b"x" * 4096)
        data = pipe.stream.read()
        if not data:
            break
        num_read += len(data)
    assert num_read == MAX_READ_BYTES
    assert pipe.stream.is_ended


def test_a_file_does_not_end_early() -> None:
    stream = ByteStream(io.BytesIO(b"data"))
    assert not stream.end()
    assert stream.read() == b"data"


def test_a_file_is_interrupted_between_two_reads() -> None:
    stream = ByteStream(io.BytesIO(b"data"))
    assert stream.read(1) == b"d"
    stream.interrupt()
    with pytest.raises(ReadInterruptedError):
        stream.read(1)


def test_interrupting_a_closed_stream_is_a_no_op(pipe: Pipe) -> None:
    pipe.close()
    pipe.stream.interrupt()
    pipe.stream.close()


def test_only_an_owned_stream_is_closed() -> None:
    kept, owned = io.BytesIO(b"x"), io.BytesIO(b"x")
    ByteStream(kept).close()
    ByteStream(owned, is_owner=True).close()
    assert (kept.closed, owned.closed) == (False, True)


def test_a_read_error_is_an_audio_error() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(AudioError, match="cannot be read: .*Input/output error"):
        ByteStream(Broken()).read()


def test_a_stream_closed_by_its_owner_is_an_audio_error() -> None:
    file = io.BytesIO(b"data")
    stream = ByteStream(file)
    file.close()
    with pytest.raises(AudioError, match="closed file"):
        stream.read()


def test_opening_a_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"data")
    stream = open_file(path)
    assert (stream.name, stream.read()) == ("audio.mp3", b"data")
    stream.close()


def test_opening_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no file .*nothing.wav"):
        open_file(tmp_path / "nothing.wav")
    with pytest.raises(NotAudioError, match="is a directory"):
        open_file(tmp_path)
    with pytest.raises(AudioError, match="cannot be opened"):
        open_file(tmp_path / "a\0b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_opening_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.touch(mode=0)
    with pytest.raises(AudioError, match="Permission denied"):
        open_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"through the pipe",))
    writer.start()
    stream = open_file(path)
    assert read_to_end(stream) == b"through the pipe"
    stream.close()
    writer.join(WAIT_S)
