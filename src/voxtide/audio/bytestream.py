"""Bytes from anything that can be read. In: a file, a pipe, an object with `read`. Out: bytes as they come.

It knows nothing about audio. One thread reads it; any other may interrupt it.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from voxtide.errors import AudioError, NotAudioError, SourceNotFoundError

MAX_READ_BYTES = 64 * 1024
"""One read: a pipe holds no more, and a file gains nothing from larger ones."""


class BinaryStream(Protocol):
    """Anything that gives bytes: an open file, `sys.stdin.buffer`, a `BytesIO`, an object with just `read`."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; b"" at the end; None when there are none yet."""


class ReadInterruptedError(Exception):
    """The reader was told to stop. Never leaves this room."""


class ByteStream:
    """Reads a binary stream as its bytes come, and can look ahead.

    Attributes:
        name: What PyAV takes for the file's name; its suffix helps to recognise formats without a signature.
        size_bytes: The stream's length: known at once when it is seekable, else None until its end was met.
    """

    def __init__(self, stream: BinaryStream, *, suffix: str = "", is_owner: bool = False) -> None:
        """Read `stream` from where it stands; `is_owner` says whether `close` closes it too."""
        self.name = f"audio{suffix}"
        self.size_bytes: int | None = None
        self._stream = stream
        # `read` of a buffered pipe waits for all it was asked for; `read1` gives what is there.
        self._read_some: Callable[[int], bytes | None] = getattr(stream, "read1", stream.read)
        self._is_owner = is_owner
        self._peeked = b""
        self._position_bytes = 0
        self._file = stream if isinstance(stream, io.IOBase) and _is_whole_file(stream) else None
        if self._file is not None:
            self.size_bytes = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)
        self._wake_up = _WakeUp(None if self._file is not None else _pollable(stream))

    def read(self, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """What there is, at least one byte and at most `max_bytes`; b"" at the end.

        Raises:
            Interrupted: `interrupt` was called, before or meanwhile.
            AudioError: The system cannot read the stream.
        """
        self._wake_up.check()
        if self._peeked:
            data, self._peeked = self._peeked[:max_bytes], self._peeked[max_bytes:]
        else:
            data = self._read_new(max_bytes)
        self._position_bytes += len(data)
        if not data and self.size_bytes is None:
            self.size_bytes = self._position_bytes
        return data

    def peek(self, num_bytes: int) -> bytes:
        """The next `num_bytes`, fewer at the end, without taking them. Waits until they are there."""
        while len(self._peeked) < num_bytes and (data := self._read_new(num_bytes - len(self._peeked))):
            self._peeked += data
        return self._peeked[:num_bytes]

    def skip(self, num_bytes: int) -> None:
        """Take `num_bytes` and forget them; fewer at the end."""
        while num_bytes > 0 and (data := self.read(num_bytes)):
            num_bytes -= len(data)

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._file is not None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As in `io.IOBase`; only for a seekable stream."""
        if self._file is None:
            raise io.UnsupportedOperation("this stream cannot seek")
        if whence == io.SEEK_CUR:
            offset, whence = self._position_bytes + offset, io.SEEK_SET
        self._peeked = b""
        self._position_bytes = self._file.seek(offset, whence)
        return self._position_bytes

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._position_bytes

    def interrupt(self) -> None:
        """Make a waiting `read`, and every later one, raise `ReadInterruptedError`."""
        self._wake_up.set()

    def close(self) -> None:
        """Free what is held. Called by the reading thread."""
        self._wake_up.close()
        if self._is_owner and isinstance(self._stream, io.IOBase):
            self._stream.close()

    def _read_new(self, max_bytes: int) -> bytes:
        try:
            data = None
            while data is None:  # a non-blocking stream may wake up without data
                self._wake_up.wait_readable()
                data = self._read_some(max_bytes)
        except (OSError, ValueError) as error:  # ValueError: its owner closed it
            raise AudioError(f"the input cannot be read: {error}") from error
        return bytes(data)


class _WakeUp:
    """Wakes a thread that waits for a pipe's bytes. Without a pollable pipe it is a mere flag, seen between reads."""

    def __init__(self, pipe_fd: int | None) -> None:
        self._lock = threading.Lock()  # so that nobody rings a socket while it is closed and its number given away
        self._is_set = False
        self._poll: select.poll | None = None
        if pipe_fd is not None:
            self._receiver, self._sender = socket.socketpair()
            self._poll = select.poll()
            self._poll.register(pipe_fd, select.POLLIN)
            self._poll.register(self._receiver, select.POLLIN)

    def check(self) -> None:
        if self._is_set:
            raise ReadInterruptedError

    def wait_readable(self) -> None:
        if self._poll is not None:
            self._poll.poll()  # unbounded: a pipe may be silent as long as its writer likes; `set` ends it
        self.check()

    def set(self) -> None:
        with self._lock:
            self._is_set = True
            if self._poll is not None:
                self._sender.send(b"!")

    def close(self) -> None:
        with self._lock:
            if self._poll is not None:
                self._poll = None
                self._receiver.close()
                self._sender.close()


def open_file(path: Path) -> ByteStream:
    """The bytes of the file at `path`, which may also be a named pipe.

    Raises:
        SourceNotFoundError: There is no such file.
        NotAudioError: It is a directory.
        AudioError: It may not be read.
    """
    try:
        if path.is_dir():
            raise NotAudioError(f"{path} is a directory; name one of the files in it")
        return ByteStream(path.open("rb", buffering=0), suffix=path.suffix, is_owner=True)
    except FileNotFoundError:
        raise SourceNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{path} cannot be opened: {reason}") from error


def _is_whole_file(stream: io.IOBase) -> bool:
    """Whether one can go back to the stream's start; one that was read before keeps what it has left."""
    return stream.seekable() and stream.tell() == 0


def _pollable(stream: BinaryStream) -> int | None:
    """The stream's file number where the system can wait for it (POSIX), else None."""
    if not hasattr(select, "poll"):
        return None
    with contextlib.suppress(OSError, AttributeError):  # no file behind it: io.UnsupportedOperation is an OSError
        return int(stream.fileno())  # type: ignore[attr-defined]  # AttributeError says that it has none
    return None
