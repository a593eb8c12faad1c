"""A download that can be cut anywhere and goes on. In: an address, a size, a SHA-256. Out: that file, whole and right.

It knows neither models nor where an address comes from. Proxies and certificates are those Python takes from the
environment by itself.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from voxtide.errors import ModelDownloadError

READ_BYTES = 1 << 18
"""Read size: large enough that Python costs nothing beside the network, small enough for a smooth progress bar."""

MAX_BACKOFF_S = 30.0
"""The longest pause between attempts, whatever the doubling or the server's Retry-After says."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchRefusedError(ModelDownloadError):
    """Not one byte came: no connection, no trust or no permission. Another client may be let in."""


class _TransferError(Exception):
    """This attempt ended early; the next may go on. `wait_s` is the pause the server asked for."""

    def __init__(self, reason: object, wait_s: float = 0.0) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file at an address. `token` is sent to that address's host and to no other."""

    url: str
    size_bytes: int
    sha256: str
    token: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The address without what may be secret: user name, password and query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """How patient a fetch is. Every field bounds a wait.

    Attributes:
        timeout_s: For connecting and for each read: longer than any healthy server is silent.
        max_idle_attempts: Attempts in a row that may bring less than `min_gain_bytes` before the fetch gives up.
        min_gain_bytes: What an attempt must add to count as progress; bounds the number of all attempts.
        backoff_s: Pause before the second idle attempt; it doubles, up to `MAX_BACKOFF_S`.
        window_s: A stretch of time in which `min_window_bytes` must arrive, so that a drip counts as a stall.
        min_window_bytes: 4 KiB a second by default: slower than any line on which a pull would make sense.
    """

    timeout_s: float = 30.0
    max_idle_attempts: int = 5
    min_gain_bytes: int = 1 << 20
    backoff_s: float = 1.0
    window_s: float = 30.0
    min_window_bytes: int = 30 * 4096


def fetch(
    remote: Remote,
    partial: Path,
    *,
    on_size: Callable[[int], None],
    policy: FetchPolicy | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Bring `partial` to the remote's full size, going on from what is there, and check its SHA-256.

    `on_size` is told the bytes on disk after each read. If the check fails, `partial` is removed.

    Raises:
        FetchRefusedError: Nothing could be had from this address.
        ModelDownloadError: The transfer broke off for good, or the bytes are wrong.
        OSError: `partial` cannot be written.
    """
    _Fetch(remote, partial, on_size, policy or FetchPolicy(), sleep).run()
    if (found := sha256_of(partial)) != remote.sha256:
        partial.unlink()
        raise ModelDownloadError(
            f"{remote.shown} is not the expected file: its SHA-256 is {found}, not {remote.sha256}; nothing was kept"
        )


def with_offset(report: Callable[[int], None], start_bytes: int) -> Callable[[int], None]:
    """Tell `report` of one file in a row of files: `start_bytes` lie before it."""
    return lambda size_bytes: report(start_bytes + size_bytes)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Fetch:
    """One fetch over as many attempts as the policy grants."""

    def __init__(
        self,
        remote: Remote,
        partial: Path,
        on_size: Callable[[int], None],
        policy: FetchPolicy,
        sleep: Callable[[float], None],
    ) -> None:
        self._remote = remote
        self._partial = partial
        self._on_size = on_size
        self._policy = policy
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_SafeRedirects(remote))
        self._has_received = False

    def run(self) -> None:
        """Attempt until the file has its size. Only a new high-water mark counts as progress, so this ends."""
        if self._size() > self._remote.size_bytes:
            self._partial.unlink()
        best_bytes = self._size()
        num_idle = 0
        while self._size() < self._remote.size_bytes:
            try:
                self._attempt(self._size())
            except _TransferError as error:
                has_gained = self._size() - best_bytes >= self._policy.min_gain_bytes
                best_bytes = max(best_bytes, self._size())
                num_idle = 0 if has_gained else num_idle + 1
                if num_idle >= self._policy.max_idle_attempts:
                    raise self._failure(f"gave up after {num_idle} attempts without progress: {error}") from error
                backoff_s = self._policy.backoff_s * 2 ** max(num_idle - 1, 0)
                self._sleep(min(max(backoff_s, error.wait_s), MAX_BACKOFF_S))

    def _attempt(self, offset_bytes: int) -> None:
        with self._open(offset_bytes) as response:
            start_bytes = self._start_of(response, offset_bytes)
            with self._partial.open("r+b" if start_bytes else "wb") as file:
                file.seek(start_bytes)
                self._copy(response, file, start_bytes)

    def _open(self, offset_bytes: int) -> http.client.HTTPResponse:
        request = urllib.request.Request(self._remote.url, headers={"Accept-Encoding": "identity"})
        if offset_bytes:
            request.add_header("Range", f"bytes={offset_bytes}-")
        if self._remote.token:
            request.add_unredirected_header("Authorization", f"Bearer {self._remote.token}")
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=self._policy.timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _TRANSIENT_STATUSES:
                raise _TransferError(f"status {error.code}", _retry_after_s(error.headers)) from error
            raise self._failure(f"the server answered {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise self._failure(f"its certificate is not trusted ({error.reason.verify_message})") from error
            raise _TransferError(error.reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise _TransferError(error) from error
        return response

    def _start_of(self, response: http.client.HTTPResponse, offset_bytes: int) -> int:
        """Where in the file the response's bytes belong; refuses a file of another size before reading it."""
        start_bytes, total_bytes = 0, response.headers.get("Content-Length", "")
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            start, _, total_bytes = response.headers.get("Content-Range", "").partition("/")
            if not start.startswith(f"bytes {offset_bytes}-"):
                raise self._failure(f"asked for bytes from {offset_bytes}, the server sent {start!r}")
            start_bytes = offset_bytes
        if total_bytes.isdigit() and int(total_bytes) != self._remote.size_bytes:
            raise self._failure(f"it has {total_bytes} bytes, not {self._remote.size_bytes}: it is another file")
        return start_bytes

    def _copy(self, response: http.client.HTTPResponse, file: IO[bytes], size_bytes: int) -> None:
        window_start_s, window_bytes = time.monotonic(), 0
        while size_bytes < self._remote.size_bytes:
            piece = self._read(response)
            size_bytes += len(piece)
            if size_bytes > self._remote.size_bytes:
                raise self._failure(f"it goes on past its {self._remote.size_bytes} bytes: it is another file")
            file.write(piece)
            self._has_received = True
            self._on_size(size_bytes)
            window_bytes += len(piece)
            if (now_s := time.monotonic()) - window_start_s >= self._policy.window_s:
                if window_bytes < self._policy.min_window_bytes:
                    raise _TransferError(f"only {window_bytes} bytes came in {self._policy.window_s:g} s")
                window_start_s, window_bytes = now_s, 0

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            piece = response.read1(READ_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise _TransferError(error) from error
        if not piece:
            raise _TransferError("the connection ended early")
        return piece

    def _failure(self, reason: str) -> ModelDownloadError:
        kind = ModelDownloadError if self._has_received else FetchRefusedError
        return kind(f"cannot fetch {self._remote.shown}: {reason}")

    def _size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but takes the token to no other host and never leaves TLS."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.HTTPError(newurl, code, "it redirects to an address without TLS", headers, fp)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request and self._remote.token and _origin(newurl) == _origin(self._remote.url):
            request.add_unredirected_header("Authorization", f"Bearer {self._remote.token}")
        return request


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _retry_after_s(headers: Message) -> float:
    """Seconds the server asks to wait; a date is not worth parsing for a wait that is capped anyway."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
