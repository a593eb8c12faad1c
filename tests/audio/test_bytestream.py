"""Bytes come as they are there, can be looked at ahead, and a wait for them can be ended."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.audio.bytestream import ByteStream, ReadInterruptedError, open_file
from voxtide.errors import AudioError, NotAudioError, SourceNotFoundError

WAIT_S = 10.0
"""What a thread may take to do what it was told; far more than it needs."""


class Trickle:
    """A stream with nothing but `read`, which gives less than it is asked for."""

    def __init__(self, data: bytes, piece_bytes: int) -> None:
        self._data = io.BytesIO(data)
        self._piece_bytes = piece_bytes

    def read(self, size: int, /) -> bytes:
        return self._data.read(min(size, self._piece_bytes))


class Pipe:
    """Both ends of a pipe; `stream` reads it as `kind` says."""

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


def all_of(stream: ByteStream, max_bytes: int = 7) -> bytes:
    return b"".join(iter(lambda: stream.read(max_bytes), b""))


@given(st.binary(max_size=100), st.integers(1, 20), st.lists(st.integers(0, 30), max_size=4), st.booleans())
def test_looking_ahead_takes_nothing(data: bytes, piece_bytes: int, peeks: list[int], is_seekable: bool) -> None:
    stream = ByteStream(io.BytesIO(data) if is_seekable else Trickle(data, piece_bytes))
    for num_bytes in peeks:
        assert stream.peek(num_bytes) == data[:num_bytes]
    assert stream.tell() == 0
    assert all_of(stream) == data
    assert stream.tell() == stream.size_bytes == len(data)


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_whole_file_can_be_read_from_any_place(data: bytes, draw: st.DataObject) -> None:
    stream = ByteStream(io.BytesIO(data))
    assert stream.seekable()
    assert stream.size_bytes == len(data)
    for _ in range(5):
        stream.peek(draw.draw(st.integers(0, 30)))
        place, whence = draw.draw(st.integers(0, len(data))), draw.draw(st.sampled_from([0, 1, 2]))
        start = {0: 0, 1: stream.tell(), 2: len(data)}[whence]
        assert stream.seek(place - start, whence) == place
        assert stream.read(10) == data[place : place + 10]


def test_a_stream_that_was_read_before_keeps_what_it_has_left() -> None:
    file = io.BytesIO(b"taken left")
    file.read(6)
    stream = ByteStream(file)
    assert not stream.seekable()
    assert all_of(stream) == b"left"
    with pytest.raises(io.UnsupportedOperation):
        stream.seek(0)


def test_skipping_ends_with_the_stream() -> None:
    stream = ByteStream(io.BytesIO(b"0123456789"))
    stream.skip(4)
    assert stream.read() == b"456789"
    stream.skip(4)
    assert stream.read() == b""


def test_what_is_in_a_pipe_is_given_at_once(pipe: Pipe) -> None:
    for part in (b"some", b"more"):
        pipe.write(part)
        assert pipe.stream.read(1_000) == part
    assert pipe.stream.size_bytes is None
    pipe.end()
    assert pipe.stream.read() == b""
    assert pipe.stream.size_bytes == 8


def test_a_pipe_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.file.fileno(), False)
    threading.Timer(0.05, pipe.write, [b"late"]).start()
    assert pipe.stream.read() == b"late"


def test_a_wait_for_bytes_can_be_interrupted(pipe: Pipe) -> None:
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


def test_after_an_interruption_nothing_is_read_any_more(pipe: Pipe) -> None:
    pipe.write(b"too late")
    pipe.stream.interrupt()
    with pytest.raises(ReadInterruptedError):
        pipe.stream.read()
    with pytest.raises(ReadInterruptedError):
        pipe.stream.peek(1)


def test_a_file_sees_an_interruption_between_two_reads() -> None:
    stream = ByteStream(io.BytesIO(b"data"))
    assert stream.read(1) == b"d"
    stream.interrupt()
    with pytest.raises(ReadInterruptedError):
        stream.read(1)


def test_interrupting_a_closed_stream_does_nothing(pipe: Pipe) -> None:
    pipe.close()
    pipe.stream.interrupt()
    pipe.stream.close()


def test_only_what_it_owns_is_closed() -> None:
    kept, owned = io.BytesIO(b"x"), io.BytesIO(b"x")
    ByteStream(kept).close()
    ByteStream(owned, is_owner=True).close()
    assert (kept.closed, owned.closed) == (False, True)


def test_what_the_system_cannot_read_is_an_audio_error() -> None:
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


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="there is no file .*nothing.wav"):
        open_file(tmp_path / "nothing.wav")
    with pytest.raises(NotAudioError, match="is a directory"):
        open_file(tmp_path)
    with pytest.raises(AudioError, match="cannot be opened"):
        open_file(tmp_path / "a\0b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_opening_what_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.touch(mode=0)
    with pytest.raises(AudioError, match="Permission denied"):
        open_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_read_as_its_writer_writes(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"through the pipe",))
    writer.start()
    stream = open_file(path)
    assert all_of(stream) == b"through the pipe"
    stream.close()
    writer.join(WAIT_S)
