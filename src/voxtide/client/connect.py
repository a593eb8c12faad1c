"""`voxtide.connect`. In: an address, a key, wishes, all plain. Out: a `Connection`, not yet open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.client.config import ClientConfig
from voxtide.client.connection import Connection
from voxtide.client.dialects.base import ClientDialect, DialectOptions
from voxtide.client.dialects.mistral import MistralDialect
from voxtide.client.dialects.vllm import VllmDialect
from voxtide.client.transport.websocket import MISTRAL_CLOUD, is_mistral_cloud, parse_address
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, StreamOptions

CLOUD_MODEL = "voxtral-mini-transcribe-realtime-latest"
"""What Mistral's own service is asked for where no model is named."""

_KEY = re.compile(r"[!-~]+")
"""What a header can carry: printable ASCII without spaces."""


def connect(
    server: str = MISTRAL_CLOUD,
    *,
    api_key: str | None = None,
    model: str | None = None,
    language: str | None = None,
    delay_ms: int | None = None,
    vocabulary: Sequence[str] = (),
    interim: bool = True,
    encoding: str = "pcm_s16le",
    sample_rate_hz: int = SAMPLE_RATE_HZ,
    config: ClientConfig | None = None,
) -> Connection:
    """A connection to voxtide, to Mistral's service or to any server of its realtime dialect.

    Enter it with `async with`, or await it and close it yourself. Entering raises `ConnectionFailedError`,
    `CapacityError` or `UnsupportedOptionError` where the server cannot be reached, is full or refuses an option.

    Args:
        server: Its address, such as http://localhost:8000; http, https, ws and wss will do.
        api_key: Sent as a header, and shown nowhere. Mistral's service needs one; None where the server wants none.
        model: A model the server runs; None for its default.
        language: ISO 639-1 code of the speech; None to let the server decide.
        delay_ms: The model's look-ahead, where the server has a choice.
        vocabulary: Words to expect, where the server can use them.
        interim: Whether to ask for text that may still change, where the server tells it (voxtide does).
        encoding: Of the bytes given to `send_audio`, one channel: pcm_s16le, pcm_s32le, pcm_f16le, pcm_f32le,
            pcm_mulaw or pcm_alaw.
        sample_rate_hz: Of the audio, 8000 to 96000.
        config: How patient the connection is and how much it keeps.

    Raises:
        ConfigError: An argument cannot be used.
    """
    options = StreamOptions(language=language, delay_ms=delay_ms, vocabulary=tuple(vocabulary), interim=interim)
    pcm = PcmFormat(Encoding.parse(encoding), sample_rate_hz)
    return open_mistral(DialectOptions(model=model, pcm=pcm, options=options), server, api_key, config)


def open_mistral(
    wishes: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None = None
) -> Connection:
    """A connection in the Mistral dialect.

    Raises:
        ConfigError: An argument cannot be used, or there is no key for Mistral's own service.
    """
    if is_mistral_cloud(server):
        if api_key is None:
            raise ConfigError(
                f"Mistral's own service, {MISTRAL_CLOUD}, needs an API key: pass api_key (on the command line "
                "--api-key, or MISTRAL_API_KEY in the environment); or give the address of another server"
            )
        wishes = DialectOptions(model=wishes.model or CLOUD_MODEL, pcm=wishes.pcm, options=wishes.options)
    return _connection(MistralDialect(wishes), wishes, server, api_key, config)


def open_vllm(
    wishes: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None = None
) -> Connection:
    """A connection in the vLLM dialect."""
    return _connection(VllmDialect(wishes), wishes, server, api_key, config)


def _connection(
    dialect: ClientDialect, wishes: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None
) -> Connection:
    if api_key is not None and not _KEY.fullmatch(api_key):
        raise ConfigError("the API key is empty or holds a character that no key has; copy it again")  # never shows it
    address = parse_address(server, path=dialect.path, query=dialect.query())
    if api_key and "@" in urlsplit(address.url).netloc:
        raise ConfigError("the address holds a user name, and there is a key as well; a request has room for one")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return Connection(address, dialect, headers=headers, pcm=wishes.pcm, config=config or ClientConfig())
