"""Servers that ignore, delay and repeat answers, close or abort: no word is lost or duplicated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.client_sessions import QUICK, Outcome, assert_transcribed, run_session
from tests.support.scripted_server import GOOD, Behaviour, after, serving
from tests.support.waiting import until
from voxtide.audio.pcm import PcmFormat
from voxtide.client.connect import connect
from voxtide.client.dialects.base import Done, SegmentText, Text
from voxtide.client.events import ConnectionLost
from voxtide.client.transport import reconnect
from voxtide.client.transport.replay_buffer import Utterance
from voxtide.client.transport.replay_transport import MAX_SENDS, ActiveSocket
from voxtide.client.transport.websocket import ClientSocket
from voxtide.engines.scripted import speak
from voxtide.errors import ConnectionFailedError
from voxtide.transcript.events import Flushed, Interim
from voxtide.types import SAMPLE_RATE_HZ

FAULTS = {
    "ignores every flush": Behaviour(ignores_flush=True),
    "answers flushes late": Behaviour(flush_delay_s=1.0),
    "answers flushes a little late": Behaviour(flush_delay_s=0.1),
    "answers each flush twice": Behaviour(num_dones=2),
    "answers each flush three times": Behaviour(num_dones=3),
    "sends no deltas": Behaviour(has_deltas=False),
    "sends no deltas and ignores flushes": Behaviour(has_deltas=False, ignores_flush=True),
    "sends no times": Behaviour(has_segments=False),
    "ignores flushes and is slow to end": Behaviour(ignores_flush=True, end_delay_s=0.1),
}


async def test_servers_that_always_misbehave() -> None:
    """All at once. No connection stays open after its session."""
    await asyncio.gather(*(check_fault(name, behaviour) for name, behaviour in FAULTS.items()))


async def test_a_server_that_repeats_answers_and_ignores_flushes() -> None:
    """It repeats each answer one or two flushes later, and ignores every third flush."""
    words = ("who", "built", "a white", "tower", "and when", "was it", "begun")

    async def run_one(after_ms: int) -> None:
        behaviour = Behaviour(ignores_every=3, flush_delay_s=0.01, repeat_after_s=after_ms / 1000)
        async with serving(behaviour) as server:
            assert_transcribed(await run_session(connect(server.url, config=QUICK), words), words)
        assert server.num_open == 0

    await asyncio.gather(*map(run_one, range(0, 80, 4)))


PASSING_FAULTS = {
    "ignores flush and end": Behaviour(ignores_flush=True, ignores_end=True),
    "ignores flush, aborts at the end": Behaviour(ignores_flush=True, aborts_at_end=True),
    "ignores flush, ends too late": Behaviour(ignores_flush=True, end_delay_s=1.0),
    "aborts in the first word": Behaviour(abort_after_s=0.2),
    "aborts in the third word": Behaviour(abort_after_s=0.6),
    "aborts in the third utterance": Behaviour(abort_after_s=1.1),
    "aborts at a flush": Behaviour(aborts_at_flush=True),
    "aborts at the end": Behaviour(aborts_at_end=True),
    "goes away": Behaviour(close_code=1001),
    "closes without a reason": Behaviour(close_code=1000),
    "fails": Behaviour(close_code=1011),
    "has an error, then fails": Behaviour(close_code=1011, error={"message": "out of memory", "code": 500}),
}


async def test_servers_that_misbehave_on_two_connections() -> None:
    outcome = await asyncio.gather(
        *(check_fault(name, after(behaviour, behaviour), rest="again") for name, behaviour in PASSING_FAULTS.items())
    )
    assert all(it.replacements for it in outcome)


async def check_fault(name: str, behaviour: Behaviour | Callable[[int], Behaviour], rest: str = "") -> Outcome:
    try:
        async with serving(behaviour) as server:
            outcome = await run_session(connect(server.url, config=QUICK), rest=rest)
            assert_transcribed(outcome, rest=rest)
        assert server.num_open == 0
    except BaseException as error:
        error.add_note(f"the server {name}")
        raise
    return outcome


async def test_many_sessions_with_random_faults() -> None:
    """Concurrent sessions with a server each, whose first four connections misbehave in random ways."""
    rng = random.Random(1)
    faults = [*FAULTS.values(), *PASSING_FAULTS.values()]

    async def run_one(behaviour: list[Behaviour], chunk_samples: int) -> None:
        async with serving(after(*behaviour, rest=rng.choice([GOOD, Behaviour(ignores_flush=True)]))) as server:
            outcome = await run_session(connect(server.url, config=QUICK), rest="again", chunk_samples=chunk_samples)
            assert_transcribed(outcome, rest="again")
        assert server.num_open == 0

    async with asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(run_one(rng.sample(faults, 4), rng.choice([160, 1280, 20_000])))


async def test_the_standby_opens_before_the_flush_times_out() -> None:
    """After a flush timeout the next audio is sent on the standby, without opening a connection."""
    async with serving(after(Behaviour(ignores_flush=True))) as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("to"))
        flush = connection.flush_audio()
        await until(lambda: len(server.seen) == 2)
        assert "input_audio.end" not in server.seen[0].kinds
        await connection.send_audio(speak("be"))
        assert await flush == "to"
        assert await connection.flush_audio() == "be"
    assert server.seen[0].kinds == ["input_audio.append", "input_audio.flush", "input_audio.end"]
    assert server.seen[1].kinds[:2] == ["input_audio.append", "input_audio.flush"]


async def test_a_server_that_answers_in_time_gets_one_connection() -> None:
    async with serving(Behaviour(flush_delay_s=0.01)) as server:
        assert_transcribed(
            await run_session(connect(server.url, config=replace(QUICK, flush_timeout_s=5, standby_after_s=2)))
        )
    assert len(server.seen) == 1


async def test_a_server_that_ignores_flushes_gets_no_more_of_them() -> None:
    config = replace(QUICK, flush_timeout_s=0.3)
    words = ("to", "be", "or", "not", "to", "be")
    async with serving(Behaviour(ignores_flush=True)) as server, connect(server.url, config=config) as connection:
        for word in words[:2]:
            await connection.send_audio(speak(word))
            assert await connection.flush_audio() == word
        async with asyncio.timeout(0.3 * 4):
            for word in words[2:]:
                await connection.send_audio(speak(word))
                assert await connection.flush_audio() == word
    assert [seen.kinds for seen in server.seen[2:5]] == [["input_audio.append", "input_audio.end"]] * 3


async def test_audio_after_a_flush_is_held_back_until_the_answer() -> None:
    """So that the answer covers only audio sent before the flush."""
    async with serving(Behaviour(flush_delay_s=0.2)) as server:
        connection = connect(server.url, config=replace(QUICK, flush_timeout_s=5))
        async with connection:
            await connection.send_audio(speak("to"))
            flush = connection.flush_audio()
            await connection.send_audio(speak("be"))
            await until(lambda: "input_audio.flush" in server.seen[0].kinds)
            num_bytes = server.seen[0].num_audio_bytes
            assert await flush == "to"
            assert num_bytes == 2 * len(speak("to"))
            assert await connection.flush_audio() == "be"


async def test_the_session_survives_a_server_restart() -> None:
    async with serving() as server:
        port = server.port
        connection = connect(server.url, config=QUICK)
        await connection
        await connection.send_audio(speak("to be"))
        assert await connection.flush_audio() == "to be"
    await connection.send_audio(speak("or"))
    flush = connection.flush_audio()
    await asyncio.sleep(0.3)  # long enough that some attempts fail
    async with serving(port=port):
        assert await flush == "or"
        await connection.close()


async def test_the_session_fails_if_the_server_stays_away() -> None:
    async with serving() as server:
        connection = await connect(server.url, config=replace(QUICK, reconnect_s=0.3))
        await connection.send_audio(speak("to be"))
        assert await connection.flush_audio() == "to be"
    await connection.send_audio(speak("or"))
    flush = connection.flush_audio()
    with pytest.raises(ConnectionFailedError, match="cannot reach http://127.0.0.1"):
        await flush
    events = []
    with pytest.raises(ConnectionFailedError, match="cannot reach"):
        async for event in connection:
            events.append(event)  # noqa: PERF401  # the loop raises; the events before it are checked
    assert [event.text for event in events if isinstance(event, Flushed)] == ["to be"]
    assert isinstance(events[-1], ConnectionLost)
    with pytest.raises(ConnectionFailedError):
        await connection.send_audio(speak("not"))
    await connection.close()


async def test_the_session_fails_if_every_connection_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "BACKOFF_S", (0.0,))
    async with serving(Behaviour(abort_after_s=0.1)) as server:
        connection = await connect(server.url, config=QUICK)
        await connection.send_audio(speak("to be"))
        with pytest.raises(ConnectionFailedError):
            await connection.flush_audio()
        await connection.close()
    assert len(server.seen) == MAX_SENDS


@pytest.mark.parametrize("is_flushing", [False, True])
async def test_the_session_fails_if_the_server_always_closes(is_flushing: bool) -> None:
    """With and without audio to send."""
    always = Behaviour(closes_when_ready=True)
    first = Behaviour(ignores_flush=True, aborts_at_end=True) if is_flushing else GOOD
    async with serving(after(first, rest=always)) as server:
        connection = await connect(server.url, config=replace(QUICK, reconnect_s=0.3))
        if is_flushing:
            await connection.send_audio(speak("to be"))
            connection.flush_audio()
        else:
            server.abort_all()
        with pytest.raises(ConnectionFailedError):
            async for _ in connection:
                pass
        await connection.close()


async def test_an_unused_standby_is_closed() -> None:
    async with serving(Behaviour(flush_delay_s=0.2)) as server:
        config = replace(QUICK, flush_timeout_s=5)
        async with connect(server.url, config=config) as connection:
            await connection.send_audio(speak("to be"))
            assert await connection.flush_audio() == "to be"
            assert len(server.seen) == 2
            await until(lambda: server.num_open == 1)


async def test_flushes_are_sent_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "RETRY_FLUSH_S", 0.0)
    ignoring = Behaviour(ignores_flush=True)
    async with serving(after(ignoring, ignoring)) as server:
        assert_transcribed(await run_session(connect(server.url, config=QUICK)))
    assert server.seen[2].kinds.count("input_audio.flush") == 2


async def test_interim_text_is_cleared_when_the_connection_is_lost() -> None:
    behaviour = after(Behaviour(abort_after_s=0.3, interim="to b"))
    async with serving(behaviour) as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("to be"))
        async for event in connection:
            if isinstance(event, ConnectionLost):
                break
            last = event
    assert last == Interim("", len(speak("to be")) / SAMPLE_RATE_HZ)


async def test_a_permanent_failure_is_not_retried() -> None:
    error = {"message": "Invalid model: unknown", "code": 400}
    async with serving(Behaviour(close_code=1008, error=error)) as server:
        connection = await connect(server.url, config=QUICK)
        await connection.send_audio(speak("to be"))
        with pytest.raises(ConnectionFailedError, match="Invalid model: unknown"):
            await connection.flush_audio()
        await connection.close()
    assert len(server.seen) == 1


async def test_long_speech_without_a_flush_is_bounded_and_complete() -> None:
    """Ten seconds through a replay buffer of two, with two aborted connections."""
    config = replace(QUICK, replay_s=2.0, flush_timeout_s=5)
    text = " ".join(["to", "be", "or", "not"] * 6)
    async with serving(after(Behaviour(abort_after_s=3.0), Behaviour(abort_after_s=1.0))) as server:
        outcome = await run_session(connect(server.url, config=config), (), rest=text)
        assert_transcribed(outcome, (), rest=text)
    assert len(server.seen) == 3
    assert all(event.replayed_s <= 2.0 for event in outcome.replacements)


@pytest.mark.parametrize("transform", [str.upper, lambda text: text.replace("e", "ee")], ids=["upper", "longer"])
async def test_a_different_transcript_after_a_replay_revises_nothing(transform: Callable[[str], str]) -> None:
    """The second connection transcribes differently: emitted text stays, and what follows is emitted once."""
    words = "to be or not to be that is it"
    async with serving(after(Behaviour(abort_after_s=1.7), rest=Behaviour(transform=transform))) as server:
        connection = connect(server.url, config=QUICK)
        outcome = await run_session(connection, (), rest=words)
    assert len(outcome.text.split()) == len(words.split())
    assert outcome.text.lower().replace("ee", "e").split() == words.split()
    assert outcome.text.startswith("to be or")


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
