"""Files over HTTP. In: an address. Out: its bytes, from any offset, over as many connections as it takes.

FFmpeg's own HTTP does not notice that a file changed between two connections, and may read an error page as its rest.
It is still used for playlists, live streams and servers without range requests. Knows no audio.
"""

from __future__ import annotations

import http.client
import io
import re
import threading
import urllib.error
from dataclasses import dataclass
from urllib.parse import urlsplit

from voxtide.audio.addresses import Address, Limits
from voxtide.audio.bytestream import ReadInterruptedError
from voxtide.audio.media.http_request import Requester, Response
from voxtide.errors import AudioError

RETRY_PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Pauses before the attempts to resume: 31 s in all, the time that a server or a router takes to restart.

The attempts add their own timeouts: `Limits.open_s` for a server that does not answer, by default two minutes in
all, and `Limits.read_s` for one that stops after each header, three and a half minutes in all.
"""

_MIN_GAIN_BYTES = 64 * 1024
"""Bytes to receive after a failure before the count of attempts starts again: bounds it if a server sends little."""

_BLOCK_BYTES = 64 * 1024

_MAX_SKIPPED_BYTES = 64 * 1024
"""Longest seek forward that reads on instead of sending a request, which takes longer."""

_BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that are worth another attempt."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class _LostError(Exception):
    """The connection ended early, or could not be made; another attempt may succeed."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What must be the same in every response."""

    size_bytes: int
    etag: str | None
    last_modified: str | None

    def is_of(self, other: _Version | None) -> bool:
        """Whether both describe the same file; a header that one response lacks is ignored.

        The ETag decides, if both have one: hosts that share an address may have copies of different dates.
        """
        if other is None or self.size_bytes != other.size_bytes:
            return False
        if self.etag is not None and other.etag is not None:
            return self.etag == other.etag
        return self.last_modified == other.last_modified or None in (self.last_modified, other.last_modified)


class HttpFile(io.RawIOBase):
    """A seekable file on a server that answers range requests. `open_http_file` makes it."""

    def __init__(self, address: Address, limits: Limits, pauses_s: tuple[float, ...]) -> None:
        self._requester = Requester(address, limits)
        self._pauses_s = pauses_s
        self._is_interrupted = threading.Event()
        self._version: _Version | None = None
        self._response: Response | None = None
        self._response_at = 0  # the offset of the response's next byte
        self._block = b""  # the last bytes received, so that a short seek back needs no request
        self._block_at = 0
        self._position = 0
        self._num_failures = 0
        self._gained_bytes = 0  # since the last failure

    def connect(self) -> bool:
        """Send the first request; returns whether the server can resume, which the rest of this class needs.

        Raises:
            TimeoutError: The server does not respond.
        """
        try:
            response = self._requester.request(0)
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: an unusual URL
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise TimeoutError from None
            return False
        self._version = _version_of(response, 0)
        if self._version is None:
            response.close()
            return False
        self._response = response
        return True

    def interrupt(self) -> None:
        """Make every later `read`, and one that pauses, raise `ReadInterruptedError`. Called by any thread.

        A `read` that waits for the server returns with its answer or its timeout.
        """
        self._is_interrupted.set()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position. The request is sent by the next `read`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The available bytes, at most `size`; b"" at the end. Resumes after a lost connection.

        Raises:
            AudioError: All attempts failed, or the file changed. States after how many bytes.
            ReadInterruptedError: `interrupt` was called.
        """
        while not self._is_interrupted.is_set():
            if self._position >= self._size_bytes:
                return b""
            start = self._position - self._block_at
            if 0 <= start < len(self._block):
                data = self._block[start : start + size] if size >= 0 else self._block[start:]
                self._position += len(data)
                return data
            try:
                self._block, self._block_at = self._receive(), self._position
                self._gained_bytes += len(self._block)
            except _LostError as error:
                self._drop()
                self._pause(error)
        raise ReadInterruptedError

    def close(self) -> None:
        self._drop()
        super().close()

    @property
    def _size_bytes(self) -> int:
        assert self._version is not None, "connect comes before reading"
        return self._version.size_bytes

    def _receive(self) -> bytes:
        """The available bytes from the position on."""
        ahead_bytes = self._position - self._response_at
        if self._response is not None and not 0 <= ahead_bytes <= _MAX_SKIPPED_BYTES:
            self._drop()
        response = self._response or self._resume()
        try:
            while (ahead_bytes := self._position - self._response_at) > 0 and (data := response.read1(ahead_bytes)):
                self._response_at += len(data)
            data = response.read1(_BLOCK_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _LostError(_reason(error)) from error
        if not data:
            raise _LostError("it was closed early")
        self._response_at += len(data)
        return data

    def _resume(self) -> Response:
        """Request the rest of the file, and check that it is the rest of the same file."""
        try:
            response = self._requester.request(self._position)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _BUSY:
                raise _LostError(f"the server answered {error.code}") from error
            raise self._failure(f"the server answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise _LostError(_reason(error)) from error
        version = _version_of(response, self._position)
        if version is None or not version.is_of(self._version):
            response.close()
            raise self._failure("the file there has changed" if version else "the server does not resume it any more")
        self._response, self._response_at = response, self._position
        return response

    def _pause(self, error: _LostError) -> None:
        """Wait before the next attempt, or give up."""
        self._num_failures = 1 if self._gained_bytes >= _MIN_GAIN_BYTES else self._num_failures + 1
        self._gained_bytes = 0
        if self._num_failures > len(self._pauses_s):
            raise self._failure(f"{error}; gave up after {len(self._pauses_s)} attempts to resume")
        self._is_interrupted.wait(self._pauses_s[self._num_failures - 1])

    def _failure(self, reason: str) -> AudioError:
        return AudioError(f"the connection was lost at {self._position} of {self._size_bytes} bytes: {reason}")

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


def open_http_file(
    address: Address, limits: Limits, *, pauses_s: tuple[float, ...] = RETRY_PAUSES_S
) -> HttpFile | None:
    """The file at an address; None if it cannot be read in parts, or if there is none.

    Raises:
        TimeoutError: The server did not respond within `limits.open_s`.
    """
    if urlsplit(address.url).scheme.lower() not in ("http", "https"):
        return None
    file = HttpFile(address, limits, pauses_s)
    return file if file.connect() else None


def _version_of(response: Response, offset: int) -> _Version | None:
    """The version of the file whose part from `offset` on is the response; None if it is not such a part."""
    matched = _CONTENT_RANGE.fullmatch(response.getheader("Content-Range") or "")
    if response.status != http.client.PARTIAL_CONTENT or matched is None or int(matched[1]) != offset:
        return None
    if response.getheader("Content-Encoding") not in (None, "identity"):
        return None
    return _Version(int(matched[2]), response.getheader("ETag"), response.getheader("Last-Modified"))


def _reason(error: Exception) -> str:
    """What happened, without the address, which may hold credentials."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "the server stopped sending"
    return (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
