"""A server put together. In: settings, and an engine's supervisor. Out: what serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from voxtide.audio.vad import VoiceModel
from voxtide.server.access import Access
from voxtide.server.app import Services, create_app
from voxtide.server.config import ServerConfig
from voxtide.server.endpoints import Endpoint
from voxtide.server.metrics import Metrics
from voxtide.server.rates import RateLimiter
from voxtide.server.realtime import Realtime
from voxtide.server.serving import Server
from voxtide.server.supervisor import EngineSupervisor
from voxtide.server.tokens import TokenStore
from voxtide.server.voice import Voice


def assemble(
    config: ServerConfig,
    supervisor: EngineSupervisor,
    *,
    version: str,
    voice: VoiceModel | None = None,
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
    realtime = Realtime(supervisor, config, access, metrics, voice=None if voice is None else Voice(voice))
    services = Services(
        config=config, supervisor=supervisor, realtime=realtime, access=access, tokens=tokens, metrics=metrics
    )
    app = create_app(services, endpoints(services) if endpoints else (), version=version)
    return Server(app, services)
