"""`voxtide.connect`. In: an address, an API key, options. Out: a `Connection`, not yet open."""

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
"""Default model of Mistral's own service."""

_KEY = re.compile(r"[!-~]+")
"""Characters allowed in a header value: printable ASCII without spaces."""


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
    """A connection to voxtide, to Mistral's service or to any server of the Mistral realtime dialect.

    Enter it with `async with`, or await it and close it yourself. Entering raises `ConnectionFailedError`,
    `CapacityError` or `UnsupportedOptionError` if the server is unreachable, full, or refuses an option.

    Args:
        server: Server address, such as http://localhost:8000; http, https, ws or wss.
        api_key: Sent in the `Authorization` header; never logged. None to send none. Mistral's service needs one.
        model: Model name; None for the server's default.
        language: Language of the speech, such as "fr", "fr-FR" or "French"; None to let the server decide.
        delay_ms: The model's look-ahead, if the server supports a choice.
        vocabulary: Words to expect, if the server supports them.
        interim: Whether to request interim text, if the server supports it (voxtide does).
        encoding: Encoding of the bytes given to `send_audio`, one channel: pcm_s16le, pcm_s32le, pcm_f16le, pcm_f32le,
            pcm_mulaw or pcm_alaw.
        sample_rate_hz: Sample rate of the audio, 8000 to 96000.
        config: Timeouts and limits.

    Raises:
        ConfigError: An argument is invalid.
    """
    options = StreamOptions(language=language, delay_ms=delay_ms, vocabulary=tuple(vocabulary), interim=interim)
    pcm = PcmFormat(Encoding.parse(encoding), sample_rate_hz)
    return open_mistral(DialectOptions(model=model, pcm=pcm, options=options), server, api_key, config)


def open_mistral(
    requested: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None = None
) -> Connection:
    """A connection in the Mistral dialect.

    Raises:
        ConfigError: An argument is invalid, or Mistral's own service is used without a key.
    """
    if is_mistral_cloud(server):
        if api_key is None:
            raise ConfigError(
                f"Mistral's own service, {MISTRAL_CLOUD}, needs an API key: pass api_key (on the command line "
                "--api-key, or MISTRAL_API_KEY in the environment); or give the address of another server"
            )
        requested = DialectOptions(model=requested.model or CLOUD_MODEL, pcm=requested.pcm, options=requested.options)
    return _connection(MistralDialect(requested), requested, server, api_key, config)


def open_vllm(
    requested: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None = None
) -> Connection:
    """A connection in the vLLM dialect."""
    return _connection(VllmDialect(requested), requested, server, api_key, config)


def _connection(
    dialect: ClientDialect, requested: DialectOptions, server: str, api_key: str | None, config: ClientConfig | None
) -> Connection:
    if api_key is not None and not _KEY.fullmatch(api_key):
        raise ConfigError("the API key is empty or contains an invalid character; copy it again")  # do not show it
    address = parse_address(server, path=dialect.path, query=dialect.query())
    if api_key and "@" in urlsplit(address.url).netloc:
        raise ConfigError("the address contains a user name and an API key is given as well; use only one of them")
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return Connection(address, dialect, headers=headers, pcm=requested.pcm, config=config or ClientConfig())
