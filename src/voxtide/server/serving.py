"""The listening socket and what comes through it. In: a server's services and application. Out: served clients.

uvicorn parses HTTP and runs the application. An upgrade request becomes our own `ServerConnection`, for three reasons:

- uvicorn's own WebSocket protocols answer 404 to two Connection headers, which livekit-plugins-mistralai sends, and
  the remedy is the same override for all of them.
- A session needs what ASGI does not offer: bounds in bytes, a refusal before the upgrade, an end for slow readers.
- It costs less. Measured for JSON and base64 of 80 ms, 300 paced clients on one core, CPU per message: `websockets`'
  part without I/O 49 us, its asyncio server 51, uvicorn's protocol over it 55, uvicorn's over wsproto 70. (`picows`
  takes 32, but is compiled code of one author that speaks no HTTP.)
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
from voxtide.server.fd_limit import make_room, shortage_told_once
from voxtide.server.metrics import Metrics
from voxtide.server.rates import RateLimiter
from voxtide.server.realtime.connection import ServerConnection
from voxtide.server.realtime.sessions import Sessions
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.server.supervisor import EngineSupervisor
from voxtide.server.tokens import TokenStore

_log = logging.getLogger("voxtide.server")

HEAD_S = 10.0
"""How long a connection may take to a whole request head, or stay without its first one."""

READER_S = 60.0
"""How long a client may leave an answer lying, once the system has taken what it takes. Some are megabytes long, and go
over slow lines."""

BACKLOG = 2048

SEGMENT_BYTES = 1448
"""Packets as Ethernet has them, on the loopback interface as well. With its own of 64 KiB the system lets a client put
three megabytes in line, a minute of audio, and its pings behind them. Measured: it costs us nothing."""

NUM_SPARE_CONNECTIONS = 512
"""Connections beside those of sessions; past them an HTTP request is answered 503."""

NUM_OWN_FILES = 128
"""Open files that are no client's connection: models, pipes of threads and decoders, uploads on disk."""

FILES_PER_SESSION = 4
"""A gateway has a connection to the far side beside the client's, one in reserve, and one that is closing."""

GARBAGE_THRESHOLDS = (10_000, 3, 1)
"""How many new objects, looks, and looks further make Python look for garbage, further, and through all. By itself it
begins at 700, so with hundreds of sessions it would look several times a second. Through all it looks as often as ever:
what sessions leave behind lies there, and 2,000 would leave 6 MB."""

END_S = 5.0
"""Time beyond a session's own for its connection to close, before all that is left is cancelled."""


class _HttpProtocol(H11Protocol):
    """uvicorn's, but it hears every Connection header, and waits neither for a request nor for a reader for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._abort_in("head", HEAD_S)
        # Whatever lies unread is told, also behind the last answer. Not 0: over TLS nothing at all would be too much.
        transport.set_write_buffer_limits(high=1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm("head")
        self._disarm("reader")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._disarm("head")
        elif "head" not in self._timers:  # a next head has begun, and uvicorn waits for its end for ever
            self._abort_in("head", HEAD_S)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_in("reader", READER_S)

    def resume_writing(self) -> None:
        self._disarm("reader")
        super().resume_writing()

    def _abort_in(self, name: str, wait_s: float) -> None:
        self._timers[name] = self.loop.call_later(wait_s, self.transport.abort)

    def _disarm(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _get_upgrade(self) -> bytes | None:
        named = b",".join(value for name, value in self.headers if name == b"connection")
        if b"upgrade" not in {token.strip().lower() for token in named.split(b",")}:
            return None
        return next((value.lower() for name, value in self.headers if name == b"upgrade"), None)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._disarm("head")
        self._disarm("reader")
        super().handle_websocket_upgrade(event)
        early, _ = self.conn.trailing_data  # what a hasty client sent behind its request; uvicorn would drop it
        if early:
            cast("ServerConnection", self.transport.get_protocol()).data_received(early)


class _Uvicorn(uvicorn.Server):
    """uvicorn's, but signals are our caller's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """Serves until it is told to stop.

    Attributes:
        services: What it serves with.
    """

    def __init__(self, app: Any, services: Services) -> None:
        """Prepare to serve `app` and the sessions of `services`.

        Raises:
            ConfigError: The certificate or its key cannot be used.
        """
        self.services = services
        config = services.config

        def connect(*, server_state: Any, **_: object) -> ServerConnection:
            return ServerConnection(services.realtime, config, server_state.connections)

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
                timeout_graceful_shutdown=round(config.drain_s + END_S),
            )
        )
        _check_tls(config)
        self._uvicorn.config.load()

    async def serve(self, sock: socket.socket, stop: asyncio.Event) -> None:
        """Serve clients of the bound `sock` until `stop` is set; then finish what they said, and end. Bounded."""
        num_files = FILES_PER_SESSION * self.services.config.capacity + NUM_SPARE_CONNECTIONS + NUM_OWN_FILES
        make_room(num_files)
        with garbage_frozen(), shortage_told_once():
            await self._serve(sock, stop)

    async def _serve(self, sock: socket.socket, stop: asyncio.Event) -> None:
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[sock]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            self.services.realtime.is_draining = True
            self._uvicorn.should_exit = True
            await serving
            self.services.realtime.close()


