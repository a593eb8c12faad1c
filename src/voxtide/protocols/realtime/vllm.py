"""vLLM's realtime dialect. In: messages, events, failures. Out: effects. See docs/protocols.md.

A client starts a generation with a commit, sends audio, ends it with a final commit and waits for `done`. Unlike vLLM,
this server also transcribes audio that arrives between two generations.
"""

from __future__ import annotations

from voxtide.audio.pcm import PcmFormat
from voxtide.languages import language_code, unknown_language
from voxtide.protocols.error_codes import Failure
from voxtide.protocols.fields import prompt, switch
from voxtide.protocols.messages import Message, RequestRefusedError, read_audio
from voxtide.protocols.realtime.base import BaseDialect, Handlers, to_send
from voxtide.protocols.realtime.dialect import MAX_APPEND_BYTES, Configure, Effect, Feed, Flush, Send
from voxtide.protocols.realtime.pending_text import PendingText
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.transcript.events import Delta, Finished, Flushed, TranscriptEvent
from voxtide.types import EngineInfo, StreamOptions

MAX_PENDING_DONES = 256
"""Unanswered final commits. A client with more is in a loop."""


class VllmRealtime(BaseDialect):
    """A `Dialect`: one session of a vLLM client on `/v1/realtime`."""

    def __init__(self, engine: EngineInfo) -> None:
        super().__init__()
        self._engine = engine
        self._has_model = False
        self._is_started = False
        self._num_pending = 0
        self._pending_text = PendingText(strip_leading_space=True)

    def begin(self) -> list[Effect]:
        """Audio is 16-bit PCM at 16 kHz. `session.created` was sent before the dialect was known."""
        return [self._configure(self._engine.default_language)]

    def _effects_of(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        match event:
            case Delta(text):
                return [to_send("transcription.delta", delta=piece) for piece in self._pending_text.add(text)]
            case Flushed() if self._num_pending:
                self._num_pending -= 1
                return [self._done()]
            case Finished():
                is_due = self._is_started or bool(self._pending_text.text)
                return [*([self._done()] if is_due else []), *self._close()]
            case _:
                return []

    def _failure_messages(self, failure: Failure) -> list[Send]:
        return [_error(failure.message, failure.code)]

    def _refusal_message(self, refusal: RequestRefusedError, message: Message) -> Send:
        return _error(refusal.reason, refusal.code)

    def _handlers(self) -> Handlers:
        return {
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "session.update": self._update,
        }

    def _update(self, message: Message) -> list[Effect]:
        model = message.get("model")
        if not isinstance(model, str) or not model:
            raise RequestRefusedError("session.update needs a model, a string beside its type", code="invalid_event")
        if reason := self._engine.model_refusal(model):
            raise RequestRefusedError(reason, code="model_not_found")
        expected = prompt(message.get("prompt"), "prompt", self._engine)
        language = self._language_of(message)
        self._has_model = True
        return [self._configure(language, vocabulary=() if expected is None else (expected,))]

    def _configure(self, language: str | None, *, vocabulary: tuple[str, ...] = ()) -> Configure:
        return Configure(PcmFormat(), StreamOptions(language=language, interim=False, vocabulary=vocabulary))

    def _language_of(self, message: Message) -> str | None:
        value = message.get("language")
        if value is None:
            return self._engine.default_language
        language = language_code(value)
        if language is None:
            code = "unsupported_option" if isinstance(value, str) else "invalid_event"
            raise RequestRefusedError(unknown_language(value), code=code)
        if reason := self._engine.language_refusal(language):
            raise RequestRefusedError(reason, code="unsupported_option")
        return language

    def _append(self, message: Message) -> list[Effect]:
        payload = read_audio(message.get("audio"), max_bytes=MAX_APPEND_BYTES)
        if not payload:
            raise RequestRefusedError("audio is empty", code="invalid_audio")
        return [Feed(payload)]

    def _commit(self, message: Message) -> list[Effect]:
        is_final = switch(message.get("final"), "final")
        if not self._has_model:
            raise RequestRefusedError("send session.update with a model first", code="model_not_validated")
        if not is_final:
            self._is_started = True
            return []
        if self._num_pending >= MAX_PENDING_DONES:
            raise RequestRefusedError(f"{MAX_PENDING_DONES} final commits are unanswered", code="processing_error")
        self._is_started = False
        self._num_pending += 1
        return [Flush()]

    def _done(self) -> Send:
        text, num_omitted_chars = self._pending_text.text, self._pending_text.num_omitted_chars
        omitted = {"omitted_chars": num_omitted_chars} if num_omitted_chars else {}
        self._pending_text.clear()
        return to_send("transcription.done", text=text, usage=None, **omitted)


def _error(message: str, code: str) -> Send:
    return to_send("error", error=message, code=code)
