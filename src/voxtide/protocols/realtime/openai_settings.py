"""What an OpenAI client may set. In: the `session` object of `session.update`. Out: settings, and refusals by field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.languages import language_code, unknown_language
from voxtide.protocols.fields import (
    MAX_PHRASES,
    check_model,
    number,
    object_of,
    prompt,
    read_settings,
    strings,
    whole_number,
)
from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.dialect import MAX_RATE_HZ, MIN_RATE_HZ, Configure
from voxtide.protocols.realtime.turns import MAX_SILENCE_MS, TurnConfig
from voxtide.protocols.session_info import SessionInfo
from voxtide.types import EngineInfo, StreamOptions

PCM_RATE_HZ = 24_000
G711_RATE_HZ = 8_000

MAX_LANGUAGES = 200
"""More than any model knows."""

MODELS_WITHOUT_TURNS = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""OpenAI's models without turn detection. Clients that name one commit themselves, and do not set `turn_detection`."""

DELAYS = ("minimal", "low", "medium", "high", "xhigh")
"""Values of `transcription.delay`, mapped evenly to the engine's delays."""

SEMANTIC_SILENCE_MS = {"low": 1_000, "medium": 600, "auto": 600, "high": 300}
"""OpenAI's `semantic_vad` judges by the words. Here each eagerness is a duration of silence."""

_HYSTERESIS = 0.15
"""Silence begins this far below the start threshold, as in Silero's own tools."""