@contextlib.contextmanager
def garbage_frozen() -> Iterator[None]:
    """Look for garbage less often, and not in what is there now, until the end of the block.

    Modules and models stay as long as a server, and each look through them would hold up all of its sessions.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        yield
    finally:
        if before != GARBAGE_THRESHOLDS:  # those are another server's, who sets them back
            gc.set_threshold(*before)
        gc.unfreeze()


def listen(config: ServerConfig) -> socket.socket:
    """A socket bound to the configured address.

    Raises:
        ConfigError: The address cannot be had; the message names the remedy.
    """
    host, port = config.host, config.port
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(_why_not(host, port, error)) from error
    sock.setblocking(False)
    if hasattr(socket, "TCP_MAXSEG"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
    return sock


def _check_tls(config: ServerConfig) -> None:
    """Read certificate and key as the server will, but ask nobody for a passphrase: there may be nobody."""
    certificate, key = config.tls_certificate, config.tls_key
    if certificate is None or key is None:
        return

    def refuse() -> str:
        raise ConfigError(f"{key} wants a passphrase; take it off: openssl pkey -in {key} -out plain.pem")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, refuse)
    except OSError as error:  # ssl's own among them
        raise ConfigError(
            f"{certificate} and {key} cannot be used for TLS: {error.strerror or error}; "
            "give a certificate chain and its private key, both in PEM"
        ) from error


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use by another program; choose another: --port {port + 1}"
        case errno.EACCES:
            return f"port {port} needs more rights; choose one above 1023: --port {8000}"
        case _:
            reason = (error.strerror or str(error)).partition(" (while")[0]  # what we say ourselves, in Python's words
            return f"cannot listen on {host!r} port {port}: {reason}; --host 127.0.0.1 always works"


def assemble(
    config: ServerConfig,
    supervisor: EngineSupervisor,
    *,
    version: str,
    voice: VadModel | None = None,
    endpoints: Callable[[Services], Iterable[Endpoint]] | None = None,
) -> Server:
    """A server over the engine that the entered `supervisor` keeps alive.

    Args:
        config: Its settings.
        supervisor: Whose engine it uses.
        version: What /openapi.json says.
        voice: The speech model, for clients that choose how turns are detected; None where none can.
        endpoints: Makes further endpoints out of the services.
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
    realtime = Sessions(supervisor, config, access, metrics, vad=None if voice is None else VadWorker(voice))
    services = Services(
        config=config, supervisor=supervisor, realtime=realtime, access=access, tokens=tokens, metrics=metrics
    )
    app = create_app(services, endpoints(services) if endpoints else (), version=version)
    return Server(app, services)
