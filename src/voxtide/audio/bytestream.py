"""Interruptible byte reader. In: a file, a pipe, an object with `read`. Out: bytes as they arrive. Knows no audio.

One thread reads; any other thread may interrupt it.
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
"""Size of one read: the capacity of a Linux pipe; larger reads do not make files faster."""


class BinaryStream(Protocol):
    """A source of bytes: an open file, `sys.stdin.buffer`, a `BytesIO`, or any object with `read`."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; b"" at the end; None if none are available yet."""


class ReadInterruptedError(Exception):
    """`interrupt` was called on the reader. Never raised outside `voxtide.audio`."""


class ByteStream:
    """Reads a binary stream as its bytes arrive, with `peek`.

    Attributes:
        name: The file name for PyAV; its suffix identifies formats without a signature.
        size_bytes: The stream's length: known at once if it is seekable, else None until the end was reached.
    """

    def __init__(self, stream: BinaryStream, *, suffix: str = "", is_owner: bool = False) -> None:
        """Read `stream` from its current position. With `is_owner`, `close` closes it too."""
        self.name = f"audio{suffix}"
        self.size_bytes: int | None = None
        self._stream = stream
        # `read` of a buffered pipe blocks until it has `size` bytes; `read1` returns what is available.
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
        """The available bytes, 1 to `max_bytes`; b"" at the end. Waits for the first.

        Raises:
            ReadInterruptedError: `interrupt` was called before or during the call.
            AudioError: The stream cannot be read.
        """
        self._wake_up.check()
        if self._peeked:
            data, self._peeked = self._peeked[:max_bytes], self._peeked[max_bytes:]
        else:
            data = self._read_new(max_bytes)
        self._position_bytes += len(data)
        if not data and self.size_bytes is None and not self.is_ended:
            self.size_bytes = self._position_bytes
        return data

    def peek(self, num_bytes: int) -> bytes:
        """The next `num_bytes`, fewer at the end, without consuming them. Waits until they are available."""
        while len(self._peeked) < num_bytes and (data := self._read_new(num_bytes - len(self._peeked))):
            self._peeked += data
        return self._peeked[:num_bytes]

    def has_more(self, timeout_s: float) -> bool:
        """Whether a byte follows. False at the end, and for a pipe into which nothing is written for `timeout_s`."""
        return bool(self._peeked) or (self._wake_up.is_readable(timeout_s) and bool(self.peek(1)))

    def skip(self, num_bytes: int) -> None:
        """Discard `num_bytes`, fewer at the end."""
        while num_bytes > 0 and (data := self.read(num_bytes)):
            num_bytes -= len(data)

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return self._file is not None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As in `io.IOBase`, for seekable streams only."""
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

    def end(self) -> bool:
        """Let `read` return what a pipe holds, then b"". Returns False if it is no pipe. Called by any thread."""
        return self._wake_up.drain()

    @property
    def is_ended(self) -> bool:
        """Whether `end` has ended it: more might have followed."""
        return self._wake_up.is_drained

    def close(self) -> None:
        """Release all resources. Called by the reading thread."""
        self._wake_up.close()
        if self._is_owner and isinstance(self._stream, io.IOBase):
            self._stream.close()

    def _read_new(self, max_bytes: int) -> bytes:
        try:
            data = None
            while data is None:  # a non-blocking stream may wake up without data
                data = self._read_some(max_bytes) if self._wake_up.wait_readable() else b""
            self._wake_up.count(len(data))
        except (OSError, ValueError) as error:  # ValueError: the owner closed it
            raise AudioError(f"the input cannot be read: {error}") from error
        return bytes(data)


class _WakeUp:
    """Interrupts a thread that polls a pipe. Without a pollable pipe it is a flag that is checked between reads."""

    def __init__(self, pipe_fd: int | None) -> None:
        self._lock = threading.Lock()  # `set` must not write to a closed socket whose descriptor was reused
        self.is_drained = False
        self._is_set = False
        self._pipe_fd = pipe_fd
        self._num_left_bytes: int | None = None  # to read before it is drained
        self._poll: select.poll | None = None
        if pipe_fd is not None:
            self._receiver, self._sender = socket.socketpair()
            self._poll = select.poll()
            self._poll.register(pipe_fd, select.POLLIN)
            self._poll.register(self._receiver, select.POLLIN)

    def check(self) -> None:
        if self._is_set:
            raise ReadInterruptedError

    def wait_readable(self) -> bool:
        """Wait for data or the end; returns False once the pipe is drained."""
        if self._poll is not None and not self.is_drained:
            ready = self._poll.poll()  # no timeout: a pipe may stay idle for any time; `set` and `drain` end the wait
            if self._num_left_bytes is not None and all(fd != self._pipe_fd for fd, _ in ready):
                self.is_drained = True
        self.check()
        return not self.is_drained

    def is_readable(self, timeout_s: float) -> bool:
        """Whether a read would not wait for a writer."""
        return self._poll is None or any(fd == self._pipe_fd for fd, _ in self._poll.poll(timeout_s * 1000))

    def count(self, num_bytes: int) -> None:
        if self._num_left_bytes is not None:
            self._num_left_bytes -= num_bytes
            self.is_drained |= self._num_left_bytes <= 0

    def set(self) -> None:
        with self._lock:
            self._is_set = True
            self._wake()

    def drain(self) -> bool:
        with self._lock:
            if self._poll is not None:
                self._num_left_bytes = MAX_READ_BYTES  # what a pipe holds; its writer may go on for ever
                self._wake()
            return self._poll is not None

    def _wake(self) -> None:
        if self._poll is not None:
            self._sender.send(b"!")

    def close(self) -> None:
        with self._lock:
            if self._poll is not None:
                self._poll = None
                self._receiver.close()
                self._sender.close()


def open_file(path: Path) -> ByteStream:
    """Open the file or named pipe at `path`.

    Raises:
        SourceNotFoundError: There is no such file.
        NotAudioError: It is a directory.
        AudioError: It cannot be opened.
    """
    try:
        if path.is_dir():
            raise NotAudioError(f"{path} is a directory; give one of the files in it")
        return ByteStream(path.open("rb", buffering=0), suffix=path.suffix, is_owner=True)
    except FileNotFoundError:
        raise SourceNotFoundError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise AudioError(f"{path} cannot be opened: {reason}") from error


def _is_whole_file(stream: io.IOBase) -> bool:
    """Whether the stream is seekable and at its start. A partly read stream is read on, not rewound."""
    return stream.seekable() and stream.tell() == 0


def _pollable(stream: BinaryStream) -> int | None:
    """The stream's file descriptor if the system can poll it (POSIX), else None."""
    fileno = getattr(stream, "fileno", None)
    if fileno is None or not hasattr(select, "poll"):
        return None
    with contextlib.suppress(OSError):  # no descriptor: io.UnsupportedOperation is an OSError
        return int(fileno())
    return None
