"""Servers that ignore, delay, repeat and drop flushes, that hang up, that answer late: no word is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.client_sessions import QUICK, Outcome, assert_transcribed, run_session
from tests.support.scripted_server import GOOD, Behaviour, after, serving
from tests.support.waiting import until
from voxtide.client.connect import connect
from voxtide.client.events import ConnectionLost
from voxtide.client.transport import reconnect as reconnector
from voxtide.client.transport.replay_transport import MAX_SENDS
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
    "tells no deltas": Behaviour(has_deltas=False),
    "tells no deltas and ignores flushes": Behaviour(has_deltas=False, ignores_flush=True),
    "tells no times": Behaviour(has_segments=False),
    "ignores flushes and is slow to end": Behaviour(ignores_flush=True, end_delay_s=0.1),
}


async def test_servers_that_always_behave_so() -> None:
    """All of them at once; each must have let go of every connection when its conversation is over."""
    await asyncio.gather(*(outlives(name, behaviour) for name, behaviour in FAULTS.items()))


async def test_a_server_that_answers_again_when_something_else_was_asked() -> None:
    """It repeats each answer a flush or two later, and forgets every third flush."""
    words = ("who", "built", "a white", "tower", "and when", "was it", "begun")

    async def one(after_ms: int) -> None:
        behaviour = Behaviour(ignores_every=3, flush_delay_s=0.01, repeat_after_s=after_ms / 1000)
        async with serving(behaviour) as server:
            assert_transcribed(await run_session(connect(server.url, config=QUICK), words), words)
        assert server.num_open == 0

    await asyncio.gather(*map(one, range(0, 80, 4)))


PASSING = {
    "ignores flush and end": Behaviour(ignores_flush=True, ignores_end=True),
    "ignores flush, is cut at the end": Behaviour(ignores_flush=True, aborts_at_end=True),
    "ignores flush, ends too late": Behaviour(ignores_flush=True, end_delay_s=1.0),
    "is cut in the first word": Behaviour(abort_after_s=0.2),
    "is cut in the third word": Behaviour(abort_after_s=0.6),
    "is cut in the third utterance": Behaviour(abort_after_s=1.1),
    "is cut at a flush": Behaviour(aborts_at_flush=True),
    "is cut at the end": Behaviour(aborts_at_end=True),
    "goes away": Behaviour(close_code=1001),
    "closes without a reason": Behaviour(close_code=1000),
    "fails": Behaviour(close_code=1011),
    "has an error, then fails": Behaviour(close_code=1011, error={"message": "out of memory", "code": 500}),
}


async def test_servers_that_do_so_twice() -> None:
    outcome = await asyncio.gather(
        *(outlives(name, after(behaviour, behaviour), rest="again") for name, behaviour in PASSING.items())
    )
    assert all(it.replacements for it in outcome)


async def outlives(name: str, behaviour: Behaviour | Callable[[int], Behaviour], rest: str = "") -> Outcome:
    try:
        async with serving(behaviour) as server:
            outcome = await run_session(connect(server.url, config=QUICK), rest=rest)
            assert_transcribed(outcome, rest=rest)
        assert server.num_open == 0
    except BaseException as error:
        error.add_note(f"the server {name}")
        raise
    return outcome


async def test_a_storm() -> None:
    """Many conversations at once, with a server each; the first four connections of each fail in all the ways."""
    rng = random.Random(1)
    ways = [*FAULTS.values(), *PASSING.values()]

    async def one(behaviour: list[Behaviour], chunk_samples: int) -> None:
        async with serving(after(*behaviour, rest=rng.choice([GOOD, Behaviour(ignores_flush=True)]))) as server:
            outcome = await run_session(connect(server.url, config=QUICK), rest="again", chunk_samples=chunk_samples)
            assert_transcribed(outcome, rest="again")
        assert server.num_open == 0

    async with asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(one(rng.sample(ways, 4), rng.choice([160, 1280, 20_000])))


async def test_the_standby_is_there_before_it_is_needed() -> None:
    """The audio behind an unanswered flush is sent on as soon as the flush is overdue: nothing has to be opened."""
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


async def test_a_server_that_answers_in_time_is_never_asked_for_a_second_connection() -> None:
    async with serving(Behaviour(flush_delay_s=0.01)) as server:
        assert_transcribed(
            await run_session(connect(server.url, config=replace(QUICK, flush_timeout_s=5, standby_after_s=2)))
        )
    assert len(server.seen) == 1


async def test_a_server_known_to_answer_no_flush_is_not_waited_for() -> None:
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


async def test_audio_behind_a_flush_waits_for_its_answer() -> None:
    """Whatever a server makes of a flush, its answer is about what was sent before."""
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


async def test_a_server_that_is_away_for_a_while() -> None:
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


async def test_a_server_that_stays_away_is_given_up() -> None:
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
            events.append(event)  # noqa: PERF401  # the loop raises, and what came before is of interest
    assert [event.text for event in events if isinstance(event, Flushed)] == ["to be"]
    assert isinstance(events[-1], ConnectionLost)
    with pytest.raises(ConnectionFailedError):
        await connection.send_audio(speak("not"))
    await connection.close()


async def test_a_server_that_always_breaks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnector, "BACKOFF_S", (0.0,))
    async with serving(Behaviour(abort_after_s=0.1)) as server:
        connection = await connect(server.url, config=QUICK)
        await connection.send_audio(speak("to be"))
        with pytest.raises(ConnectionFailedError):
            await connection.flush_audio()
        await connection.close()
    assert len(server.seen) == MAX_SENDS


@pytest.mark.parametrize("is_flushing", [False, True])
async def test_a_server_that_always_hangs_up_is_given_up(is_flushing: bool) -> None:
    """Whether or not there is anything to send."""
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


async def test_a_standby_that_was_not_needed_is_given_back() -> None:
    async with serving(Behaviour(flush_delay_s=0.2)) as server:
        config = replace(QUICK, flush_timeout_s=5)
        async with connect(server.url, config=config) as connection:
            await connection.send_audio(speak("to be"))
            assert await connection.flush_audio() == "to be"
            assert len(server.seen) == 2
            await until(lambda: server.num_open == 1)


async def test_a_flush_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnector, "RETRY_FLUSH_S", 0.0)
    deaf = Behaviour(ignores_flush=True)
    async with serving(after(deaf, deaf)) as server:
        assert_transcribed(await run_session(connect(server.url, config=QUICK)))
    assert server.seen[2].kinds.count("input_audio.flush") == 2


async def test_no_interim_text_outlives_its_connection() -> None:
    behaviour = after(Behaviour(abort_after_s=0.3, interim="to b"))
    async with serving(behaviour) as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("to be"))
        async for event in connection:
            if isinstance(event, ConnectionLost):
                break
            last = event
    assert last == Interim("", len(speak("to be")) / SAMPLE_RATE_HZ)


async def test_a_server_that_refuses_what_we_send_is_not_asked_again() -> None:
    error = {"message": "Invalid model: nobody", "code": 400}
    async with serving(Behaviour(close_code=1008, error=error)) as server:
        connection = await connect(server.url, config=QUICK)
        await connection.send_audio(speak("to be"))
        with pytest.raises(ConnectionFailedError, match="Invalid model: nobody"):
            await connection.flush_audio()
        await connection.close()
    assert len(server.seen) == 1


async def test_long_speech_without_a_flush_is_kept_within_bounds_and_whole() -> None:
    """Ten seconds through a journal of two, cut by a server that hangs up in the middle."""
    config = replace(QUICK, replay_s=2.0, flush_timeout_s=5)
    text = " ".join(["to", "be", "or", "not"] * 6)
    async with serving(after(Behaviour(abort_after_s=3.0), Behaviour(abort_after_s=1.0))) as server:
        outcome = await run_session(connect(server.url, config=config), (), rest=text)
        assert_transcribed(outcome, (), rest=text)
    assert len(server.seen) == 3
    assert all(event.replayed_s <= 2.0 for event in outcome.replacements)


@pytest.mark.parametrize("transform", [str.upper, lambda text: text.replace("e", "ee")], ids=["loud", "long"])
async def test_another_hearing_of_the_same_words_takes_nothing_back(transform: Callable[[str], str]) -> None:
    """The second connection hears otherwise what the first had told: that stands, and what follows is told once."""
    words = "to be or not to be that is it"
    async with serving(after(Behaviour(abort_after_s=1.7), rest=Behaviour(transform=transform))) as server:
        connection = connect(server.url, config=QUICK)
        outcome = await run_session(connection, (), rest=words)
    assert len(outcome.text.split()) == len(words.split())
    assert outcome.text.lower().replace("ee", "e").split() == words.split()
    assert outcome.text.startswith("to be or")
