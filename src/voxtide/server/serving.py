"""The listening socket and its connections. In: configuration, an engine, endpoints. Out: a server; served clients.

uvicorn parses HTTP and runs the application. An upgrade request becomes our own `ServerConnection`, for three reasons:

- uvicorn's own WebSocket protocols answer 404 to two Connection headers, which livekit-plugins-mistralai sends; all of
  them need the same override.
- A session needs what ASGI does not offer: limits in bytes, a refusal before the upgrade, a timeout for slow readers.
- It costs less. CPU per message of JSON and base64 of 80 ms, 300 paced clients on one core: `websockets`' Sans-I/O part
  49 us, its asyncio server 51, uvicorn's protocol over it 55, uvicorn's over wsproto 70. (`picows` takes 32, but is
  compiled code by one author that speaks no HTTP.)
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from voxtide.audio.vad import VadModel
from voxtide.errors import ConfigError
from voxtide.server.access import Access
from voxtide.server.app import Services, create_app
from voxtide.server.config import ServerConfig
from voxtide.server.endpoints import Endpoint
from voxtide.server.fd_limit import raise_fd_limit, rate_limited_fd_errors
from voxtide.server.metrics import Metrics
from voxtide.server.rates import RateLimiter
from voxtide.server.realtime.connection import ServerConnection
from voxtide.server.realtime.sessions import Sessions
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.server.supervisor import EngineSupervisor
from voxtide.server.tokens import TokenStore

_log = logging.getLogger("voxtide.server")

REQUEST_HEAD_S = 10.0
"""How long a connection may take to send a request head, the first or a later one."""

RESPONSE_UNREAD_S = 60.0
"""How long a client may leave a response unread once the socket buffer is full. Some are megabytes on slow links."""

SHUTDOWN_S = 5.0
"""Time after `drain_s` for connections to close, before the rest is cancelled."""

BACKLOG = 2048

SEGMENT_BYTES = 1448
"""Maximum TCP segment size, as on Ethernet, also on the loopback interface. With its default of 64 KiB the kernel
buffers three megabytes, a minute of audio, and the client's pings behind it. Measured: no cost."""

NUM_SPARE_CONNECTIONS = 512
"""Connections besides those of sessions. If more are open, an HTTP request is answered 503."""

NUM_OWN_FILES = 128
"""Open files other than client connections: models, pipes of threads and decoders, uploads on disk."""

FILES_PER_SESSION = 4
"""In a gateway: the client's connection, the upstream one, a spare, and one that is closing."""

GC_THRESHOLDS = (10_000, 3, 1)
"""Python's default first threshold of 700 collects several times a second with hundreds of sessions. Full collections
stay as frequent as by default: with 2,000 ended sessions they would otherwise leave 6 MB."""


