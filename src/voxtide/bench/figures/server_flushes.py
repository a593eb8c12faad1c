"""Flushes through a server. In: sessions on sockets. Out: how long `done` takes, and whether each comes exactly once.

- flush to done: each recording is played alone, in real time, in chunks of 80 ms, to a server that runs the engine
  chosen; 250 ms after each phrase a flush is sent. Measured from sending it to the arrival of its `done`.
- exactly once: fifty sessions at once flush two hundred times each: after a word, twice in a row, before any audio and
  in the middle of a word. Meanwhile other sessions are cut off, send what is no message, and leave with a flush
  unanswered. Every flush must have one `done`, in order, and the texts of a session, joined, must be what was said.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable

from voxtide.bench.figure import Measure, Target, percentile
from voxtide.bench.figures.flush import AFTER_PHRASE_S, MIN_PAUSE_S
from voxtide.bench.load.recordings import Recording
from voxtide.bench.load.serving import Served, ServerProcess, serving
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.variants import with_tail
from voxtide.bench.load.wire import CHUNK_S, FLUSH, WireClient, framed, framed_audio, framed_chunks
from voxtide.engines.scripted import speak
from voxtide.errors import VoxtideError

NUM_SESSIONS, NUM_FLUSHES = 50, 10_000
NUM_QUICK_FLUSHES = 1_000
ANSWER_S = 30.0
WORDS = ("who", "built", "the", "white", "tower")

P95 = Target("<=", 80)


async def measure(session: BenchSession) -> list[Measure]:
    """Both."""
    return [await _latency(session), await _exactness(session)]


async def _latency(session: BenchSession) -> Measure:
    took_ms: list[float] = []
    async with serving(Served(session.choice)) as server:
        for recording in session.paced_recordings:
            session.say(f"flushing in {recording.name} through the server")
            took_ms += await _flush_phrases(server, recording)
    return Measure(
        name="flush to done over loopback, p95",
        value=percentile(took_ms, 95),
        unit="ms",
        target=P95,
        method=f"engine {session.choice.name}; from sending a flush 250 ms after a phrase to its done; "
        f"{len(took_ms)} flushes, one session, p50 {percentile(took_ms, 50):.0f} ms",
    )


async def _flush_phrases(server: ServerProcess, recording: Recording) -> list[float]:
    loop = asyncio.get_running_loop()
    asked_s: list[float] = []
    done_s: list[float] = []
    client = await WireClient.open(server.port, lambda text: _note_done(text, done_s, loop))
    flush_at_s = [end_s + AFTER_PHRASE_S for end_s in recording.phrase_ends_s(MIN_PAUSE_S)]
    began_s = loop.time()
    for number, frame in enumerate(framed_chunks(with_tail(recording.samples))):
        while flush_at_s and flush_at_s[0] <= number * CHUNK_S:
            await asyncio.sleep(max(0.0, began_s + flush_at_s.pop(0) - loop.time()))
            asked_s.append(loop.time())
            client.send(FLUSH)
        await asyncio.sleep(max(0.0, began_s + (number + 1) * CHUNK_S - loop.time()))
        client.send(frame)
    await _until(lambda: len(done_s) >= len(asked_s) or client.is_lost)
    client.cut()
    return [1000 * (done - asked) for asked, done in zip(asked_s, done_s, strict=True)]


def _note_done(text: bytes, done_s: list[float], loop: asyncio.AbstractEventLoop) -> None:
    if json.loads(text)["type"] == "transcription.done":
        done_s.append(loop.time())


async def _exactness(session: BenchSession) -> Measure:
    num_flushes = NUM_QUICK_FLUSHES if session.is_quick else NUM_FLUSHES
    session.say(f"{num_flushes} flushes over {NUM_SESSIONS} sessions, others being cut")
    async with serving(Served()) as server:
        disturbing = asyncio.create_task(_disturb(server.port))
        each = num_flushes // NUM_SESSIONS
        answered = await asyncio.gather(*(_flush_often(server.port, seed, each) for seed in range(NUM_SESSIONS)))
        disturbing.cancel()
        await asyncio.gather(disturbing, return_exceptions=True)
    return Measure(
        name="flushes answered exactly once",
        value=sum(answered),
        unit="flushes",
        target=Target(">=", num_flushes),
        method=f"{NUM_SESSIONS} sessions at once, scripted engine, while others are cut or send garbage",
    )


async def _flush_often(port: int, seed: int, num_flushes: int) -> int:
    """The flushes that were answered once, in order, with what was said; 0 if any word is lost or told twice."""
    random_source = random.Random(seed)
    texts: list[str] = []

    def on_text(text: bytes) -> None:
        message = json.loads(text)
        if message["type"] == "transcription.done":
            texts.append(message["text"])

    client = await WireClient.open(port, on_text)
    said: list[str] = []
    for number in range(num_flushes):
        if random_source.random() < 0.7:  # else it follows a flush, or nothing at all
            said.append(random_source.choice(WORDS))
            for frame in _in_pieces(said[-1], random_source):
                client.send(frame)
        client.send(FLUSH)
        if number % 8 == 0:  # so many may be on their way
            await _until(lambda: len(texts) > number - 8 or client.is_lost)  # noqa: B023  # awaited before it changes
    await _until(lambda: len(texts) >= num_flushes or client.is_lost)
    await asyncio.sleep(0.2)  # one too many would come now
    client.cut()
    return num_flushes if len(texts) == num_flushes and " ".join(" ".join(texts).split()) == " ".join(said) else 0


def _in_pieces(word: str, random_source: random.Random) -> list[bytes]:
    audio = speak(f"{word} ")
    cut = random_source.randrange(len(audio))
    return [framed_audio(audio[:cut]), framed_audio(audio[cut:])]


async def _disturb(port: int) -> None:
    """Open sessions and misbehave, until cancelled."""
    random_source = random.Random(1)
    garbage = (framed({"type": "no such thing"}), b"\x81\x02no", random_source.randbytes(200))
    while True:
        client = await WireClient.open(port, lambda text: None)
        client.send(framed_audio(speak("lost")))
        client.send(random_source.choice((FLUSH, *garbage)))
        await asyncio.sleep(random_source.random() * 0.02)
        client.cut()


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait, or give up with an error."""
    try:
        async with asyncio.timeout(ANSWER_S):
            while not is_so():  # noqa: ASYNC110  # what we wait for is told by callbacks of many kinds
                await asyncio.sleep(0.001)
    except TimeoutError as error:
        raise VoxtideError(f"a flush was not answered within {ANSWER_S:.0f} s") from error
