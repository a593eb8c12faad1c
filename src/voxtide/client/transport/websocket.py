"""One WebSocket connection to a server. In: an address, messages. Out: server messages. Knows no utterances.

The only module of the client that imports `websockets`. The API key goes into one header only; the library's log of
what it sends is disabled.
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

MISTRAL_CLOUD = "https://api.mistral.ai"
"""Mistral's own service, global endpoint."""

MAX_MESSAGE_BYTES = 16 << 20
"""Longest message accepted. Servers stay below 1 MiB; a final text of many hours fits into this."""

PING_S = 20.0
"""Ping interval and timeout: a half-open connection is detected within 40 s."""

CLOSE_S = 1.0
"""Timeout of the close handshake. No text is lost when it expires."""

CONFIRMATION_S = 2.0
"""Timeout of the server's confirmation of the settings. Without one they count as accepted."""

_MAX_SHOWN_BYTES = 300
"""Part of a refusal's body shown in the error: enough for a reason, too little for a page."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429})
_CAPACITY_STATUSES = frozenset({429, 503})
_CAPACITY_CLOSE = 1013
_PERMANENT_CLOSES = frozenset({1002, 1003, 1007, 1008, 1009})
"""Close codes by which a server rejects what was sent (RFC 6455)."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class ConnectionLostError(Exception):
    """A connection could not be opened, or was lost. Does not leave the client.

    Attributes:
        error: The error to raise to the caller if reconnecting fails.
        is_permanent: Whether a retry would fail in the same way.
    """

    def __init__(self, error: VoxtideError, *, is_permanent: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_permanent = is_permanent


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The address of a WebSocket endpoint.

    Attributes:
        url: The URL to open; may contain a secret.
        shown: For messages: without user name, password and query.
        is_local: Whether it is on this machine, so that no proxy is used.
    """

    url: str = field(repr=False)
    shown: str
    is_local: bool


class ClientSocket:
    """An open connection to a server that is ready.

    Attributes:
        ready: The server's `Ready` message.
        opened_at_s: When it was opened, on the event loop's clock.
        loss: Why it was lost; None while it is open.
    """

    def __init__(self, connection: ClientConnection, address: ServerAddress, dialect: ClientDialect) -> None:
        self._connection = connection
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
            ConnectionLostError: It cannot be opened.
        """
        try:
            async with asyncio.timeout(timeout_s):
                socket = cls(await _Connect(address, headers), address, dialect)
                try:
                    await socket._handshake()
                except BaseException:
                    await socket.close()
                    raise
                return socket
        except TimeoutError:
            raise _failed(f"{address.shown} did not answer within {timeout_s:g} s") from None
        except InvalidStatus as refusal:
            raise _refused(address, refusal) from None
        except (OSError, WebSocketException, ValueError) as error:
            raise _failed(f"cannot reach {address.shown}: {_reason(error)}{_remedy(error)}") from None

    @property
    def is_open(self) -> bool:
        """Whether it is open, as far as is known."""
        return self.loss is None and self._connection.close_code is None

    def check(self) -> None:
        """Raise if it was lost.

        Raises:
            ConnectionLostError: It was.
        """
        if self.loss is not None:
            raise self.loss

    async def send(self, message: str) -> None:
        """Send a message. Waits while the write buffer is full.

        Raises:
            ConnectionLostError: The connection was lost.
        """
        try:
            await self._connection.send(message)
        except (ConnectionClosed, OSError) as closed:
            raise self._lost(closed) from None

    async def receive(self) -> ServerMessage:
        """The next message.

        Raises:
            ConnectionLostError: The connection was lost.
        """
        while True:
            try:
                frame = await self._connection.recv()
            except (ConnectionClosed, OSError) as closed:
                raise self._lost(closed) from None
            message = self._dialect.parse(frame)
            if isinstance(message, ServerFailure):
                self._failure = message  # the reason to report if the server closes the connection
            if message is not None:
                return message

    async def close(self) -> None:
        """Close it, within `CLOSE_S`. Idempotent. No task may be in `receive`."""
        draining = asyncio.create_task(self._drain())
        try:
            await self._connection.close()
        finally:
            draining.cancel()
            await asyncio.wait({draining})

    async def _drain(self) -> None:
        """Discard the remaining messages; the server's close frame comes after them."""
        with suppress(ConnectionClosed):
            while True:
                await self._connection.recv()

    async def _handshake(self) -> None:
        self.ready = await self._await_ready()
        for message in self._dialect.configure(self.ready):
            await self.send(message)
        if self._dialect.is_confirmed(self.ready):
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRMATION_S):
                    await self._await_updated()

    async def _await_updated(self) -> None:
        while not isinstance(message := await self.receive(), Updated):
            if isinstance(message, ServerFailure):
                error = UnsupportedOptionError(f"{self._address.shown}: {message.message}")
                raise ConnectionLostError(error, is_permanent=True)

    async def _await_ready(self) -> Ready:
        while not isinstance(message := await self.receive(), Ready):
            if isinstance(message, ServerFailure):
                error = ConnectionFailedError(f"{self._address.shown}: {message.message}")
                raise ConnectionLostError(error, is_permanent=message.is_permanent)
        return message

    def _lost(self, closed: Exception) -> ConnectionLostError:
        received = closed.rcvd if isinstance(closed, ConnectionClosed) else None
        code = received.code if received else None
        reason = self._failure.message if self._failure else _reason(closed)
        text = f"{self._address.shown} closed the connection: {reason}"
        if code == _CAPACITY_CLOSE:
            return ConnectionLostError(CapacityError(text), is_permanent=False)
        is_permanent = code in _PERMANENT_CLOSES or (self._failure is not None and self._failure.is_permanent)
        return ConnectionLostError(ConnectionFailedError(text), is_permanent=is_permanent)