class _HttpProtocol(H11Protocol):
    """uvicorn's, with support for several Connection headers, and timeouts for request heads and unread responses."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._abort_in("head", REQUEST_HEAD_S)
        # pause_writing for any unread byte, also of the last response. Not 0: TLS would then always be above the mark.
        transport.set_write_buffer_limits(high=1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel("head")
        self._cancel("unread")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._cancel("head")
        elif "head" not in self._timers:  # a later head has begun; uvicorn has no timeout for it
            self._abort_in("head", REQUEST_HEAD_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_in("unread", RESPONSE_UNREAD_S)

    def resume_writing(self) -> None:
        self._cancel("unread")
        super().resume_writing()

    def _abort_in(self, name: str, delay_s: float) -> None:
        self._timers[name] = self.loop.call_later(delay_s, self.transport.abort)

    def _cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _get_upgrade(self) -> bytes | None:
        connection = b",".join(value for name, value in self.headers if name == b"connection")
        if b"upgrade" not in {token.strip().lower() for token in connection.split(b",")}:
            return None
        return next((value.lower() for name, value in self.headers if name == b"upgrade"), None)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._cancel("head")
        self._cancel("unread")
        super().handle_websocket_upgrade(event)
        early, _ = self.conn.trailing_data  # sent by the client before our response; uvicorn would drop it
        if early:
            cast("ServerConnection", self.transport.get_protocol()).data_received(early)


class _Uvicorn(uvicorn.Server):
    """uvicorn's, without its signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """Serves until its stop event is set.

    Attributes:
        services: What the endpoints and sessions use.
    """

    def __init__(self, app: Any, services: Services) -> None:
        """Prepare to serve `app` and the sessions of `services`.

        Raises:
            ConfigError: The certificate or its key cannot be used.
        """
        self.services = services
        config = services.config

        def connect(*, server_state: Any, **_: object) -> ServerConnection:
            return ServerConnection(services.sessions, config, server_state.connections)

        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                http=_HttpProtocol,
                ws=cast("Any", connect),
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=config.capacity + NUM_SPARE_CONNECTIONS,
                ssl_certfile=config.tls_certificate,
                ssl_keyfile=config.tls_key,
                timeout_graceful_shutdown=round(config.drain_s + SHUTDOWN_S),
            )
        )
        _check_tls(config)
        self._uvicorn.config.load()

    async def serve(self, sock: socket.socket, stop: asyncio.Event) -> None:
        """Serve clients of the bound `sock` until `stop` is set; then drain the sessions and return. Bounded."""
        num_files = FILES_PER_SESSION * self.services.config.capacity + NUM_SPARE_CONNECTIONS + NUM_OWN_FILES
        raise_fd_limit(num_files)
        with tuned_gc(), rate_limited_fd_errors():
            await self._serve(sock, stop)

    async def _serve(self, sock: socket.socket, stop: asyncio.Event) -> None:
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[sock]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self.services.sessions.is_draining = True
            self._uvicorn.should_exit = True
            await serving
            self.services.sessions.close()


def assemble(
    config: ServerConfig,
    supervisor: EngineSupervisor,
    *,
    version: str,
    vad: VadModel | None = None,
    endpoints: Callable[[Services], Iterable[Endpoint]] | None = None,
) -> Server:
    """A server over the engine of an entered `supervisor`.

    Args:
        config: The server's settings.
        supervisor: Owns the engine.
        version: The version in /openapi.json.
        vad: The VAD model for turn detection by client request; None to offer none.
        endpoints: Creates further endpoints from the services.
    """
    tokens, metrics = TokenStore(), Metrics()
    supervisor.observe_steps(metrics.on_step)
    access = Access(
        keys=config.keys,
        origins=config.origins,
        tokens=tokens,
        request_rates=RateLimiter(config.requests_per_minute),
        session_rates=RateLimiter(config.sessions_per_minute),
    )
    sessions = Sessions(supervisor, config, access, metrics, vad=None if vad is None else VadWorker(vad))
    services = Services(
        config=config, supervisor=supervisor, sessions=sessions, access=access, tokens=tokens, metrics=metrics
    )
    app = create_app(services, endpoints(services) if endpoints else (), version=version)
    return Server(app, services)


def listen(config: ServerConfig) -> socket.socket:
    """A socket bound to the configured address.

    Raises:
        ConfigError: The address cannot be bound; the message names the remedy.
    """
    host, port = config.host, config.port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(_bind_error(host, port, error)) from error
    sock.setblocking(False)
    if hasattr(socket, "TCP_MAXSEG"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    return sock


@contextlib.contextmanager
def tuned_gc() -> Iterator[None]:
    """Collect garbage less often, and exclude the objects that exist now, until the end of the block.

    Modules and models live as long as a server, and each collection that scans them would block all sessions.
    """
    previous = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        if previous != GC_THRESHOLDS:  # else another server in this process set them, and restores its own
            gc.set_threshold(*previous)
        gc.unfreeze()


def _check_tls(config: ServerConfig) -> None:
    """Load certificate and key as the server will, but without OpenSSL's passphrase prompt."""
    certificate, key = config.tls_certificate, config.tls_key
    if certificate is None or key is None:
        return

    def refuse() -> str:
        raise ConfigError(f"{key} needs a passphrase; remove it: openssl pkey -in {key} -out plain.pem")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, refuse)
    except OSError as error:  # includes ssl.SSLError
        raise ConfigError(
            f"{certificate} and {key} cannot be used for TLS: {error.strerror or error}; "
            "give a certificate chain and its private key, both in PEM"
        ) from error


def _bind_error(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use by another program; choose another: --port {port + 1}"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one above 1023: --port {8000}"
        case _:
            reason = (error.strerror or str(error)).partition(" (while")[0]  # Python repeats the address after it
            return f"cannot listen on {host!r} port {port}: {reason}; --host 127.0.0.1 always works"
