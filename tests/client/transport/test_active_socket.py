"""What answers a question, what only repeats, and how long an answer may take."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from voxtide.audio.pcm import PcmFormat
from voxtide.client.dialects.base import Done, SegmentText, Text
from voxtide.client.transport.replay_buffer import Utterance
from voxtide.client.transport.replay_transport import ActiveSocket
from voxtide.client.transport.websocket import ClientSocket


@pytest.fixture
def utterance() -> Utterance:
    return Utterance(0, PcmFormat())


def active() -> ActiveSocket:
    return ActiveSocket(cast("ClientSocket", SimpleNamespace(loss=None)))


def receive(on: ActiveSocket, text: str) -> None:
    assert on.utterance is not None
    on.note_message(Text(text))
    on.utterance.text.add(Text(text), 0.0)


async def test_a_done_answers_only_where_one_was_asked_for(utterance: Utterance) -> None:
    one = active()
    one.start(utterance)
    assert not one.is_answer(Done("to be"))
    one.is_answer_pending = True
    assert one.is_answer(Done("to be"))
    assert not one.is_answer(Text("to be"))


async def test_a_done_that_comes_twice_answers_once(utterance: Utterance) -> None:
    one = active()
    one.start(utterance)
    receive(one, "to be")
    one.is_answer_pending = True
    done = Done("to be")
    assert one.is_answer(done)
    one.note_answer(done, following := Utterance(0, PcmFormat()))
    assert one.is_duplicate(done)
    one.start(following)
    one.is_answer_pending = True
    assert one.is_duplicate(done)  # nothing was heard that it could be the end of
    receive(one, "or not")
    assert one.is_duplicate(done)
    assert not one.is_duplicate(Done("or not"))


async def test_an_answer_may_be_repeated_after_the_next_one_and_without_its_times(utterance: Utterance) -> None:
    one = active()
    for text in ("to be", "or not"):
        one.start(utterance)
        receive(one, text)
        done = Done(text, (SegmentText(text, 0.0, 1.0),), {"total_tokens": 5})
        one.note_answer(done, utterance := Utterance(0, PcmFormat()))
    one.start(utterance)
    one.is_answer_pending = True
    assert one.is_duplicate(Done("to be"))
    assert not one.is_duplicate(Done("that is it"))


async def test_the_same_words_said_twice_are_no_repeat(utterance: Utterance) -> None:
    one = active()
    one.start(utterance)
    receive(one, "yes")
    done = Done("yes")
    one.note_answer(done, following := Utterance(0, PcmFormat()))
    one.start(following)
    receive(one, "yes")
    one.is_answer_pending = True
    assert one.is_answer(done)


async def test_a_server_without_deltas_may_say_the_same_twice(utterance: Utterance) -> None:
    one = active()
    one.start(utterance)
    done = Done("yes")
    one.note_answer(done, following := Utterance(0, PcmFormat()))
    one.start(following)
    one.is_answer_pending = True
    assert one.is_answer(done)


async def test_an_answer_is_overdue_after_so_long() -> None:
    one, now_s = active(), asyncio.get_running_loop().time()
    assert one.seconds_left(now_s, 1.0) == pytest.approx(1.0, abs=0.1)
    assert one.seconds_left(now_s - 5.0, 1.0) == pytest.approx(-4.0, abs=0.1)


async def test_each_word_begins_the_wait_anew(utterance: Utterance) -> None:
    one, now_s = active(), asyncio.get_running_loop().time()
    one.start(utterance)
    receive(one, "to")
    assert one.seconds_left(now_s - 5.0, 1.0) == pytest.approx(1.0, abs=0.1)


async def test_audio_that_was_sent_at_once_may_take_as_long_as_it_lasts(utterance: Utterance) -> None:
    one, now_s = active(), asyncio.get_running_loop().time()
    one.start(utterance)
    utterance.audio += bytes(3 * 32_000)
    assert one.seconds_left(now_s, 1.0) == pytest.approx(4.0, abs=0.1)
    assert one.seconds_left(now_s + 2.0, 1.0) == pytest.approx(4.0, abs=0.1)  # asked later, with less of a head start
    assert one.seconds_left(now_s + 9.0, 1.0) == pytest.approx(10.0, abs=0.1)
