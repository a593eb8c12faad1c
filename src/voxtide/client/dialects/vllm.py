"""The client side of the vLLM realtime dialect. In: requests, frames. Out: frames, server messages. No I/O.

An utterance is one generation: a commit starts it, a final commit ends its audio, `transcription.done` answers it.
A session has no end message; the client closes the connection.
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
    encode_base64,
    parse_object,
    text_field,
    write_message,
)
from voxtide.errors import ConfigError, UnsupportedOptionError

_PERMANENT_CODES = frozenset(
    {"model_not_found", "model_not_validated", "invalid_event", "invalid_json", "unknown_event"}
)
"""Errors that a retry would meet again."""


class VllmDialect:
    """The dialect with one session's options."""

    path = "/v1/realtime"
    can_end = False

    def __init__(self, requested: DialectOptions) -> None:
        """Check the requested options.

        Raises:
            ConfigError: The model is missing, or the dialect does not support the audio format.
            UnsupportedOptionError: The dialect does not support an option.
        """
        if not requested.model:
            raise ConfigError("vLLM needs a model name: give the name under which the server serves it")
        if requested.pcm != PcmFormat():
            raise ConfigError("vLLM needs 16-bit samples at 16000 Hz, one channel")
        options = requested.options
        for name, value in (
            ("language", options.language),
            ("delay_ms", options.delay_ms),
            ("vocabulary", options.vocabulary),
            ("task", options.task if options.task != "transcribe" else None),
        ):
            if value:
                raise UnsupportedOptionError(f"vLLM's realtime protocol does not support {name}; leave out {value!r}")
        self._model = requested.model

    def query(self) -> dict[str, str]:
        return {}

    def configure(self, ready: Ready) -> list[str]:
        return [write_message("session.update", model=self._model)]

    def is_confirmed(self, ready: Ready) -> bool:
        return False

    def begin(self) -> list[str]:
        return [write_message("input_audio_buffer.commit", final=False)]

    def append(self, payload: bytes) -> str:
        return write_message("input_audio_buffer.append", audio=encode_base64(payload))

    def flush(self) -> str:
        return write_message("input_audio_buffer.commit", final=True)

    def end(self) -> str:
        return self.flush()

    def parse(self, frame: str | bytes) -> ServerMessage | None:
        message = parse_object(frame)
        match message.get("type"):
            case "session.created":
                return Ready(self._model)
            case "transcription.delta":
                return Text(text_field(message, "delta"))
            case "transcription.done":
                usage = message.get("usage")
                return Done(text_field(message, "text"), usage=usage if isinstance(usage, dict) else {})
            case "error":
                code = text_field(message, "code")
                text = text_field(message, "error") or "the server reports an error without a message"
                return ServerFailure(
                    f"{text} ({code})" if code else text, code in _PERMANENT_CODES, ends_utterance=True
                )
            case _:
                return None
