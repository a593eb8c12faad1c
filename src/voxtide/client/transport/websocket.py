"""One WebSocket to a server. In: an address, what to say. Out: what was heard. Knows no utterances and no retries.

The one module that names the `websockets` library. The API key goes into one header and nowhere else: the library's
own log of what it sends is kept off.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from voxtide.audio.trust import tls_context
from voxtide.client.dialects.base import ClientDialect, Ready, ServerFailure, ServerMessage, Updated
from voxtide.errors import CapacityError, ConfigError, ConnectionFailedError, UnsupportedOptionError, VoxtideError

MAX_MESSAGE_BYTES = 16 << 20
"""The longest message taken: servers keep under 1 MiB; a final text of many hours is still shorter than this."""

PING_S = 20.0
"""How often the server is asked whether it is there, and how long it may take: half-open sockets end within 40 s."""

CLOSE_S = 1.0
"""How long a server may take to answer a close. Nothing is lost where it does not."""

CONFIRMATION_S = 2.0
"""How long a server may take to confirm settings. One that never does is taken to have them."""

_MAY_PASS_STATUSES = frozenset({408, 425, 429})
_CAPACITY_STATUSES = frozenset({429, 503})
_CAPACITY_CLOSE = 1013
_REFUSING_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009})
"""Close codes by which a server says that it will not have what we send (RFC 6455)."""


class ConnectionLostError(Exception):
    """A connection could not be opened, or is gone. Caught in this room.

    Attributes:
        error: What to raise where nothing else helps.
        is_final: Whether another attempt would end in the same way.
    """

    def __init__(self, error: VoxtideError, *, is_final: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_final = is_final


class ClientSocket:
    """An open connection whose server is ready.

    Attributes:
        ready: What the server said of itself.
        opened_at_s: When it was opened, on the event loop's clock.
        loss: Why it is gone; None while it stands.
    """

    def __init__(self, socket: ClientConnection, address: ServerAddress, dialect: ClientDialect) -> None:
        self._socket = socket
        self._address = address
        self._dialect = dialect
        self._failure: ServerFailure | None = None
        self.ready = Ready()
        self.opened_at_s = asyncio.get_running_loop().time()
        self.loss: ConnectionLostError | None = None

    @classmethod
    async def open(
        cls, address: ServerAddress, dialect: ClientDialect, headers: dict[str, str], timeout_s: float
    ) -> ClientSocket:
        """Open a connection and wait until the server is ready.

        Raises:
            Loss: It cannot be opened.
        """
        try:
            async with asyncio.timeout(timeout_s):
                wire = cls(await _Connect(address, headers), address, dialect)
                try:
                    await wire._greet()
                except BaseException:
                    await wire.close()
                    raise
                return wire
        except TimeoutError:
            raise _failed(f"{address.shown} did not answer within {timeout_s:g} s") from None
        except InvalidStatus as refusal:
            raise _refused(address, refusal) from None
        except (OSError, WebSocketException, ValueError) as error:
            raise _failed(f"cannot reach {address.shown}: {_reason(error)}{_remedy(error)}") from None

    @property
    def is_open(self) -> bool:
        """Whether it stands as far as we know."""
        return self.loss is None and self._socket.close_code is None

    def check(self) -> None:
        """Raise if it is gone.

        Raises:
            Loss: It is.
        """
        if self.loss is not None:
            raise self.loss

    async def send(self, message: str) -> None:
        """Send a message; waits while the server takes none.

        Raises:
            Loss: The connection is gone.
        """
        try:
            await self._socket.send(message)
        except (ConnectionClosed, OSError) as closed:
            raise self._lost(closed) from None

    async def receive(self) -> ServerMessage:
        """What is heard next.

        Raises:
            Loss: The connection is gone.
        """
        while True:
            try:
                frame = await self._socket.recv()
            except (ConnectionClosed, OSError) as closed:
                raise self._lost(closed) from None
            heard = self._dialect.read(frame)
            if isinstance(heard, ServerFailure):
                self._failure = heard  # told if the server hangs up, which is its way to say that it was serious
            if heard is not None:
                return heard

    async def close(self) -> None:
        """Close it; bounded. Twice is the same as once. Nobody may be receiving."""
        draining = asyncio.create_task(self._drain())
        try:
            await self._socket.close()
        finally:
            draining.cancel()
            await asyncio.wait({draining})

    async def _drain(self) -> None:
        """Take what is left, for the server's answer to the close lies behind it."""
        with suppress(ConnectionClosed):
            while True:
                await self._socket.recv()

    async def _greet(self) -> None:
        self.ready = await self._await_ready()
        for message in self._dialect.configure(self.ready):
            await self.send(message)
        if self._dialect.is_confirmed(self.ready):
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRMATION_S):
                    await self._await_updated()

    async def _await_updated(self) -> None:
        while not isinstance(heard := await self.receive(), Updated):
            if isinstance(heard, ServerFailure):
                raise ConnectionLostError(
                    UnsupportedOptionError(f"{self._address.shown}: {heard.message}"), is_final=True
                )

    async def _await_ready(self) -> Ready:
        while not isinstance(heard := await self.receive(), Ready):
            if isinstance(heard, ServerFailure):
                raise ConnectionLostError(
                    ConnectionFailedError(f"{self._address.shown}: {heard.message}"), is_final=heard.is_final
                )
        return heard

    def _lost(self, closed: Exception) -> ConnectionLostError:
        received = closed.rcvd if isinstance(closed, ConnectionClosed) else None
        code = received.code if received else None
        reason = self._failure.message if self._failure else _reason(closed)
        told = f"{self._address.shown} ended the connection: {reason}"
        if code == _CAPACITY_CLOSE:
            return ConnectionLostError(CapacityError(told), is_final=False)
        is_final = code in _REFUSING_CLOSES or (self._failure is not None and self._failure.is_final)
        return ConnectionLostError(ConnectionFailedError(told), is_final=is_final)


