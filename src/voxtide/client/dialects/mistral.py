"""The client side of the Mistral realtime dialect. In: requests, frames. Out: frames, server messages. No I/O.

Hosted servers reject unknown fields. Only requested fields are sent, and voxtide's extensions only to servers that
announce them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxtide.client.dialects.base import (
    DialectOptions,
    Done,
    InterimText,
    Language,
    Ready,
    SegmentText,
    ServerFailure,
    ServerMessage,
    Speech,
    Text,
    Updated,
    encode_base64,
    number_field,
    parse_object,
    text_field,
    write_message,
)
from voxtide.errors import ConfigError, UnsupportedOptionError

MIN_DELAY_MS, MAX_DELAY_MS = 80, 2400
"""Delays that the dialect allows. A server may support fewer."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
"""Sample rates that the dialect allows."""

_DEFAULT_FORMAT = {"encoding": "pcm_s16le", "sample_rate": 16_000}

_MAX_CODE_DIGITS = 9
"""Of a code sent as a string. Python refuses to convert numerals of thousands of digits."""

_TRANSIENT_CODES = frozenset({408, 429, 499})
"""4xx codes after which a retry may succeed: timeout, rate limit, client closed."""


class MistralDialect:
    """The dialect with one session's options."""

    path = "/v1/audio/transcriptions/realtime"
    can_end = True

    def __init__(self, requested: DialectOptions) -> None:
        """Check the requested options.

        Raises:
            ConfigError: The dialect does not support the audio format.
            UnsupportedOptionError: The dialect does not support the delay.
        """
        self._model = requested.model
        pcm, options = requested.pcm, requested.options
        if pcm.channels != 1 or not MIN_RATE_HZ <= pcm.sample_rate_hz <= MAX_RATE_HZ:
            raise ConfigError(
                f"cannot send {pcm.channels} channels at {pcm.sample_rate_hz} Hz: the Mistral dialect supports one "
                f"channel at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
            )
        if options.task != "transcribe":
            raise UnsupportedOptionError("the Mistral dialect cannot translate; leave the task out")
        if options.delay_ms is not None and not MIN_DELAY_MS <= options.delay_ms <= MAX_DELAY_MS:
            raise UnsupportedOptionError(
                f"no delay of {options.delay_ms} ms: the Mistral dialect supports {MIN_DELAY_MS} to {MAX_DELAY_MS} ms"
            )
        self._requests_interim = options.interim
        audio_format = {"encoding": str(pcm.encoding), "sample_rate": pcm.sample_rate_hz}
        fields = {
            "audio_format": audio_format if audio_format != _DEFAULT_FORMAT else None,
            "target_streaming_delay_ms": options.delay_ms,
            "language": options.language,
            "context_bias": list(options.vocabulary) or None,
        }
        self._session = {name: value for name, value in fields.items() if value is not None}

    def query(self) -> dict[str, str]:
        return {"model": self._model} if self._model else {}

    def configure(self, ready: Ready) -> list[str]:
        extension = {"speech": ready.has_speech_events, "interim": ready.has_interim and self._requests_interim}
        session = self._session | {name: True for name, is_requested in extension.items() if is_requested}
        return [write_message("session.update", session=session)] if session else []

    def is_confirmed(self, ready: Ready) -> bool:
        return bool(self.configure(ready))

    def begin(self) -> list[str]:
        return []

    def append(self, payload: bytes) -> str:
        return write_message("input_audio.append", audio=encode_base64(payload))

    def flush(self) -> str:
        return write_message("input_audio.flush")

    def end(self) -> str:
        return write_message("input_audio.end")

    def parse(self, frame: str | bytes) -> ServerMessage | None:
        message = parse_object(frame)
        match message.get("type"):
            case "session.created":
                return _ready(message.get("session"))
            case "session.updated":
                return Updated()
            case "transcription.text.delta":
                return Text(text_field(message, "text"))
            case "transcription.text.interim":
                return InterimText(text_field(message, "text"))
            case "transcription.segment":
                return _segment(message)
            case "transcription.language":
                return Language(text_field(message, "audio_language"))
            case "speech.start" | "speech.stop" as kind:
                time_s = number_field(message, "time_s")
                return None if time_s is None else Speech(kind == "speech.start", time_s)
            case "transcription.done":
                return _done(message)
            case "error":
                return _failure(message.get("error"))
            case _:
                return None


def _ready(session: object) -> Ready:
    if not isinstance(session, dict):
        return Ready()
    model = text_field(session, "model") or None
    return Ready(model, has_interim="interim" in session, has_speech_events="speech" in session)


def _segment(message: Mapping[str, Any]) -> SegmentText | None:
    """A segment; None if it has no times, which the `done` message may contain."""
    start_s, end_s = number_field(message, "start"), number_field(message, "end")
    if start_s is None or end_s is None:
        return None
    return SegmentText(text_field(message, "text"), start_s, end_s)


def _done(message: Mapping[str, Any]) -> Done:
    items, usage = message.get("segments"), message.get("usage")
    segments = [_segment(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return Done(
        text_field(message, "text"),
        tuple(segment for segment in segments if segment is not None),
        usage if isinstance(usage, dict) else {},
    )


def _failure(error: object) -> ServerFailure:
    if not isinstance(error, dict):
        return ServerFailure("the server reports an error without a message", is_permanent=False)
    message, code = error.get("message"), error.get("code")
    if isinstance(message, dict):
        message = message.get("detail", message)
    if isinstance(code, str):
        number = int(code) if code.isdecimal() and len(code) <= _MAX_CODE_DIGITS else 0
    else:
        number = code if isinstance(code, int) else 0
    text = f"{message}" if message else "no reason given"
    is_permanent = 400 <= number < 500 and number not in _TRANSIENT_CODES
    return ServerFailure(f"{text} (code {code})" if code is not None else text, is_permanent)
