"""Every way to end a session gives one close, at most once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voxtide.errors import SessionExpiredError, VoxtideError
from voxtide.protocols.error_codes import GOING_AWAY, INTERNAL, NORMAL, TRY_LATER, Failure
from voxtide.protocols.realtime.dialect import Close, Effect, Finish, Send
from voxtide.protocols.realtime.shutdown import Shutdown


def new_shutdown() -> Shutdown:
    def error_messages(failure: Failure) -> list[Send]:
        return [Send(failure.code)]

    return Shutdown(error_messages)


def test_the_close_code_depends_on_who_ends_the_session() -> None:
    by_client, by_server = new_shutdown(), new_shutdown()
    assert [by_client.end(), by_client.close()] == [[Finish()], [Close(NORMAL)]]
    assert [by_server.drain(None), by_server.close()] == [[Finish()], [Close(GOING_AWAY)]]


def test_a_reason_is_sent_after_the_final_text() -> None:
    session = new_shutdown()
    assert session.drain(SessionExpiredError("an hour")) == [Finish()]
    assert session.close() == [Send("session_expired"), Close(TRY_LATER, "session_expired")]


def test_a_failure_closes_at_once() -> None:
    session = new_shutdown()
    assert session.fail(VoxtideError("oh")) == [Send("error"), Close(INTERNAL, "error")]
    assert session.is_closed


@given(st.lists(st.sampled_from(["end", "drain", "fail"]), min_size=1))
def test_each_ending_happens_at_most_once(endings: list[str]) -> None:
    session = new_shutdown()
    effects: list[Effect] = []
    for ending in endings:
        match ending:
            case "end":
                effects += session.end()
            case "drain":
                effects += session.drain(None)
            case _:
                effects += session.fail(VoxtideError("oh"))
    assert effects.count(Finish()) <= 1
    assert sum(isinstance(effect, Close) for effect in effects) == ("fail" in endings)
    assert not session.is_open
