"""OpenAI transcription sessions. In: messages, events, failures. Out: effects. See docs/protocols.md.

Audio is collected in items. An item ends at the client's commit or at the end of a turn, is then flushed, and completes
with its text. Deltas are sent as soon as there is text, under the id the item will have.

Agent frameworks end the call at any `error`, so errors are avoided where possible: an empty commit makes an empty item,
and hints without effect are left out of the session that is sent back.
"""

from __future__ import annotations

from voxtide.protocols.error_codes import Failure
from voxtide.protocols.messages import Message, RequestRefusedError, read_audio
from voxtide.protocols.realtime.base import BaseDialect, Handlers, to_send
from voxtide.protocols.realtime.dialect import MAX_APPEND_BYTES, Effect, Feed, Flush, Send
from voxtide.protocols.realtime.openai_beta import from_beta, to_beta
from voxtide.protocols.realtime.openai_items import Item, Items
from voxtide.protocols.realtime.openai_settings import OpenAISettings
from voxtide.protocols.realtime.turns import TurnEnded, TurnEvent, TurnStarted
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import Delta, Finished, Flushed, LanguageDetected, TranscriptEvent
from voxtide.types import EngineInfo

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class OpenAIRealtime(BaseDialect):
    """A `Dialect`: one transcription session of an OpenAI client on `/v1/realtime`."""

    def __init__(self, engine: EngineInfo, session: SessionInfo) -> None:
        super().__init__()
        self._engine = engine
        self._session = session
        self._settings = OpenAISettings.initial(engine)
        self._is_beta = False
        self._num_events = 0
        self._items = Items(session.session_id)
        self._flushed_s = 0.0
        self._language: str | None = None
        self._turn_end_ms = 0  # of the last turn: the next one's padding must not overlap it

    def begin(self) -> list[Effect]:
        """Send `session.created`, with vLLM's fields as well: the client's dialect is not known yet."""
        created = self._event(
            "session.created",
            id=self._session.session_id,
            created=self._session.opened_at_s,
            session=self._settings.as_session(self._engine, self._session),
        )
        return [self._settings.configure(self._engine), created]

    def _effects_of(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        match event:
            case Delta(text):
                return self._on_delta(text)
            case LanguageDetected(language):
                self._language = language
                return []
            case Flushed():
                return self._on_flushed(event)
            case TurnStarted(audio_s) if self._settings.turns:
                start_ms = max(self._turn_end_ms, round(audio_s * 1000) - self._settings.turns.prefix_padding_ms)
                return [self._buffer_event("speech_started", audio_start_ms=start_ms, item_id=self._items.open.item_id)]
            case TurnEnded(audio_s) if self._settings.turns and self._is_open:
                self._turn_end_ms = round(audio_s * 1000) + self._settings.turns.silence_ms
                stopped = self._buffer_event(
                    "speech_stopped", audio_end_ms=self._turn_end_ms, item_id=self._items.open.item_id
                )
                return [stopped, *self._end_item()]
            case Finished(audio_s):
                return self._on_finished(audio_s)
            case _:
                return []

    # Client messages.

    def _handlers(self) -> Handlers:
        return {
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "session.update": self._update,
            "transcription_session.update": self._update_beta,
        }

    def _update(self, message: Message) -> list[Effect]:
        self._is_beta = False
        return self._apply(message, _session_of(message))

    def _update_beta(self, message: Message) -> list[Effect]:
        self._is_beta = True
        return self._apply(message, from_beta(_session_of(message)))

    def _apply(self, message: Message, requested: Message) -> list[Effect]:
        self._settings, refusals = self._settings.updated(requested, self._engine)
        errors = [self._refusal_message(refusal, message) for refusal in refusals]
        session = self._settings.as_session(self._engine, self._session)
        updated = (
            self._event("transcription_session.updated", session=to_beta(session))
            if self._is_beta
            else self._event("session.updated", session=session)
        )
        return [self._settings.configure(self._engine), *errors, updated]

    def _append(self, message: Message) -> list[Effect]:
        if self._settings.pcm is None:
            raise RequestRefusedError(
                "this audio cannot be read: its format was refused; send session.update with another",
                code="invalid_audio",
                param="audio",
            )
        payload = read_audio(message.get("audio"), max_bytes=MAX_APPEND_BYTES)
        if not payload:
            return []
        self._items.has_audio = True
        return [Feed(payload)]

    def _commit(self, _: Message) -> list[Effect]:
        self._items.check_capacity()
        return self._end_item()

    def _clear(self, _: Message) -> list[Effect]:
        """Discard the open item: the engine already has its audio, so its text is dropped when it arrives."""
        self._items.check_capacity()
        cleared = self._buffer_event("cleared")
        if not self._items.has_audio:
            return [cleared]
        self._items.open.is_cleared = True
        self._items.end()
        return [cleared, Flush()]

    def _end_item(self) -> list[Effect]:
        committed = self._commit_item(self._items.open)
        self._items.end()
        return [*committed, Flush()]

    def _commit_item(self, item: Item) -> list[Send]:
        previous_id = self._items.commit(item)
        details = {"previous_item_id": previous_id, "item": item.as_fields()}
        kinds = ("created",) if self._is_beta else ("added", "done")
        return [
            self._buffer_event("committed", item_id=item.item_id, previous_item_id=previous_id),
            *(self._event(f"conversation.item.{kind}", **details) for kind in kinds),
        ]

    # Engine events.

    def _on_delta(self, text: str) -> list[Effect]:
        item = self._items.next_to_complete
        if item.is_cleared:
            return []
        return [self._item_event("delta", item, delta=piece) for piece in item.pending_text.add(text)]

    def _on_flushed(self, flushed: Flushed) -> list[Effect]:
        item = self._items.pending.popleft() if self._items.pending else None
        duration_s = self._since_flushed_s(flushed.audio_s)
        return [] if item is None or item.is_cleared else [self._completed(item, duration_s)]

    def _on_finished(self, audio_s: float) -> list[Effect]:
        """Uncommitted text becomes a last item."""
        effects: list[Effect] = []
        item = self._items.open
        if item.pending_text.text:
            duration_s = self._since_flushed_s(audio_s)
            effects = [*self._commit_item(item), self._completed(item, duration_s)]
        return [*effects, *self._close()]

    def _failure_messages(self, failure: Failure) -> list[Send]:
        details = {"type": _error_type(failure.status), "code": failure.code, "message": failure.message, "param": None}
        return [
            *(self._item_event("failed", item, error=details) for item in self._items.pending if not item.is_cleared),
            self._event("error", error={**details, "event_id": None}),
        ]

    def _since_flushed_s(self, audio_s: float) -> float:
        duration_s, self._flushed_s = max(0.0, audio_s - self._flushed_s), audio_s
        return round(duration_s, 3)

    def _completed(self, item: Item, duration_s: float) -> Send:
        return self._item_event("completed", item, **item.result_fields(duration_s, self._language))

    def _item_event(self, kind: str, item: Item, **details: object) -> Send:
        return self._event(f"{_TRANSCRIPTION}.{kind}", item_id=item.item_id, content_index=0, **details)

    def _buffer_event(self, kind: str, **details: object) -> Send:
        return self._event(f"input_audio_buffer.{kind}", **details)

    def _refusal_message(self, refusal: RequestRefusedError, message: Message) -> Send:
        event_id = message.get("event_id")
        return self._event(
            "error",
            error={
                "type": _error_type(refusal.status),
                "code": refusal.code,
                "message": refusal.reason,
                "param": refusal.param,
                "event_id": event_id[:_MAX_EVENT_ID_CHARS] if isinstance(event_id, str) else None,
            },
        )

    def _event(self, kind: str, **details: object) -> Send:
        self._num_events += 1
        event_id = f"event_{self._session.session_id}_{self._num_events}"
        return to_send(kind, event_id=event_id, **details)


_MAX_EVENT_ID_CHARS = 512
"""Limit of a client's event id in an answer, as at OpenAI."""


def _session_of(message: Message) -> Message:
    session = message.get("session")
    if not isinstance(session, dict):
        raise RequestRefusedError(
            "an update needs a session, an object", code="missing_required_parameter", param="session"
        )
    return session


def _error_type(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"
