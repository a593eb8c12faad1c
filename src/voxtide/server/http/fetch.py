"""Audio from a URL. In: a client's `file_url`. Out: its bytes in a file, or an error.

Guards against server-side request forgery: http and https only; every host, also of a redirect, is resolved once and
must have public addresses only; the connection goes to the address that was checked.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import IO
from urllib.parse import SplitResult, urljoin, urlsplit

from voxtide.audio import addresses
from voxtide.audio.trust import tls_options
from voxtide.errors import AudioError, ConfigError, SourceNotFoundError
from voxtide.protocols.messages import RequestRefusedError
from voxtide.server.http.upload import too_big

MAX_REDIRECTS = 5

SOCKET_TIMEOUT_S = 30.0
RESOLVE_S = 10.0

_PIECE_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def fetch(url: str, file: IO[bytes], *, max_bytes: int, is_private_allowed: bool) -> None:
    """Download `url` into `file`, and rewind it. The caller sets the timeout.

    Raises:
        RequestRefusedError: The URL is not allowed, or there are more than `max_bytes`.
        SourceNotFoundError: The host does not answer, or answers 404 or 410.
        AudioError: The host answers with another error, or the response ends early.
    """
    for _ in range(MAX_REDIRECTS + 1):
        target = _target(url)
        host = await _resolve(target, is_private_allowed=is_private_allowed)
        hop = _Hop(target, host, file, max_bytes)
        redirect = await _in_thread(hop)
        if redirect is None:
            file.seek(0)
            return
        url = urljoin(url, redirect)
    raise AudioError(f"file_url was redirected more than {MAX_REDIRECTS} times")


@dataclass(frozen=True, slots=True)
class _Target:
    """A URL whose text is acceptable. `name` is for messages."""

    parts: SplitResult
    name: str
    host: str
    port: int


def _target(url: str) -> _Target:
    try:
        address = addresses.parse(url)
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except (ConfigError, ValueError):
        raise _refused("file_url must be a URL such as https://example.com/talk.mp3") from None
    if not isinstance(address, addresses.Address) or scheme not in ("http", "https") or not parts.hostname:
        raise _refused("file_url must begin with http:// or https://")
    if parts.username is not None:
        raise _refused("file_url must not hold a user name or password")
    if not url.isascii():
        raise _refused("file_url must be ASCII; write other characters as %XX")
    if port == 0:
        raise _refused("file_url has port 0; give a port from 1 to 65535")
    return _Target(parts, address.name, parts.hostname, port or (443 if scheme == "https" else 80))


async def _resolve(target: _Target, *, is_private_allowed: bool) -> str:
    """One IP address of the host. Refused if any of its addresses is not public."""
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise SourceNotFoundError(f"file_url cannot be fetched: there is no host {target.host!r}") from None
    numbers = [str(address[4][0]) for address in found]
    if not is_private_allowed and not all(map(_is_public, numbers)):
        raise _refused(f"file_url may not be fetched: {target.host!r} is not a public address")
    return numbers[0]


def _is_public(number: str) -> bool:
    """Whether an IP address is public, as is an IPv4 address embedded in it."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    return address.is_global and not address.is_multicast


class _Connection(http.client.HTTPConnection):
    """Connects to the IP address that was checked, without resolving the host again."""

    def __init__(self, target: _Target, number: str) -> None:
        super().__init__(target.host, target.port, timeout=SOCKET_TIMEOUT_S)
        self._number = number
        self._is_tls = target.parts.scheme.lower() == "https"
        self.default_port = 443 if self._is_tls else 80  # the port that the Host header omits
        self.opened: socket.socket | None = None  # http.client hands `sock` over to the response

    def connect(self) -> None:
        self.sock = socket.create_connection((self._number, self.port), SOCKET_TIMEOUT_S)
        if self._is_tls:
            context = ssl.create_default_context(cafile=tls_options().get("ca_file"))
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)
        self.opened = self.sock


class _Hop:
    """One request. `run` blocks; `interrupt` ends it from another thread."""

    def __init__(self, target: _Target, number: str, file: IO[bytes], max_bytes: int) -> None:
        self._target = target
        self._connection = _Connection(target, number)
        self._file = file
        self._max_bytes = max_bytes
        self._is_interrupted = False

    def run(self) -> str | None:
        """Write the response's body to the file; or return the location of a redirect."""
        with contextlib.closing(self._connection):
            try:
                return self._request()
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = "the host stopped sending" if isinstance(error, TimeoutError) else type(error).__name__
                raise SourceNotFoundError(f"{self._target.name} cannot be fetched: {reason}") from None

    def interrupt(self) -> None:
        self._is_interrupted = True
        opened = self._connection.opened
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def _request(self) -> str | None:
        parts = self._target.parts
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "voxtide", "Accept": "*/*", "Accept-Encoding": "identity"}
        self._connection.request("GET", path, headers=headers)
        with self._connection.getresponse() as response:
            return self._receive(response)

    def _receive(self, response: http.client.HTTPResponse) -> str | None:
        if response.status in _REDIRECTS and (location := response.getheader("Location")):
            return location
        if response.status in (404, 410):
            raise SourceNotFoundError(f"there is nothing at {self._target.name}")
        if response.status != 200:
            raise AudioError(f"{self._target.name} cannot be fetched: its host answers {response.status}")
        self._write(response)
        return None

    def _write(self, response: http.client.HTTPResponse) -> None:
        content_length = response.length
        if content_length is not None and content_length > self._max_bytes:
            raise too_big(self._max_bytes)
        num_bytes = 0
        while not self._is_interrupted and (piece := response.read1(_PIECE_BYTES)):
            num_bytes += len(piece)
            if num_bytes > self._max_bytes:
                raise too_big(self._max_bytes)
            self._file.write(piece)
        if content_length is not None and num_bytes < content_length:
            raise AudioError(f"{self._target.name} broke off after {num_bytes} of {content_length} bytes")


async def _in_thread(hop: _Hop) -> str | None:
    """Run the request in a thread; the thread has ended when this returns."""
    running = asyncio.create_task(asyncio.to_thread(hop.run))
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            hop.interrupt()
            await asyncio.wait({running})  # bounded by `SOCKET_TIMEOUT_S` if the connection is not open yet
            running.exception()


def _refused(reason: str) -> RequestRefusedError:
    return RequestRefusedError(reason, code="file_url_refused", param="file_url")
