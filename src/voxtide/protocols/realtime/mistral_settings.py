"""What a Mistral client may set. In: the `session` object of `session.update`. Out: settings, and refusals by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.languages import language_code, unknown_language
from voxtide.protocols.fields import MAX_PHRASES, number, read_settings, strings, switch, whole_number
from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.dialect import MAX_RATE_HZ, MIN_RATE_HZ, Configure
from voxtide.protocols.realtime.turns import MAX_SILENCE_MS, TurnConfig
from voxtide.protocols.session_info import SessionInfo
from voxtide.types import EngineInfo, StreamOptions

_ENCODINGS = tuple(encoding.value for encoding in Encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class MistralSettings:
    """A session's settings. `pcm` is None after a refused audio format, until a valid one is set."""

    pcm: PcmFormat | None = PcmFormat()
    delay_ms: int | None = None
    language: str | None = None
    vocabulary: tuple[str, ...] = ()
    turns: TurnConfig | None = None
    has_interim: bool = False
    has_speech: bool = False
    has_notices: bool = False

    def updated(
        self, fields: Mapping[str, Any], engine: EngineInfo
    ) -> tuple[MistralSettings, list[RequestRefusedError]]:
        """Apply the accepted `fields`. Returns the new settings and the refusals. Ignores unknown fields."""
        changes, refusals = read_settings(
            (attribute, partial(read, fields[name], engine))
            for name, (attribute, read) in _READERS.items()
            if name in fields
        )
        return replace(self, **changes), refusals

    def configure(self) -> Configure:
        """The session's part of the settings."""
        options = StreamOptions(
            language=self.language, delay_ms=self.delay_ms, interim=self.has_interim, vocabulary=self.vocabulary
        )
        return Configure(self.pcm or PcmFormat(), options, self.turns)

    def as_session(self, engine: EngineInfo, session: SessionInfo) -> Message:
        """The `session` object of `session.created` and `session.updated`."""
        pcm = self.pcm or PcmFormat()
        return {
            "request_id": session.session_id,
            "model": engine.model,
            "audio_format": {"encoding": pcm.encoding.value, "sample_rate": pcm.sample_rate_hz},
            "target_streaming_delay_ms": self.delay_ms,
            "diarize": False,
            "context_bias": list(self.vocabulary) or None,
            "language": self.language,
            "speaker_references": None,
            "turn_detection": _turn_fields(self.turns) if self.turns else None,
            "interim": self.has_interim,
            "speech": self.has_speech,
            "notices": self.has_notices,
        }


def _read_audio_format(value: Any, _: EngineInfo) -> PcmFormat:
    if value is None:
        return PcmFormat()
    if not isinstance(value, dict):
        raise RequestRefusedError("audio_format must be an object with encoding and sample_rate", param="audio_format")
    encoding = value.get("encoding")
    if not isinstance(encoding, str) or encoding not in _ENCODINGS:
        raise RequestRefusedError(f"audio_format.encoding must be one of {', '.join(_ENCODINGS)}", param="audio_format")
    rate_hz = whole_number(value.get("sample_rate"), "audio_format.sample_rate", MIN_RATE_HZ, MAX_RATE_HZ)
    return PcmFormat(Encoding(encoding), rate_hz)


def _read_delay(value: Any, engine: EngineInfo) -> int | None:
    if value is None:
        return None
    delay_ms = whole_number(value, "target_streaming_delay_ms", 0, 10_000)
    if reason := engine.delay_refusal(delay_ms):
        raise RequestRefusedError(f"target_streaming_delay_ms: {reason}", code="unsupported_option")
    return delay_ms


def _read_language(value: Any, engine: EngineInfo) -> str | None:
    if value is None:
        return engine.default_language
    language = language_code(value)
    if language is None:
        raise RequestRefusedError(unknown_language(value), param="language")
    if reason := engine.language_refusal(language):
        raise RequestRefusedError(f"language: {reason}", code="unsupported_option")
    return language


def _read_context_bias(value: Any, engine: EngineInfo) -> tuple[str, ...]:
    vocabulary = strings(value, "context_bias", MAX_PHRASES)
    if vocabulary and (reason := engine.vocabulary_refusal()):
        raise RequestRefusedError(f"context_bias: {reason}", code="unsupported_option")
    return vocabulary


def _read_turn_detection(value: Any, engine: EngineInfo) -> TurnConfig | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RequestRefusedError("turn_detection must be an object; {} takes the defaults", param="turn_detection")
    if reason := engine.turns_refusal():
        raise RequestRefusedError(f"turn_detection: {reason}", code="unsupported_option")
    start, eager, end = (
        number(value.get(name), f"turn_detection.{name}", 0.0, 1.0, default=default)
        for name, default in (("start_threshold", 0.5), ("eager_end_threshold", 0.5), ("end_threshold", 0.33))
    )
    if not start >= eager > end:
        raise RequestRefusedError("turn_detection needs start_threshold >= eager_end_threshold > end_threshold")
    silence_ms = whole_number(
        value.get("min_silence_ms"), "turn_detection.min_silence_ms", 0, MAX_SILENCE_MS, default=500
    )
    timeout_ms = value.get("end_timeout_ms")
    if timeout_ms is not None:
        timeout_ms = whole_number(timeout_ms, "turn_detection.end_timeout_ms", silence_ms, MAX_SILENCE_MS)
    return TurnConfig(
        start_threshold=start,
        eager_end_threshold=eager,
        end_threshold=end,
        min_silence_ms=silence_ms,
        end_timeout_ms=timeout_ms,
    )


def _turn_fields(turns: TurnConfig) -> Message:
    return {
        "start_threshold": turns.start_threshold,
        "eager_end_threshold": turns.eager_end_threshold,
        "end_threshold": turns.end_threshold,
        "min_silence_ms": turns.min_silence_ms,
        "end_timeout_ms": turns.end_timeout_ms,
    }


def _refuse_diarize(value: Any, engine: EngineInfo) -> None:
    if switch(value, "diarize"):
        raise RequestRefusedError(
            f"diarize: {engine.model} cannot distinguish speakers; leave it out", code="unsupported_option"
        )


def _refuse_speaker_references(value: Any, engine: EngineInfo) -> None:
    if value:
        raise RequestRefusedError(
            f"speaker_references: {engine.model} cannot distinguish speakers; leave them out", code="unsupported_option"
        )


_READERS: dict[str, tuple[str, Callable[[Any, EngineInfo], Any]]] = {
    "audio_format": ("pcm", _read_audio_format),
    "target_streaming_delay_ms": ("delay_ms", _read_delay),
    "language": ("language", _read_language),
    "context_bias": ("vocabulary", _read_context_bias),
    "turn_detection": ("turns", _read_turn_detection),
    "interim": ("has_interim", lambda value, _: switch(value, "interim")),
    "speech": ("has_speech", lambda value, _: switch(value, "speech")),
    "notices": ("has_notices", lambda value, _: switch(value, "notices")),
    "diarize": ("", _refuse_diarize),
    "speaker_references": ("", _refuse_speaker_references),
}
"""Each field's attribute, if any, and reader. null is the default."""
