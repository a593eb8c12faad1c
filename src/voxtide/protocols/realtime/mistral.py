"""Mistral's realtime dialect. In: messages, events, failures. Out: effects. docs/protocols.md describes the protocol.

Clients depend on three rules. Every flush is answered by one `transcription.done` with the text since the previous one.
The only other `done` is the last one, after `input_audio.end`: the SDK's stream helper disconnects at the first it
receives. Only the client, a failure or a server shutdown ends a session: silence is not an error.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from voxtide.protocols.error_codes import POLICY, Failure
from voxtide.protocols.messages import Message, RequestRefusedError, read_audio
from voxtide.protocols.realtime.base import BaseDialect, Handlers, Phase, to_send
from voxtide.protocols.realtime.dialect import Close, Effect, Feed, Flush, Send
from voxtide.protocols.realtime.mistral_settings import MistralSettings
from voxtide.protocols.realtime.pending_text import MAX_PIECE_CHARS, PendingText
from voxtide.protocols.realtime.turns import TurnEnded, TurnEnding, TurnEvent, TurnResumed, TurnStarted
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.transcript.notices import event_notice
from voxtide.types import EngineInfo, Segment

MISTRAL_MAX_APPEND_BYTES = 262_144
"""Limit of one message's decoded audio, as at the hosted service."""

MAX_PENDING_FLUSHES = 256
"""Unanswered flushes. A speaker pauses a few times a minute; a client with more is in a loop."""


@dataclass(slots=True)
class _Pending:
    """An unanswered flush: requested by the client, or made at a turn's end.

    The first is answered by a `done`, the second by `turn_end`. `later_turns` are turn events that wait for the answer;
    the engine's limit on audio ahead of its text bounds them.
    """

    turn_end: Send | None = None
    later_turns: list[Send] = field(default_factory=list)