class _Connect(connect):
    """The library's connect without redirects, which could send the key to another host."""

    def __init__(self, address: ServerAddress, headers: dict[str, str]) -> None:
        super().__init__(
            address.url,
            additional_headers=headers,
            compression=None,  # audio compresses poorly, and it costs time at both ends
            proxy=None if address.is_local else True,
            open_timeout=None,  # `ClientSocket.open` has its own
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_S,
            max_size=MAX_MESSAGE_BYTES,
            ssl=tls_context() if address.url.startswith("wss:") else None,
            logger=_QuietLogger(logging.getLogger("voxtide.client"), {}),
        )

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """Disables the library's debug messages: they contain all headers and all audio."""

    def isEnabledFor(self, level: int) -> bool:
        return level > logging.INFO and super().isEnabledFor(level)


def parse_address(server: str, *, path: str, query: dict[str, str]) -> ServerAddress:
    """The address of the endpoint `path` at `server`.

    Args:
        server: http, https, ws or wss, with an optional path prefix. May also be the endpoint's full address.
        path: Starts with /v1/.
        query: Appended to the query of `server`.

    Raises:
        ConfigError: The address is invalid.
    """
    try:
        parts = urlsplit(server.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # invalid port or brackets
        raise _invalid_address(server) from None
    shown_host = f"[{host}]" if host and ":" in host else host
    shown = f"{parts.scheme}://{shown_host}{f':{port}' if port is not None else ''}"
    if parts.scheme not in _SCHEMES or not host or parts.fragment:
        raise _invalid_address(server)
    prefix = parts.path.rstrip("/").removesuffix(path).removesuffix("/v1")
    full_query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *query.items()])
    url = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, prefix + path, full_query, ""))
    return ServerAddress(url, shown + prefix, _is_local(host))


def is_mistral_cloud(server: str) -> bool:
    """Whether an address given by a user is Mistral's own service, which needs a key and a model name."""
    return server.strip().rstrip("/").removesuffix("/v1") == MISTRAL_CLOUD


def _invalid_address(server: str) -> ConfigError:
    may_be_secret = any(sign in server for sign in "@?#")  # these delimit passwords and tokens
    named = "the given address (not shown, it may contain a secret)" if may_be_secret else repr(server)
    return ConfigError(
        f"{named} is not a server address: it must begin with http://, https://, ws:// or wss:// and name a host, "
        "such as http://localhost:8000"
    )


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(address: ServerAddress, refusal: InvalidStatus) -> ConnectionLostError:
    status = refusal.response.status_code
    text = f"{address.shown} refused the connection: HTTP {status}"
    match status:
        case 401 | 403:
            text += "; is the API key right?"
        case 404:
            text += "; is there a server of this dialect at this address?"
        case 300 | 301 | 302 | 303 | 307 | 308:
            location = refusal.response.headers.get("Location", "nowhere")
            text += f"; it has moved to {location.partition('?')[0]}"  # the query may contain a secret
        case _:
            body = bytes(refusal.response.body or b"")[:_MAX_SHOWN_BYTES].decode("utf-8", "replace")
            text += f": {' '.join(body.split())}" if body.strip() else ""
    if status in _CAPACITY_STATUSES:
        return ConnectionLostError(CapacityError(text), is_permanent=False)
    is_permanent = status < 500 and status not in _TRANSIENT_STATUSES
    return ConnectionLostError(ConnectionFailedError(text), is_permanent=is_permanent)


def _failed(text: str) -> ConnectionLostError:
    return ConnectionLostError(ConnectionFailedError(text), is_permanent=False)


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
