"""Every way to end gives one close, at most once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxtide.errors import SessionExpiredError, VoxtideError
from voxtide.protocols.error_codes import GOING_AWAY, INTERNAL, NORMAL, TRY_LATER, Failure
from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.base import BaseDialect, Handlers, Phase
from voxtide.protocols.realtime.dialect import Close, Effect, Finish, Send
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.transcript.events import Finished, TranscriptEvent


class Plain(BaseDialect):
    """One message, `end`; refusals and failures are their codes."""

    def _handlers(self) -> Handlers:
        return {"end": lambda _: self._finish(Phase.ENDING)}

    def _effects_of(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        return self._close()

    def _failure_messages(self, failure: Failure) -> list[Send]:
        return [Send(failure.code)]

    def _refusal_message(self, refusal: RequestRefusedError, message: Message) -> Send:
        return Send(refusal.code)


END, FINISHED = '{"type": "end"}', Finished(1.0)


def test_the_close_code_depends_on_who_ends_the_session() -> None:
    by_client, by_server = Plain(), Plain()
    assert [by_client.receive(END), by_client.on_event(FINISHED)] == [[Finish()], [Close(NORMAL)]]
    assert [by_server.drain(), by_server.on_event(FINISHED)] == [[Finish()], [Close(GOING_AWAY)]]


def test_a_reason_is_sent_after_the_final_text() -> None:
    session = Plain()
    assert session.drain(SessionExpiredError("an hour")) == [Finish()]
    assert session.on_event(FINISHED) == [Send("session_expired"), Close(TRY_LATER, "session_expired")]


def test_a_failure_closes_at_once() -> None:
    session = Plain()
    assert session.fail(VoxtideError("oh")) == [Send("error"), Close(INTERNAL, "error")]
    assert session.on_event(FINISHED) == []


@given(st.lists(st.sampled_from(["end", "drain", "fail"]), min_size=1))
def test_each_ending_happens_at_most_once(endings: list[str]) -> None:
    session = Plain()
    effects: list[Effect] = []
    for ending in endings:
        match ending:
            case "end":
                effects += session.receive(END)
            case "drain":
                effects += session.drain()
            case _:
                effects += session.fail(VoxtideError("oh"))
    assert effects.count(Finish()) <= 1
    assert sum(isinstance(effect, Close) for effect in effects) == ("fail" in endings)
    assert session.receive("?") == []
