"""The vLLM realtime dialect as a client speaks it. In: what to say, frames. Out: frames, what was heard. No I/O.

An utterance is one generation: a commit starts it, a final commit ends its audio, `transcription.done` is its answer.
The end of a conversation has no message; the connection is just closed.
"""

from __future__ import annotations

from voxtide.audio.pcm import PcmFormat
from voxtide.client.dialects.base import (
    DialectOptions,
    Done,
    Ready,
    ServerFailure,
    ServerMessage,
    Text,
    base64_of,
    read_object,
    text_of,
    write_message,
)
from voxtide.errors import ConfigError, UnsupportedOptionError

_FINAL_CODES = frozenset({"model_not_found", "model_not_validated", "invalid_event", "invalid_json", "unknown_event"})
"""Errors that another attempt would meet again."""


class VllmDialect:
    """One conversation's settings as messages."""

    path = "/v1/realtime"
    can_end = False

    def __init__(self, wishes: DialectOptions) -> None:
        """Take the caller's wishes.

        Raises:
            ConfigError: No model is named, or the dialect has no such audio format.
            UnsupportedOptionError: The dialect has no such option.
        """
        if not wishes.model:
            raise ConfigError("vLLM wants the model named: give the name under which it serves it")
        if wishes.pcm != PcmFormat():
            raise ConfigError("vLLM takes 16-bit samples at 16000 Hz, one channel")
        options = wishes.options
        for name, value in (
            ("language", options.language), ("delay_ms", options.delay_ms), ("vocabulary", options.vocabulary)
        ):  # fmt: skip
            if value:
                raise UnsupportedOptionError(
                    f"vLLM's realtime wire has no {name}, so {value!r} cannot be had; leave it out"
                )
        self._model = wishes.model

    def query(self) -> dict[str, str]:
        return {}

    def configure(self, ready: Ready) -> list[str]:
        return [write_message("session.update", model=self._model)]

    def is_confirmed(self, ready: Ready) -> bool:
        return False

    def begin(self) -> list[str]:
        return [write_message("input_audio_buffer.commit", final=False)]

    def append(self, payload: bytes) -> str:
        return write_message("input_audio_buffer.append", audio=base64_of(payload))

    def flush(self) -> str:
        return write_message("input_audio_buffer.commit", final=True)

    def end(self) -> str:
        return self.flush()

    def read(self, frame: str | bytes) -> ServerMessage | None:
        message = read_object(frame)
        match message.get("type"):
            case "session.created":
                return Ready(self._model)
            case "transcription.delta":
                return Text(text_of(message, "delta"))
            case "transcription.done":
                usage = message.get("usage")
                return Done(text_of(message, "text"), usage=usage if isinstance(usage, dict) else {})
            case "error":
                code = text_of(message, "code")
                told = text_of(message, "error") or "the server reports an error without saying which"
                return ServerFailure(f"{told} ({code})" if code else told, code in _FINAL_CODES, ends_utterance=True)
            case _:
                return None
