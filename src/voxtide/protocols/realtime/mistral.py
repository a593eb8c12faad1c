"""The Mistral realtime wire. In: a client's messages, events, failures. Out: effects. docs/protocols.md describes it.

Three rules decide whether clients work. Every flush is answered by one `transcription.done` with what was said since
the one before. There is no other `done` but the last, after `input_audio.end`: the SDK's stream helper hangs up at
the first one it sees. And nothing ends a session but the client, a failure or a server that stops: silence is no error.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voxtide.errors import VoxtideError
from voxtide.protocols.error_codes import POLICY
from voxtide.protocols.messages import Message, RequestRefusedError, handler_of, read_audio, read_message, write_message
from voxtide.protocols.realtime.dialect import Close, Effect, Feed, Flush, Send
from voxtide.protocols.realtime.mistral_settings import MistralSettings
from voxtide.protocols.realtime.pending_text import MAX_PIECE_CHARS, PendingText
from voxtide.protocols.realtime.shutdown import Phase, Shutdown
from voxtide.protocols.realtime.turns import TurnEnded, TurnEnding, TurnEvent, TurnResumed, TurnStarted
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import EngineInfo, Segment

MAX_APPEND_BYTES = 262_144
"""Audio of one message after base64, as the hosted service has it."""

MAX_PENDING_FLUSHES = 256
"""Flushes not yet answered. A speaker pauses a few times a minute; a client that is this far ahead is in a loop."""


@dataclass(slots=True)
class _Pending:
    """What a flush is for: a `done` the client waits for, or the end of a turn and what the turns did after it.

    Of the latter there are no more than fit into the audio that an engine takes ahead of its text.
    """

    turn_end: Send | None = None
    later_turns: list[Send] = field(default_factory=list)


class MistralRealtime:
    """A `Dialect`: one session on `/v1/audio/transcriptions/realtime`."""

    def __init__(self, engine: EngineInfo, session: SessionInfo, query: Mapping[str, str]) -> None:
        self._engine = engine
        self._session = session
        self._requested_model = query.get("model")
        self._settings = MistralSettings(has_interim=query.get("interim") == "true")
        self._leaving = Shutdown(lambda failure: [_error(failure.message, failure.status)])
        self._has_audio = False
        self._pending: deque[_Pending] = deque()
        self._utterance = PendingText()
        self._language: str | None = None
        self._reported_s = 0

    def begin(self) -> list[Effect]:
        """`session.created`, unasked."""
        if self._requested_model and (reason := self._engine.model_refusal(self._requested_model)):
            self._leaving.phase = Phase.CLOSED
            return [_error(reason, 400), Close(POLICY, "invalid model")]
        return [self._settings.configure(), self._session_message("session.created")]

    def receive(self, message: str | bytes) -> list[Effect]:
        """One message of the client; `error` is the answer to a bad one."""
        if self._leaving.is_closed:
            return []
        try:
            fields = read_message(message)
            return handler_of(fields, _HANDLERS)(self, fields)
        except RequestRefusedError as refusal:
            return [_error(refusal.reason, refusal.status)]

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """What the client is to know of an event."""
        if self._leaving.is_closed:
            return []
        match event:
            case Delta(text):
                return [_message("transcription.text.delta", text=piece) for piece in self._utterance.add(text)]
            case Interim(text) if self._settings.has_interim:
                return [_message("transcription.text.interim", text=text)]
            case SpeechStarted(time_s) if self._settings.has_speech:
                return [_message("speech.start", time_s=time_s)]
            case SpeechStopped(time_s) if self._settings.has_speech:
                return [_message("speech.stop", time_s=time_s)]
            case SegmentEnded(segment):
                return self._tell_segment(segment)
            case LanguageDetected(language):
                self._language = language
                return [_message("transcription.language", audio_language=language)]
            case Flushed():
                return self._tell_flushed(event)
            case Finished(audio_s):
                return self._tell_finished(audio_s)
            case TurnStarted() | TurnEnding() | TurnResumed() | TurnEnded() if self._settings.turns:
                return self._tell_turn(event)
            case _:
                return []

    def fail(self, error: VoxtideError) -> list[Effect]:
        """`error`, then the close code of a failure."""
        return self._leaving.fail(error)

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """A last `done`, then 1001 or the error."""
        return self._leaving.drain(error)

    # What a client asks for.

    def _update(self, message: Message) -> list[Effect]:
        wishes = message.get("session")
        if wishes is None:
            wishes = {}
        if not isinstance(wishes, dict):
            raise RequestRefusedError("session.update needs a session, an object")
        if not self._leaving.is_open or self._has_audio:
            raise RequestRefusedError("Session fields cannot be changed after audio has started.")
        self._settings, refusals = self._settings.updated(wishes, self._engine)
        effects: list[Effect] = [_error(refusal.reason, refusal.status) for refusal in refusals]
        return [self._settings.configure(), *effects, self._session_message("session.updated")]

    def _append(self, message: Message) -> list[Effect]:
        if self._leaving.phase is Phase.DRAINING:
            return []  # as if it came after the close that is on its way
        if self._leaving.phase is Phase.ENDING:
            raise RequestRefusedError("no audio may follow input_audio.end")
        if self._settings.pcm is None:
            raise RequestRefusedError(
                "this audio cannot be read: its audio_format was refused; send session.update with another"
            )
        payload = read_audio(message.get("audio"), max_bytes=MAX_APPEND_BYTES)
        if not payload:
            return []
        self._has_audio = True
        return [Feed(payload)]

    def _flush(self, _: Message) -> list[Effect]:
        if self._leaving.phase is Phase.DRAINING:
            return []  # the last done answers it
        if self._leaving.phase is Phase.ENDING:
            raise RequestRefusedError("no flush may follow input_audio.end, which makes everything final itself")
        if len(self._pending) >= MAX_PENDING_FLUSHES:
            raise RequestRefusedError(
                f"{MAX_PENDING_FLUSHES} flushes wait for their answer; wait for some of them", status=429
            )
        self._pending.append(_Pending())
        return [Flush()]

    def _end(self, _: Message) -> list[Effect]:
        return self._leaving.end()

    # What a client is told.

    def _session_message(self, kind: str) -> Send:
        return _message(kind, session=self._settings.as_session(self._engine, self._session))

    def _tell_segment(self, segment: Segment) -> list[Effect]:
        if not self._utterance.add_segment(segment):
            return []
        return [_message("transcription.segment", **_segment_fields(segment), speaker_id=None)]

    def _tell_flushed(self, flushed: Flushed) -> list[Effect]:
        effects = [effect for segment in flushed.segments for effect in self._tell_segment(segment)]
        pending = self._pending.popleft() if self._pending else _Pending()
        if pending.turn_end is None:
            return [*effects, self._done(flushed.audio_s)]
        return [*effects, pending.turn_end, *pending.later_turns]

    def _tell_finished(self, audio_s: float) -> list[Effect]:
        return [self._done(audio_s), *self._leaving.close()]

    def _tell_turn(self, event: TurnEvent) -> list[Effect]:
        """A turn's end waits until its text has been told; what comes after it waits behind it."""
        if isinstance(event, TurnEnded):
            reason = "timeout" if event.is_timeout else "threshold"
            turn_end = _message("turn.end", time_s=event.audio_s, end_reason=reason)
            if not self._leaving.is_open:
                return [turn_end]  # no flush may follow the end
            self._pending.append(_Pending(turn_end))
            return [Flush()]
        message = _message(_TURN_TYPES[type(event)], time_s=event.audio_s)
        for pending in reversed(self._pending):
            if pending.turn_end is not None:
                pending.later_turns.append(message)
                return []
        return [message]

    def _done(self, audio_s: float) -> Send:
        """What was said since the last one. Its seconds, rounded up, sum up over a session."""
        total_s = math.ceil(audio_s)
        text, segments = self._utterance.text, self._utterance.segments
        omitted = {"omitted_chars": self._utterance.num_omitted_chars} if self._utterance.num_omitted_chars else {}
        usage = {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "prompt_audio_seconds": max(0, total_s - self._reported_s),
        }
        self._reported_s = max(self._reported_s, total_s)
        self._utterance.clear()
        return _message(
            "transcription.done",
            model=self._engine.model,
            text=text,
            language=self._language or self._settings.language,
            segments=[{"type": "transcription_segment", **_segment_fields(segment)} for segment in segments],
            usage=usage,
            **omitted,
        )


_HANDLERS: dict[str, Callable[[MistralRealtime, Message], list[Effect]]] = {
    "input_audio.append": MistralRealtime._append,
    "input_audio.flush": MistralRealtime._flush,
    "input_audio.end": MistralRealtime._end,
    "session.update": MistralRealtime._update,
}

_TURN_TYPES: dict[type[TurnEvent], str] = {
    TurnStarted: "turn.start",
    TurnEnding: "turn.eager_end",
    TurnResumed: "turn.resume",
}


def _message(kind: str, **fields: object) -> Send:
    return Send(write_message({"type": kind, **fields}))


def _error(message: str, code: int) -> Send:
    """`code` is a number: with a string in it the SDK does not see that the event is an error."""
    return _message("error", error={"message": message, "code": code})


def _segment_fields(segment: Segment) -> Message:
    """A segment for the wire. Of one too long for a frame, the end; the rest of its text was told by deltas."""
    times = {"start": round(segment.start_s, 3), "end": round(segment.end_s, 3)}
    num_omitted_chars = len(segment.text) - MAX_PIECE_CHARS
    if num_omitted_chars <= 0:
        return {"text": segment.text, **times}
    return {"text": segment.text[num_omitted_chars:], **times, "omitted_chars": num_omitted_chars}