class MistralRealtime(BaseDialect):
    """A `Dialect`: one session on `/v1/audio/transcriptions/realtime`."""

    def __init__(self, engine: EngineInfo, session: SessionInfo, query: Mapping[str, str]) -> None:
        super().__init__()
        self._engine = engine
        self._session = session
        self._requested_model = query.get("model")
        self._settings = MistralSettings(
            language=engine.default_language,
            has_interim=query.get("interim") == "true",
            has_notices=query.get("notices") == "true",
        )
        self._has_audio = False
        self._pending: deque[_Pending] = deque()
        self._pending_text = PendingText()
        self._language: str | None = None
        self._reported_s = 0

    def begin(self) -> list[Effect]:
        """Send `session.created`, or refuse an unknown model."""
        if self._requested_model and (reason := self._engine.model_refusal(self._requested_model)):
            self._phase = Phase.CLOSED
            return [_error(reason, 400), Close(POLICY, "invalid model")]
        return [self._settings.configure(), self._session_message("session.created")]

    def _effects_of(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        match event:
            case Delta(text, audio_s):
                covered = {"audio_s": round(audio_s, 3)} if self._settings.has_interim else {}
                pieces = self._pending_text.add(text)
                return [to_send("transcription.text.delta", text=piece, **covered) for piece in pieces]
            case Interim(text, audio_s) if self._settings.has_interim:
                return [to_send("transcription.text.interim", text=text, audio_s=round(audio_s, 3))]
            case SpeechStarted(time_s) if self._settings.has_speech:
                return [to_send("speech.start", time_s=time_s)]
            case SpeechStopped(time_s) if self._settings.has_speech:
                return [to_send("speech.stop", time_s=time_s)]
            case LanguageDoubted() | SpeechUntranscribed() if self._settings.has_notices:
                notice, end_s = event_notice(event, "the audio"), round(event.audio_s, 3)
                return [to_send("transcription.notice", code=notice.code, message=notice.message, audio_s=end_s)]
            case SegmentEnded(segment):
                return self._send_segment(segment)
            case LanguageDetected(language):
                self._language = language
                return [to_send("transcription.language", audio_language=language)]
            case Flushed():
                return self._on_flushed(event)
            case Finished(audio_s):
                return [self._done(audio_s), *self._close()]
            case TurnStarted() | TurnEnding() | TurnResumed() | TurnEnded() if self._settings.turns:
                return self._on_turn(event)
            case _:
                return []

    def _failure_messages(self, failure: Failure) -> list[Send]:
        return [_error(failure.message, failure.status)]

    def _refusal_message(self, refusal: RequestRefusedError, message: Message) -> Send:
        return _error(refusal.reason, refusal.status)

    # Client messages.

    def _ignores_messages(self) -> bool:
        return self._phase is Phase.CLOSED

    def _handlers(self) -> Handlers:
        return {
            "input_audio.append": self._append,
            "input_audio.flush": self._flush,
            "input_audio.end": self._end,
            "session.update": self._update,
        }

    def _update(self, message: Message) -> list[Effect]:
        requested = message.get("session")
        if requested is None:
            requested = {}
        if not isinstance(requested, dict):
            raise RequestRefusedError("session.update needs a session, an object")
        if not self._is_open or self._has_audio:
            raise RequestRefusedError("Session fields cannot be changed after audio has started.")
        self._settings, refusals = self._settings.updated(requested, self._engine)
        effects: list[Effect] = [_error(refusal.reason, refusal.status) for refusal in refusals]
        return [self._settings.configure(), *effects, self._session_message("session.updated")]

    def _append(self, message: Message) -> list[Effect]:
        if self._phase is Phase.DRAINING:
            return []  # the connection is closing
        if self._phase is Phase.ENDING:
            raise RequestRefusedError("no audio may follow input_audio.end")
        if self._settings.pcm is None:
            raise RequestRefusedError(
                "this audio cannot be read: its audio_format was refused; send session.update with another"
            )
        payload = read_audio(message.get("audio"), max_bytes=MISTRAL_MAX_APPEND_BYTES)
        if not payload:
            return []
        self._has_audio = True
        return [Feed(payload)]

    def _flush(self, _: Message) -> list[Effect]:
        if self._phase is Phase.DRAINING:
            return []  # the last `done` answers it
        if self._phase is Phase.ENDING:
            raise RequestRefusedError("no flush may follow input_audio.end, which makes everything final itself")
        if len(self._pending) >= MAX_PENDING_FLUSHES:
            raise RequestRefusedError(
                f"{MAX_PENDING_FLUSHES} flushes are unanswered; wait for some of their answers", status=429
            )
        self._pending.append(_Pending())
        return [Flush()]

    def _end(self, _: Message) -> list[Effect]:
        return self._finish(Phase.ENDING)

    # Engine and turn events.

    def _session_message(self, kind: str) -> Send:
        return to_send(kind, session=self._settings.as_session(self._engine, self._session))

    def _send_segment(self, segment: Segment) -> list[Effect]:
        if not self._pending_text.add_segment(segment):
            return []
        return [to_send("transcription.segment", **_segment_fields(segment), speaker_id=None)]

    def _on_flushed(self, flushed: Flushed) -> list[Effect]:
        effects = [effect for segment in flushed.segments for effect in self._send_segment(segment)]
        pending = self._pending.popleft() if self._pending else _Pending()
        if pending.turn_end is None:
            return [*effects, self._done(flushed.audio_s)]
        return [*effects, pending.turn_end, *pending.later_turns]

    def _on_turn(self, event: TurnEvent) -> list[Effect]:
        """Hold `turn.end` until its text has been sent, and later turn events behind it."""
        if isinstance(event, TurnEnded):
            reason = "timeout" if event.is_timeout else "threshold"
            turn_end = to_send("turn.end", time_s=event.audio_s, end_reason=reason)
            if not self._is_open:
                return [turn_end]  # no flush may follow `Finish`
            self._pending.append(_Pending(turn_end))
            return [Flush()]
        message = to_send(_TURN_TYPES[type(event)], time_s=event.audio_s)
        for pending in reversed(self._pending):
            if pending.turn_end is not None:
                pending.later_turns.append(message)
                return []
        return [message]

    def _done(self, audio_s: float) -> Send:
        """A `done` with the text since the last one. Their whole seconds add up to the session's length, rounded up."""
        total_s = math.ceil(audio_s)
        text, segments = self._pending_text.text, self._pending_text.segments
        num_omitted_chars = self._pending_text.num_omitted_chars
        omitted = {"omitted_chars": num_omitted_chars} if num_omitted_chars else {}
        usage = {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
            "prompt_audio_seconds": max(0, total_s - self._reported_s),
        }
        self._reported_s = max(self._reported_s, total_s)
        self._pending_text.clear()
        return to_send(
            "transcription.done",
            model=self._engine.model,
            text=text,
            language=self._language or self._settings.language,
            segments=[{"type": "transcription_segment", **_segment_fields(segment)} for segment in segments],
            usage=usage,
            **omitted,
        )


_TURN_TYPES: dict[type[TurnEvent], str] = {
    TurnStarted: "turn.start",
    TurnEnding: "turn.eager_end",
    TurnResumed: "turn.resume",
}


def _error(message: str, code: int) -> Send:
    """`code` must be a number: the SDK does not recognise an error with a string code."""
    return to_send("error", error={"message": message, "code": code})


def _segment_fields(segment: Segment) -> Message:
    """A segment's fields. One too long for a frame is cut to its end; deltas have sent the rest of its text."""
    times = {"start": round(segment.start_s, 3), "end": round(segment.end_s, 3)}
    num_omitted_chars = len(segment.text) - MAX_PIECE_CHARS
    if num_omitted_chars <= 0:
        return {"text": segment.text, **times}
    return {"text": segment.text[num_omitted_chars:], **times, "omitted_chars": num_omitted_chars}
