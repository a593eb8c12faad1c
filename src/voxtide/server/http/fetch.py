"""Audio behind an address. In: what a client wrote as `file_url`. Out: the bytes in a file, or a refusal.

An address must not make this server a door into its own network: only http and https, and every host name, also behind
a redirect, is looked up once, must lead to public addresses alone, and the connection goes to what was looked up.
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

SILENCE_S = 30.0
"""How long a host may send nothing."""

LOOK_UP_S = 10.0

_PIECE_BYTES = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def fetch(url: str, file: IO[bytes], *, max_bytes: int, is_private_allowed: bool) -> None:
    """Write what lies at `url` into `file`, and go back to its beginning. The caller bounds the time.

    Raises:
        Refusal: The address may not be fetched, or there is more than `max_bytes`.
        SourceNotFoundError: Nothing answers there, or it has no such thing.
        AudioError: It may not be read.
    """
    for _ in range(MAX_REDIRECTS + 1):
        target = _target(url)
        host = await _look_up(target, is_private_allowed=is_private_allowed)
        hop = _Hop(target, host, file, max_bytes)
        redirect = await _in_thread(hop)
        if redirect is None:
            file.seek(0)
            return
        url = urljoin(url, redirect)
    raise AudioError(f"file_url was redirected more than {MAX_REDIRECTS} times")


@dataclass(frozen=True, slots=True)
class _Target:
    """An address that may be asked, as far as its text tells. `name` is for messages."""

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
        raise _refused("file_url must be an address such as https://example.com/talk.mp3") from None
    if not isinstance(address, addresses.Address) or scheme not in ("http", "https") or not parts.hostname:
        raise _refused("file_url must begin with http:// or https://")
    if parts.username is not None:
        raise _refused("file_url must not hold a user name or password")
    if not url.isascii():
        raise _refused("file_url must be ASCII; write other characters as %XX")
    if port == 0:
        raise _refused("file_url names port 0, which nothing listens on")
    return _Target(parts, address.name, parts.hostname, port or (443 if scheme == "https" else 80))


async def _look_up(target: _Target, *, is_private_allowed: bool) -> str:
    """One address of the host, as a number. Refused where any of them is not public."""
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise SourceNotFoundError(f"file_url cannot be fetched: there is no host {target.host!r}") from None
    numbers = [str(address[4][0]) for address in found]
    if not is_private_allowed and not all(map(_is_public, numbers)):
        raise _refused(f"file_url may not be fetched: {target.host!r} is not a public address")
    return numbers[0]


def _is_public(number: str) -> bool:
    """Whether an IP address belongs to the public network, also the one inside an address that stands for another."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inner or address
    return address.is_global and not address.is_multicast


class _Connection(http.client.HTTPConnection):
    """Connects to an IP address that was checked, whatever the host's name leads to by now."""

    def __init__(self, target: _Target, number: str) -> None:
        super().__init__(target.host, target.port, timeout=SILENCE_S)
        self._number = number
        self._is_tls = target.parts.scheme.lower() == "https"
        self.default_port = 443 if self._is_tls else 80  # what the Host header leaves out
        self.opened: socket.socket | None = None  # `sock` is given away with the answer

    def connect(self) -> None:
        self.sock = socket.create_connection((self._number, self.port), SILENCE_S)
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
        """Write the answer's body; or tell where the host says that it lies."""
        with contextlib.closing(self._connection):
            try:
                return self._ask()
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason = "it sends nothing" if isinstance(error, TimeoutError) else type(error).__name__
                raise SourceNotFoundError(f"{self._target.name} cannot be fetched: {reason}") from None

    def interrupt(self) -> None:
        self._is_interrupted = True
        opened = self._connection.opened
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def _ask(self) -> str | None:
        parts = self._target.parts
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "voxtide", "Accept": "*/*", "Accept-Encoding": "identity"}
        self._connection.request("GET", path, headers=headers)
        with self._connection.getresponse() as answer:
            return self._taken(answer)

    def _taken(self, answer: http.client.HTTPResponse) -> str | None:
        if answer.status in _REDIRECTS and (location := answer.getheader("Location")):
            return location
        if answer.status in (404, 410):
            raise SourceNotFoundError(f"there is nothing at {self._target.name}")
        if answer.status != 200:
            raise AudioError(f"{self._target.name} may not be read: its host answers {answer.status}")
        self._write(answer)
        return None

    def _write(self, answer: http.client.HTTPResponse) -> None:
        stated = answer.length
        if stated is not None and stated > self._max_bytes:
            raise too_big(self._max_bytes)
        num_bytes = 0
        while not self._is_interrupted and (piece := answer.read1(_PIECE_BYTES)):
            num_bytes += len(piece)
            if num_bytes > self._max_bytes:
                raise too_big(self._max_bytes)
            self._file.write(piece)
        if stated is not None and num_bytes < stated:
            raise AudioError(f"{self._target.name} broke off after {num_bytes} of {stated} bytes")


async def _in_thread(hop: _Hop) -> str | None:
    """Run the request in a thread, which has ended when this does."""
    running = asyncio.create_task(asyncio.to_thread(hop.run))
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            hop.interrupt()
            await asyncio.wait({running})  # bounded by `SILENCE_S`, for a connection that was not open yet
            running.exception()


def _refused(reason: str) -> RequestRefusedError:
    return RequestRefusedError(reason, code="file_url_refused", param="file_url")
