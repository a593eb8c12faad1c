"""The engine for a vLLM server. In: its address, the model's name. Out: an `Engine` whose streams are connections.

vLLM's realtime API runs one generation at a time and has no flush: each flush ends a generation and starts the next.
`client/` buffers the audio in between.
"""

from __future__ import annotations

from voxtide.client.connect import open_vllm
from voxtide.client.connection import Connection
from voxtide.client.dialects.base import DialectOptions
from voxtide.engines.remote_stream import ConnectedEngine
from voxtide.types import EngineInfo, StreamOptions

DEFAULT_SERVER = "http://localhost:8000"
"""The default address of `vllm serve`."""


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
    """Make an engine for a vLLM server; None for `DEFAULT_SERVER`.

    Raises:
        ConfigError: The model's name is missing, or the address, the key or a number is unusable.
    """
    return VllmEngine(server or DEFAULT_SERVER, api_key=api_key, model=model, max_streams=max_streams)
