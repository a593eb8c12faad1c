"""OpenAI's realtime wire, transcription sessions. In: messages, events, failures. Out: effects. See docs/protocols.md.

Audio gathers in items. An item ends where the client commits or where its speaker falls silent, is then flushed, and
completes with its text. Deltas come as soon as there is text, under the id that the item is going to have.

In the agent frameworks any `error` ends the call. So what can be answered otherwise is: an empty commit makes an empty
item, and hints without effect are left out of the session that is sent back.
"""

from __future__ import annotations

from collections.abc import Callable

from voxtide.errors import VoxtideError
from voxtide.protocols.error_codes import Failure
from voxtide.protocols.messages import Message, RequestRefusedError, handler_of, read_audio, read_message, write_message
from voxtide.protocols.realtime.dialect import Effect, Feed, Flush, Send
from voxtide.protocols.realtime.openai_items import Item, Items
from voxtide.protocols.realtime.openai_settings import OpenAISettings, from_beta, to_beta
from voxtide.protocols.realtime.shutdown import Shutdown
from voxtide.protocols.realtime.turns import TurnEnded, TurnEvent, TurnStarted
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import Delta, Finished, Flushed, LanguageDetected, TranscriptEvent
from voxtide.types import EngineInfo

MAX_APPEND_BYTES = 15 * 2**20
"""Audio of one message after base64, as OpenAI has it."""

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


class OpenAIRealtime:
    """A `Dialect`: one transcription session of a client of OpenAI's on `/v1/realtime`."""

    def __init__(self, engine: EngineInfo, session: SessionInfo) -> None:
        self._engine = engine
        self._session = session
        self._settings = OpenAISettings.first(engine)
        self._leaving = Shutdown(self._failed)
        self._is_beta = False
        self._num_events = 0
        self._items = Items(session.session_id)
        self._flushed_s = 0.0
        self._language: str | None = None
        self._turn_end_ms = 0  # of the last turn; the next one's padding does not reach into it

    def begin(self) -> list[Effect]:
        """`session.created`, unasked. It also has what vLLM's has, for nobody knows yet which client this is."""
        created = self._event(
            "session.created",
            id=self._session.session_id,
            created=self._session.opened_at_s,
            session=self._settings.as_session(self._engine, self._session),
        )
        return [self._settings.configure(self._engine), created]

    def receive(self, message: str | bytes) -> list[Effect]:
        """One message of the client; `error` is the answer to a bad one."""
        if not self._leaving.is_open:
            return []  # what comes while we leave is as if it came after the close that is on its way
        fields: Message = {}
        try:
            fields = read_message(message)
            return handler_of(fields, _HANDLERS)(self, fields)
        except RequestRefusedError as refusal:
            return [self._refused(refusal, fields)]

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """What the client is to know of an event."""
        if self._leaving.is_closed:
            return []
        match event:
            case Delta(text):
                return self._tell_delta(text)
            case LanguageDetected(language):
                self._language = language
                return []
            case Flushed():
                return self._tell_flushed(event)
            case TurnStarted(audio_s) if self._settings.turns:
                start_ms = max(self._turn_end_ms, round(audio_s * 1000) - self._settings.turns.prefix_padding_ms)
                return [self._buffer_event("speech_started", audio_start_ms=start_ms, item_id=self._items.open.item_id)]
            case TurnEnded(audio_s) if self._settings.turns and self._leaving.is_open:
                self._turn_end_ms = round(audio_s * 1000) + self._settings.turns.silence_ms
                stopped = self._buffer_event(
                    "speech_stopped", audio_end_ms=self._turn_end_ms, item_id=self._items.open.item_id
                )
                return [stopped, *self._end_item()]
            case Finished(audio_s):
                return self._tell_finished(audio_s)
            case _:
                return []

    def fail(self, error: VoxtideError) -> list[Effect]:
        """`failed` for each item that waits for its text, `error`, then the close code of a failure."""
        return self._leaving.fail(error)

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """What was said completes, then 1001 or the error."""
        return self._leaving.drain(error)

    # What a client asks for.

    def _update(self, message: Message) -> list[Effect]:
        self._is_beta = False
        return self._apply(message, _session_of(message))

    def _update_beta(self, message: Message) -> list[Effect]:
        self._is_beta = True
        return self._apply(message, from_beta(_session_of(message)))

    def _apply(self, message: Message, wishes: Message) -> list[Effect]:
        self._settings, refusals = self._settings.updated(wishes, self._engine)
        errors = [self._refused(refusal, message) for refusal in refusals]
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
        self._items.check_room()
        return self._end_item()

    def _clear(self, _: Message) -> list[Effect]:
        """The engine has the audio; its text is passed over."""
        self._items.check_room()
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

    # What a client is told.

    def _tell_delta(self, text: str) -> list[Effect]:
        item = self._items.next_with_text
        if item.is_cleared:
            return []
        return [self._item_event("delta", item, delta=piece) for piece in item.utterance.add(text)]

    def _tell_flushed(self, flushed: Flushed) -> list[Effect]:
        item = self._items.pending.popleft() if self._items.pending else None
        duration_s = self._since_flushed_s(flushed.audio_s)
        return [] if item is None or item.is_cleared else [self._completed(item, duration_s)]

    def _tell_finished(self, audio_s: float) -> list[Effect]:
        """Text that nobody has committed becomes a last item."""
        effects: list[Effect] = []
        item = self._items.open
        if item.utterance.text:
            duration_s = self._since_flushed_s(audio_s)
            effects = [*self._commit_item(item), self._completed(item, duration_s)]
        return [*effects, *self._leaving.close()]

    def _failed(self, failure: Failure) -> list[Send]:
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

    def _refused(self, refusal: RequestRefusedError, message: Message) -> Send:
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
        return Send(write_message({"type": kind, "event_id": event_id, **details}))


_MAX_EVENT_ID_CHARS = 512
"""Of a client's event id as we give it back; OpenAI takes no longer ones."""

_HANDLERS: dict[str, Callable[[OpenAIRealtime, Message], list[Effect]]] = {
    "input_audio_buffer.append": OpenAIRealtime._append,
    "input_audio_buffer.commit": OpenAIRealtime._commit,
    "input_audio_buffer.clear": OpenAIRealtime._clear,
    "session.update": OpenAIRealtime._update,
    "transcription_session.update": OpenAIRealtime._update_beta,
}


def _session_of(message: Message) -> Message:
    session = message.get("session")
    if not isinstance(session, dict):
        raise RequestRefusedError(
            "an update needs a session, an object", code="missing_required_parameter", param="session"
        )
    return session


def _error_type(status: int) -> str:
    return "server_error" if status >= 500 else "invalid_request_error"
