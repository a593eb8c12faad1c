"""The vLLM engine. In: an address, a model, a key. Out: an `Engine` of connections in the vLLM dialect."""

from __future__ import annotations

from voxtide.client.connect import open_vllm
from voxtide.client.connection import Connection
from voxtide.client.dialects.base import DialectOptions
from voxtide.engines.remote_stream import ConnectedEngine
from voxtide.types import EngineInfo, StreamOptions

DEFAULT_SERVER = "http://localhost:8000"
"""Where `vllm serve` listens unless it is told otherwise."""


class VllmEngine(ConnectedEngine):
    """Streams on a vLLM server."""

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(name="vllm", model=self.model or "")

    def connection(self, options: StreamOptions) -> Connection:
        self.info.check(options)
        return open_vllm(DialectOptions(model=self.model, options=options), self.server, self.api_key, self.config)


def load(
    *,
    server: str | None = None,
    api_key: str | None = None,
    model: str | None = None,
    max_streams: int | None = None,
) -> VllmEngine:
    """An engine on a vLLM server; None for the one on this machine.

    Raises:
        ConfigError: No model is named, or the address, the key or a number cannot be used.
    """
    return VllmEngine(server or DEFAULT_SERVER, api_key=api_key, model=model, max_streams=max_streams)