class _Connect(connect):
    """The library's way to open, less its redirects: they could carry the key to somebody else."""

    def __init__(self, address: ServerAddress, headers: dict[str, str]) -> None:
        super().__init__(
            address.url,
            additional_headers=headers,
            compression=None,  # audio hardly shrinks, and it would cost time at both ends
            proxy=None if address.is_local else True,
            open_timeout=None,  # the caller's holds for all of the opening
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_S,
            max_size=MAX_MESSAGE_BYTES,
            ssl=tls_context() if address.url.startswith("wss:") else None,
            logger=_Discreet(logging.getLogger("voxtide.client"), {}),
        )

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _Discreet(logging.LoggerAdapter[logging.Logger]):
    """Hides that debug messages are wanted: the library's hold all headers and all audio."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.INFO and super().isEnabledFor(level)


def _refused(address: ServerAddress, refusal: InvalidStatus) -> ConnectionLostError:
    status = refusal.response.status_code
    told = f"{address.shown} refused the connection: HTTP {status}"
    match status:
        case 401 | 403:
            told += "; is the API key right?"
        case 404:
            told += "; is there a server of this dialect at this address?"
        case 300 | 301 | 302 | 303 | 307 | 308:
            place = refusal.response.headers.get("Location", "nowhere")
            told += f"; it has moved to {place.partition('?')[0]}"  # what follows may be secret
        case _:
            body = bytes(refusal.response.body or b"")[:_MAX_SHOWN_BYTES].decode("utf-8", "replace")
            told += f": {' '.join(body.split())}" if body.strip() else ""
    if status in _CAPACITY_STATUSES:
        return ConnectionLostError(CapacityError(told), is_final=False)
    return ConnectionLostError(ConnectionFailedError(told), is_final=status < 500 and status not in _MAY_PASS_STATUSES)


_MAX_SHOWN_BYTES = 300
"""Of a refusal's body: enough for its reason, too little for a page."""


def _failed(told: str) -> ConnectionLostError:
    return ConnectionLostError(ConnectionFailedError(told), is_final=False)


def _remedy(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "; SSL_CERT_FILE can name the authority that signed its certificate"
        case ssl.SSLError():
            return "; does it serve https? Try http://"
        case ConnectionRefusedError():
            return "; is the server running, and is this its port?"
        case _:
            return ""


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


MISTRAL_CLOUD = "https://api.mistral.ai"
"""Mistral's own service, global endpoint."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One WebSocket address.

    Attributes:
        url: To be opened; may hold a secret.
        shown: For people: without user name, password and query.
        is_local: Whether it is this machine, so that no proxy lies between.
    """

    url: str = field(repr=False)
    shown: str
    is_local: bool


def parse_address(server: str, *, path: str, query: dict[str, str]) -> ServerAddress:
    """The address of the endpoint `path` at `server`.

    Args:
        server: http, https, ws or wss; with any path before the endpoint's. The endpoint's own address will do, too.
        path: Begins with /v1/.
        query: Goes behind what the address has.

    Raises:
        ConfigError: It is no such address.
    """
    try:
        parts = urlsplit(server.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # a port or brackets that are none
        raise _no_address(server) from None
    shown_host = f"[{host}]" if host and ":" in host else host
    shown = f"{parts.scheme}://{shown_host}{f':{port}' if port is not None else ''}"
    if parts.scheme not in _SCHEMES or not host or parts.fragment:
        raise _no_address(server)
    prefix = parts.path.rstrip("/").removesuffix(path).removesuffix("/v1")
    full_query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *query.items()])
    url = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, prefix + path, full_query, ""))
    return ServerAddress(url, shown + prefix, _is_local(host))


def is_mistral_cloud(server: str) -> bool:
    """Whether an address as a user gives it is Mistral's own service, which wants a key and a model's name."""
    return server.strip().rstrip("/").removesuffix("/v1") == MISTRAL_CLOUD


def _no_address(server: str) -> ConfigError:
    may_be_secret = any(sign in server for sign in "@?#")  # a password or a token lies beside such a sign
    named = "what was given (not shown, it may hold a secret)" if may_be_secret else repr(server)
    return ConfigError(
        f"{named} is no address of a server: one begins with http://, https://, ws:// or wss:// and names a host, "
        "such as http://localhost:8000"
    )


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