_ENCODINGS = {
    "audio/pcm": Encoding.PCM_S16LE,
    "audio/pcmu": Encoding.PCM_MULAW,
    "audio/pcma": Encoding.PCM_ALAW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """The requested turn detection. `eagerness` is None for `server_vad`."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_ms: int = 500
    eagerness: str | None = None

    @property
    def config(self) -> TurnConfig:
        """The detector's config."""
        end_threshold = max(self.threshold - _HYSTERESIS, self.threshold / 2)
        return TurnConfig(
            start_threshold=self.threshold,
            eager_end_threshold=end_threshold,
            end_threshold=end_threshold,
            min_silence_ms=self.silence_ms,
        )

    def as_fields(self) -> Message:
        """The `turn_detection` object in effect."""
        if self.eagerness is not None:
            return {"type": "semantic_vad", "eagerness": self.eagerness}
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_ms,
            "idle_timeout_ms": None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISettings:
    """A session's settings. `pcm` is None after a refused audio format, until a valid one is set."""

    pcm: PcmFormat | None = PcmFormat(sample_rate_hz=PCM_RATE_HZ)
    languages: tuple[str, ...] = ()
    delay: str | None = None
    vocabulary: tuple[str, ...] = ()
    prompt: str | None = None
    turns: TurnOptions | None = TurnOptions()

    @classmethod
    def initial(cls, engine: EngineInfo) -> OpenAISettings:
        """The settings of a new session."""
        initial = cls(languages=_default_languages(engine))
        return initial if engine.can_detect_turns else replace(initial, turns=None)

    def updated(
        self, session: Mapping[str, Any], engine: EngineInfo
    ) -> tuple[OpenAISettings, list[RequestRefusedError]]:
        """Apply the accepted fields of `session`. Returns the new settings and the refusals. Ignores unknown fields.

        Raises:
            RequestRefusedError: It is not a transcription session, or malformed.
        """
        if session.get("type", "transcription") != "transcription":
            raise RequestRefusedError(
                "this server transcribes: session.type must be transcription", param="session.type"
            )
        audio = object_of(session.get("audio"), "session.audio")
        requested = object_of(audio.get("input"), "session.audio.input")
        transcription = object_of(requested.get("transcription"), "session.audio.input.transcription")
        if "transcription" in requested and requested["transcription"] is None:
            transcription = dict.fromkeys(_TRANSCRIPTION_READERS)  # null clears all its fields
        changes, refusals = read_settings(
            (attribute, partial(read, fields[name], f"{prefix}.{name}", engine))
            for fields, prefix, readers in (
                (requested, "session.audio.input", _INPUT_READERS),
                (transcription, "session.audio.input.transcription", _TRANSCRIPTION_READERS),
            )
            for name, (attribute, read) in readers.items()
            if name in fields
        )
        if _has_no_turns(transcription.get("model")):
            changes.setdefault("turns", None)
        return replace(self, **changes), refusals

    def configure(self, engine: EngineInfo) -> Configure:
        """The session's part of the settings."""
        options = StreamOptions(
            language=self.languages[0] if len(self.languages) == 1 else None,
            delay_ms=_delay_ms(self.delay, engine),
            interim=False,  # the protocol has no interim text
            vocabulary=self.vocabulary if self.prompt is None else (*self.vocabulary, self.prompt),
        )
        return Configure(self.pcm or PcmFormat(), options, self.turns.config if self.turns else None)

    def as_session(self, engine: EngineInfo, session: SessionInfo) -> Message:
        """The `session` object of `session.created` and `session.updated`: what is in effect."""
        return {
            "id": session.session_id,
            "object": "realtime.transcription_session",
            "type": "transcription",
            "audio": {
                "input": {
                    "format": self._format_fields(),
                    "transcription": self._transcription_fields(engine),
                    "noise_reduction": None,
                    "turn_detection": self.turns.as_fields() if self.turns else None,
                }
            },
            "expires_at": session.expires_at_s,
            "include": None,
        }

    def _transcription_fields(self, engine: EngineInfo) -> Message:
        return {
            "model": engine.model,
            "language": self.languages[0] if len(self.languages) == 1 else None,
            "languages": list(self.languages) if len(self.languages) > 1 else None,
            "prompt": self.prompt,
            "keywords": list(self.vocabulary) or None,
            "delay": self.delay,
        }

    def _format_fields(self) -> Message:
        pcm = self.pcm or PcmFormat(sample_rate_hz=PCM_RATE_HZ)
        kind = next(kind for kind, encoding in _ENCODINGS.items() if encoding is pcm.encoding)
        return {"type": kind, "rate": pcm.sample_rate_hz} if kind == "audio/pcm" else {"type": kind}


def _read_format(value: Any, name: str, _: EngineInfo) -> PcmFormat:
    if value is None:
        return PcmFormat(sample_rate_hz=PCM_RATE_HZ)
    kind = object_of(value, name).get("type")
    if not isinstance(kind, str) or kind not in _ENCODINGS:
        raise RequestRefusedError(f"{name}.type must be one of {', '.join(_ENCODINGS)}", param=name)
    if kind != "audio/pcm":
        return PcmFormat(_ENCODINGS[kind], G711_RATE_HZ)
    return PcmFormat(
        sample_rate_hz=whole_number(value.get("rate"), f"{name}.rate", MIN_RATE_HZ, MAX_RATE_HZ, default=PCM_RATE_HZ)
    )


def _read_turn_detection(value: Any, name: str, engine: EngineInfo) -> TurnOptions | None:
    if value is None:
        return None
    if reason := engine.turns_refusal():
        raise RequestRefusedError(reason, code="unsupported_option", param=name)
    fields = object_of(value, name)
    kind = fields.get("type", "server_vad")
    if kind == "server_vad":
        return TurnOptions(
            threshold=number(fields.get("threshold"), f"{name}.threshold", 0.0, 1.0, default=0.5),
            prefix_padding_ms=_milliseconds(fields, name, "prefix_padding_ms", 300),
            silence_ms=_milliseconds(fields, name, "silence_duration_ms", 500),
        )
    if kind == "semantic_vad":
        eagerness = "auto" if fields.get("eagerness") is None else fields["eagerness"]
        if not isinstance(eagerness, str) or eagerness not in SEMANTIC_SILENCE_MS:
            raise RequestRefusedError(f"{name}.eagerness must be one of {', '.join(SEMANTIC_SILENCE_MS)}", param=name)
        return TurnOptions(silence_ms=SEMANTIC_SILENCE_MS[eagerness], eagerness=eagerness)
    raise RequestRefusedError(f"{name}.type must be server_vad or semantic_vad, or the whole of it null", param=name)


def _milliseconds(fields: Message, name: str, key: str, default: int) -> int:
    return whole_number(fields.get(key), f"{name}.{key}", 0, MAX_SILENCE_MS, default=default)


def _check_model(value: Any, name: str, engine: EngineInfo) -> None:
    if isinstance(value, str):
        check_model(value, name, engine)


def _has_no_turns(model: Any) -> bool:
    return isinstance(model, str) and model.startswith(MODELS_WITHOUT_TURNS)


def _read_language(value: Any, name: str, engine: EngineInfo) -> tuple[str, ...]:
    return _default_languages(engine) if value is None else (_language(value, name, engine),)


def _read_languages(value: Any, name: str, engine: EngineInfo) -> tuple[str, ...]:
    names = strings(value, name, MAX_LANGUAGES)
    return tuple(dict.fromkeys(_language(it, name, engine) for it in names)) or _default_languages(engine)


def _default_languages(engine: EngineInfo) -> tuple[str, ...]:
    return () if engine.default_language is None else (engine.default_language,)


def _language(value: Any, name: str, engine: EngineInfo) -> str:
    code = language_code(value)
    if code is None:
        error_code = "unsupported_language" if isinstance(value, str) else "invalid_value"
        raise RequestRefusedError(unknown_language(value), code=error_code, param=name)
    if reason := engine.language_refusal(code):
        raise RequestRefusedError(reason, code="unsupported_language", param=name)
    return code


def _read_keywords(value: Any, name: str, engine: EngineInfo) -> tuple[str, ...]:
    vocabulary = strings(value, name, MAX_PHRASES)
    if vocabulary and (reason := engine.vocabulary_refusal()):
        raise RequestRefusedError(reason, code="unsupported_option", param=name)
    return vocabulary


def _read_delay(value: Any, name: str, engine: EngineInfo) -> str | None:
    if value is None:
        return None
    if value not in DELAYS:
        raise RequestRefusedError(f"{name} must be one of {', '.join(DELAYS)}", param=name)
    if not engine.delays_ms:
        raise RequestRefusedError(
            f"the delay of {engine.model} is not adjustable", code="unsupported_option", param=name
        )
    return str(value)


def _delay_ms(delay: str | None, engine: EngineInfo) -> int | None:
    if delay is None:
        return None
    return engine.delays_ms[DELAYS.index(delay) * (len(engine.delays_ms) - 1) // (len(DELAYS) - 1)]


_Reader = Callable[[Any, str, EngineInfo], Any]

_INPUT_READERS: dict[str, tuple[str, _Reader]] = {
    "format": ("pcm", _read_format),
    "turn_detection": ("turns", _read_turn_detection),
}

_TRANSCRIPTION_READERS: dict[str, tuple[str, _Reader]] = {
    "model": ("", _check_model),
    "language": ("languages", _read_language),
    "languages": ("languages", _read_languages),
    "keywords": ("vocabulary", _read_keywords),
    "delay": ("delay", _read_delay),
    "prompt": ("prompt", prompt),
}
"""Each field's attribute, if any, and reader. null clears a field; absent fields keep their value. The hints
`noise_reduction` and `include` have no effect, as the session that is sent back shows."""
