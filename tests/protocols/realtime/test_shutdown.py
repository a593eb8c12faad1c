"""Every way out of a session ends in one close, and none can be gone twice."""

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


def test_who_ends_it_decides_the_code() -> None:
    by_client, by_us = new_shutdown(), new_shutdown()
    assert [by_client.end(), by_client.close()] == [[Finish()], [Close(NORMAL)]]
    assert [by_us.drain(None), by_us.close()] == [[Finish()], [Close(GOING_AWAY)]]


def test_a_reason_is_told_after_the_last_text() -> None:
    session = new_shutdown()
    assert session.drain(SessionExpiredError("an hour")) == [Finish()]
    assert session.close() == [Send("session_expired"), Close(TRY_LATER, "session_expired")]


def test_a_failure_closes_at_once() -> None:
    session = new_shutdown()
    assert session.fail(VoxtideError("oh")) == [Send("error"), Close(INTERNAL, "error")]
    assert session.is_closed


@given(st.lists(st.sampled_from(["end", "drain", "fail"]), min_size=1))
def test_no_way_is_gone_twice(ways: list[str]) -> None:
    session = new_shutdown()
    effects: list[Effect] = []
    for way in ways:
        match way:
            case "end":
                effects += session.end()
            case "drain":
                effects += session.drain(None)
            case _:
                effects += session.fail(VoxtideError("oh"))
    assert effects.count(Finish()) <= 1
    assert sum(isinstance(effect, Close) for effect in effects) == ("fail" in ways)
    assert not session.is_open
