"""`ActiveSocket`: answers, duplicates and timeouts."""

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


def make_active() -> ActiveSocket:
    return ActiveSocket(cast("ClientSocket", SimpleNamespace(loss=None)))


def receive(active: ActiveSocket, text: str) -> None:
    assert active.utterance is not None
    active.note_message(Text(text))
    active.utterance.text.add(Text(text), 0.0)


async def test_a_done_is_an_answer_only_if_one_is_pending(utterance: Utterance) -> None:
    active = make_active()
    active.start(utterance)
    assert not active.is_answer(Done("to be"))
    active.is_answer_pending = True
    assert active.is_answer(Done("to be"))
    assert not active.is_answer(Text("to be"))


async def test_a_duplicate_done_answers_once(utterance: Utterance) -> None:
    active = make_active()
    active.start(utterance)
    receive(active, "to be")
    active.is_answer_pending = True
    done = Done("to be")
    assert active.is_answer(done)
    active.note_answer(done, following := Utterance(0, PcmFormat()))
    assert active.is_duplicate(done)
    active.start(following)
    active.is_answer_pending = True
    assert active.is_duplicate(done)  # no delta preceded it
    receive(active, "or not")
    assert active.is_duplicate(done)
    assert not active.is_duplicate(Done("or not"))


async def test_a_duplicate_may_come_after_the_next_answer_and_without_its_times(utterance: Utterance) -> None:
    active = make_active()
    for text in ("to be", "or not"):
        active.start(utterance)
        receive(active, text)
        done = Done(text, (SegmentText(text, 0.0, 1.0),), {"total_tokens": 5})
        active.note_answer(done, utterance := Utterance(0, PcmFormat()))
    active.start(utterance)
    active.is_answer_pending = True
    assert active.is_duplicate(Done("to be"))
    assert not active.is_duplicate(Done("that is it"))


async def test_the_same_words_spoken_twice_are_no_duplicate(utterance: Utterance) -> None:
    active = make_active()
    active.start(utterance)
    receive(active, "yes")
    done = Done("yes")
    active.note_answer(done, following := Utterance(0, PcmFormat()))
    active.start(following)
    receive(active, "yes")
    active.is_answer_pending = True
    assert active.is_answer(done)


async def test_without_deltas_equal_answers_are_no_duplicates(utterance: Utterance) -> None:
    active = make_active()
    active.start(utterance)
    done = Done("yes")
    active.note_answer(done, following := Utterance(0, PcmFormat()))
    active.start(following)
    active.is_answer_pending = True
    assert active.is_answer(done)


async def test_an_answer_times_out() -> None:
    active, now_s = make_active(), asyncio.get_running_loop().time()
    assert active.seconds_left(now_s, 1.0) == pytest.approx(1.0, abs=0.1)
    assert active.seconds_left(now_s - 5.0, 1.0) == pytest.approx(-4.0, abs=0.1)


async def test_each_message_restarts_the_timeout(utterance: Utterance) -> None:
    active, now_s = make_active(), asyncio.get_running_loop().time()
    active.start(utterance)
    receive(active, "to")
    assert active.seconds_left(now_s - 5.0, 1.0) == pytest.approx(1.0, abs=0.1)


async def test_audio_sent_faster_than_real_time_extends_the_timeout(utterance: Utterance) -> None:
    active, now_s = make_active(), asyncio.get_running_loop().time()
    active.start(utterance)
    utterance.audio += bytes(3 * 32_000)
    assert active.seconds_left(now_s, 1.0) == pytest.approx(4.0, abs=0.1)
    assert active.seconds_left(now_s + 2.0, 1.0) == pytest.approx(4.0, abs=0.1)  # smaller head start
    assert active.seconds_left(now_s + 9.0, 1.0) == pytest.approx(10.0, abs=0.1)
