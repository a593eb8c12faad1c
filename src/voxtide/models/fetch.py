"""Resumable downloads. In: a URL, a size, a SHA-256. Out: the complete, verified file. Knows no models.

Proxies and certificates are those that Python takes from the environment.
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
"""Read size: large enough for low overhead, small enough for a smooth progress bar."""

MAX_BACKOFF_S = 30.0
"""Upper bound of the pause between attempts, also for the server's Retry-After."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchRefusedError(ModelDownloadError):
    """No byte was received: no connection, no trusted certificate or no permission. Another client may have access."""


class _TransferError(Exception):
    """The attempt failed; the next one can resume. `wait_s` is the server's Retry-After."""

    def __init__(self, reason: object, wait_s: float = 0.0) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file at a URL. `token` is sent to the URL's host only."""

    url: str
    size_bytes: int
    sha256: str
    token: str | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """The URL without user name, password and query, which may be secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """Timeouts and retries of a fetch.

    Attributes:
        timeout_s: For connecting and for each read.
        max_idle_attempts: Consecutive attempts without progress after which the fetch fails.
        min_gain_bytes: What an attempt must add to count as progress; bounds the total number of attempts.
        backoff_s: Pause before the second idle attempt; doubles up to `MAX_BACKOFF_S`.
        window_s: Interval in which `min_window_bytes` must arrive, so that a trickle counts as a stall.
        min_window_bytes: By default 4 KiB/s, too slow for any usable pull.
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
    """Download to `partial`, resuming from its current size, and check the SHA-256.

    `on_size` is called with the size on disk after each read. If the check fails, `partial` is deleted.

    Raises:
        FetchRefusedError: No byte could be fetched.
        ModelDownloadError: The transfer failed after all retries, or the content is wrong.
        OSError: `partial` cannot be written.
    """
    _Fetch(remote, partial, on_size, policy or FetchPolicy(), sleep).run()
    if (found := sha256_of(partial)) != remote.sha256:
        partial.unlink()
        raise ModelDownloadError(
            f"{remote.shown} is not the expected file: its SHA-256 is {found}, not {remote.sha256}; it was deleted"
        )


def with_offset(report: Callable[[int], None], start_bytes: int) -> Callable[[int], None]:
    """A callback for one of several files: adds `start_bytes`, the size of the files before it."""
    return lambda size_bytes: report(start_bytes + size_bytes)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Fetch:
    """One fetch with its retries."""

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
        """Retry until the file is complete. Terminates: only exceeding the largest size so far counts as progress."""
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
        """The file offset of the response's body. Raises before reading if the total size is wrong."""
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
                raise self._failure(f"it is longer than {self._remote.size_bytes} bytes: it is another file")
            file.write(piece)
            self._has_received = True
            self._on_size(size_bytes)
            window_bytes += len(piece)
            if (now_s := time.monotonic()) - window_start_s >= self._policy.window_s:
                if window_bytes < self._policy.min_window_bytes:
                    raise _TransferError(f"only {window_bytes} bytes arrived in {self._policy.window_s:g} s")
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
    """Follows redirects, but sends the token to no other host and never downgrades from TLS."""

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
    """Retry-After in seconds. Dates are ignored; the pause is capped anyway."""
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0
