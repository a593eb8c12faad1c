"""The engine for a voxtide server, Mistral's service, or any server with its realtime dialect.

In: the server's address and a key. Out: an `Engine` whose streams are client connections.
"""

from __future__ import annotations

import re

from voxtide.client.connect import CLOUD_MODEL, open_mistral
from voxtide.client.connection import Connection
from voxtide.client.dialects.base import DialectOptions
from voxtide.client.transport.websocket import MISTRAL_CLOUD, is_mistral_cloud
from voxtide.engines.remote_stream import ConnectedEngine
from voxtide.types import EngineInfo, StreamOptions

DELAYS_MS = (80, 240, 480, 960, 2400)
"""Delays that Mistral's service lists. The service and `open` accept others from 80 to 2400 ms, too."""

MAX_PHRASE_CHARS = 200
"""Longest phrase to expect that a voxtide server accepts in a session. A prompt is one phrase."""

_REST_OF_WORD = re.compile(r"^\S*\s+(?=\S)")
"""The end of a cut word, if another word follows."""


class RemoteEngine(ConnectedEngine):
    """Streams on a server with the Mistral dialect."""

    @property
    def info(self) -> EngineInfo:
        reported = self.ready.model if self.ready else None
        return EngineInfo(
            name="remote",
            model=reported or self.model or (CLOUD_MODEL if is_mistral_cloud(self.server) else "default"),
            is_revising=self.ready is not None and self.ready.has_interim,
            delays_ms=DELAYS_MS,
            can_use_vocabulary=True,
        )

    def fit_prompt(self, prompt: str, vocabulary: tuple[str, ...] = ()) -> str:
        if len(prompt) <= MAX_PHRASE_CHARS:
            return prompt
        end = prompt[-MAX_PHRASE_CHARS - 1 :]  # one more, which shows whether the first word is whole
        return _REST_OF_WORD.sub("", end).rstrip()[-MAX_PHRASE_CHARS:]

    def connection(self, options: StreamOptions) -> Connection:
        return open_mistral(DialectOptions(model=self.model, options=options), self.server, self.api_key, self.config)


def load(
    *,
    server: str | None = None,
    api_key: str | None = None,
    model: str | None = None,
    max_streams: int | None = None,
) -> RemoteEngine:
    """Make an engine for a server; None for Mistral's service.

    Raises:
        ConfigError: The address, the key or a number is unusable, or the key for Mistral's service is missing.
    """
    return RemoteEngine(server or MISTRAL_CLOUD, api_key=api_key, model=model, max_streams=max_streams)
