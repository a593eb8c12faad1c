"""The Mistral realtime dialect as a client speaks it. In: what to say, frames. Out: frames, what was heard. No I/O.

Exact towards servers that take nothing unknown: a field is sent only where the caller asked for it, and what only
voxtide serves is asked for only where the server says that it has it.
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
    base64_of,
    number_of,
    read_object,
    text_of,
    write_message,
)
from voxtide.errors import ConfigError, UnsupportedOptionError

MIN_DELAY_MS, MAX_DELAY_MS = 80, 2400
"""The look-aheads that the dialect knows. A server may know fewer."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
"""Sample rates that the dialect knows."""

_DEFAULT_FORMAT = {"encoding": "pcm_s16le", "sample_rate": 16_000}

_MAY_PASS = frozenset({408, 429, 499})
"""Codes of the 400s after which another attempt may go well: too slow, too many, gone."""


class MistralDialect:
    """One conversation's settings as messages."""

    path = "/v1/audio/transcriptions/realtime"
    can_end = True

    def __init__(self, wishes: DialectOptions) -> None:
        """Take the caller's wishes.

        Raises:
            ConfigError: The dialect has no such audio format.
            UnsupportedOptionError: The dialect has no such delay.
        """
        self._model = wishes.model
        pcm, options = wishes.pcm, wishes.options
        if pcm.channels != 1 or not MIN_RATE_HZ <= pcm.sample_rate_hz <= MAX_RATE_HZ:
            raise ConfigError(
                f"cannot send {pcm.channels} channels at {pcm.sample_rate_hz} Hz: the Mistral dialect has one channel, "
                f"at {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
            )
        if options.delay_ms is not None and not MIN_DELAY_MS <= options.delay_ms <= MAX_DELAY_MS:
            raise UnsupportedOptionError(
                f"no delay of {options.delay_ms} ms: the Mistral dialect has {MIN_DELAY_MS} to {MAX_DELAY_MS} ms"
            )
        self._wants_interim = options.interim
        audio_format = {"encoding": str(pcm.encoding), "sample_rate": pcm.sample_rate_hz}
        wanted = {
            "audio_format": audio_format if audio_format != _DEFAULT_FORMAT else None,
            "target_streaming_delay_ms": options.delay_ms,
            "language": options.language,
            "context_bias": list(options.vocabulary) or None,
        }
        self._session = {name: value for name, value in wanted.items() if value is not None}

    def query(self) -> dict[str, str]:
        return {"model": self._model} if self._model else {}

    def configure(self, ready: Ready) -> list[str]:
        extension = {"speech": ready.has_speech, "interim": ready.has_interim and self._wants_interim}
        session = self._session | {name: True for name, is_wanted in extension.items() if is_wanted}
        return [write_message("session.update", session=session)] if session else []

    def is_confirmed(self, ready: Ready) -> bool:
        return bool(self.configure(ready))

    def begin(self) -> list[str]:
        return []

    def append(self, payload: bytes) -> str:
        return write_message("input_audio.append", audio=base64_of(payload))

    def flush(self) -> str:
        return write_message("input_audio.flush")

    def end(self) -> str:
        return write_message("input_audio.end")

    def read(self, frame: str | bytes) -> ServerMessage | None:
        message = read_object(frame)
        match message.get("type"):
            case "session.created":
                return _ready(message.get("session"))
            case "session.updated":
                return Updated()
            case "transcription.text.delta":
                return Text(text_of(message, "text"))
            case "transcription.text.interim":
                return InterimText(text_of(message, "text"))
            case "transcription.segment":
                return _part(message)
            case "transcription.language":
                return Language(text_of(message, "audio_language"))
            case "speech.start" | "speech.stop" as kind:
                time_s = number_of(message, "time_s")
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
    return Ready(text_of(session, "model") or None, has_interim="interim" in session, has_speech="speech" in session)


def _part(message: Mapping[str, Any]) -> SegmentText | None:
    """A segment; None where it has no times, which `done` may mend."""
    start_s, end_s = number_of(message, "start"), number_of(message, "end")
    if start_s is None or end_s is None:
        return None
    return SegmentText(text_of(message, "text"), start_s, end_s)


def _done(message: Mapping[str, Any]) -> Done:
    segments, usage = message.get("segments"), message.get("usage")
    parts = [_part(segment) for segment in segments if isinstance(segment, dict)] if isinstance(segments, list) else []
    return Done(
        text_of(message, "text"),
        tuple(part for part in parts if part is not None),
        usage if isinstance(usage, dict) else {},
    )


def _failure(error: object) -> ServerFailure:
    if not isinstance(error, dict):
        return ServerFailure("the server reports an error without saying which", is_final=False)
    message, code = error.get("message"), error.get("code")
    if isinstance(message, dict):
        message = message.get("detail", message)
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 0
    told = f"{message}" if message else "no reason given"
    return ServerFailure(
        f"{told} (code {code})" if code is not None else told, is_final=400 <= number < 500 and number not in _MAY_PASS
    )
