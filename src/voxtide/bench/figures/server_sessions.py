"""Sessions on a server: flush latency, exactly-once flushes, leaks. In: sessions on sockets. Out: measures.

- flush to done: each recording is played alone, in real time, in chunks of 80 ms, to a server with the chosen engine; a
  flush is sent 250 ms after each phrase. Timed from sending it to the arrival of its `done`.
- exactly once: fifty concurrent sessions flush two hundred times each: after a word, twice in succession, before any
  audio and in the middle of a word. Meanwhile other sessions are aborted, send garbage, or leave with a pending flush.
  Every flush must have one `done`, in order, and the joined texts of a session must be its words.
- leaked: two thousand sessions, fifty at a time, are opened, used and aborted at a random point: after nothing, in the
  middle of a message, with a pending flush. The server's resources are compared with those after the first five
  hundred, which have filled its caches.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from functools import partial

from voxtide.bench.figure import Measure, Target, percentile
from voxtide.bench.figures.flush import AFTER_PHRASE_S
from voxtide.bench.load.raw_client import CHUNK_S, END, FLUSH, RawClient, framed, framed_audio, framed_chunks
from voxtide.bench.load.recordings import PHRASE_PAUSE_S, BenchRecording
from voxtide.bench.load.serving import Holdings, Served, ServerProcess, serving
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.engines.scripted import speak
from voxtide.errors import VoxtideError

NUM_SESSIONS, NUM_FLUSHES = 50, 10_000
NUM_QUICK_FLUSHES = 1_000
ANSWER_S = 30.0
WORDS = ("who", "built", "the", "white", "tower")

P95 = Target("<=", 80)
NUM_ABORTED, NUM_WARM, NUM_AT_ONCE = 2000, 500, 50
NUM_QUICK_ABORTED, NUM_QUICK_WARM = 400, 200
REST_S = 10.0

NONE, FLAT = Target("<=", 0), Target("<=", 10)


async def measure(session: BenchSession) -> list[Measure]:
    """Measure all three."""
    return [await _latency(session), await _exactness(session), *await _leaks(session)]


async def _latency(session: BenchSession) -> Measure:
    took_ms: list[float] = []
    async with serving(Served(session.choice)) as server:
        for recording in session.paced_recordings:
            session.progress(f"flushing in {recording.name} through the server")
            took_ms += await _flush_phrases(server, recording)
    return Measure(
        name="flush to done over loopback, p95",
        value=percentile(took_ms, 95),
        unit="ms",
        target=P95,
        method=f"engine {session.choice.name}; from sending a flush 250 ms after a phrase to its done; "
        f"{len(took_ms)} flushes, one session, p50 {percentile(took_ms, 50):.0f} ms",
    )


async def _flush_phrases(server: ServerProcess, recording: BenchRecording) -> list[float]:
    loop = asyncio.get_running_loop()
    flushed_at_s: list[float] = []
    done_s: list[float] = []
    client = await RawClient.open(server.port, lambda text: _note_done(text, done_s, loop))
    flush_at_s = [end_s + AFTER_PHRASE_S for end_s in recording.phrase_ends_s(PHRASE_PAUSE_S)]
    began_s = loop.time()
    for number, frame in enumerate(framed_chunks(with_trailing_quiet(recording.samples))):
        while flush_at_s and flush_at_s[0] <= number * CHUNK_S:
            await asyncio.sleep(max(0.0, began_s + flush_at_s.pop(0) - loop.time()))
            flushed_at_s.append(loop.time())
            client.send(FLUSH)
        await asyncio.sleep(max(0.0, began_s + (number + 1) * CHUNK_S - loop.time()))
        client.send(frame)
    await _until(lambda: len(done_s) >= len(flushed_at_s) or client.is_lost)
    client.cut()
    return [1000 * (done - asked) for asked, done in zip(flushed_at_s, done_s, strict=True)]


def _note_done(text: bytes, done_s: list[float], loop: asyncio.AbstractEventLoop) -> None:
    if json.loads(text)["type"] == "transcription.done":
        done_s.append(loop.time())


async def _exactness(session: BenchSession) -> Measure:
    num_flushes = NUM_QUICK_FLUSHES if session.is_quick else NUM_FLUSHES
    session.progress(f"{num_flushes} flushes over {NUM_SESSIONS} sessions, others being aborted")
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
        method=f"{NUM_SESSIONS} sessions at once, scripted engine, while others are aborted or send garbage",
    )


async def _flush_often(port: int, seed: int, num_flushes: int) -> int:
    """The flushes answered once, in order, with the right text; 0 if any word is lost or repeated."""
    random_source = random.Random(seed)
    texts: list[str] = []

    def on_text(text: bytes) -> None:
        message = json.loads(text)
        if message["type"] == "transcription.done":
            texts.append(message["text"])

    def has_answers(num: int) -> bool:
        return len(texts) >= num or client.is_lost

    client = await RawClient.open(port, on_text)
    reference: list[str] = []
    for number in range(num_flushes):
        if random_source.random() < 0.7:  # else it follows a flush, or no audio
            reference.append(random_source.choice(WORDS))
            for frame in _in_pieces(reference[-1], random_source):
                client.send(frame)
        client.send(FLUSH)
        if number % 8 == 0:  # up to eight flushes may be pending
            await _until(partial(has_answers, number - 7))
    await _until(partial(has_answers, num_flushes))
    await asyncio.sleep(0.2)  # a duplicate would arrive now
    client.cut()
    return num_flushes if len(texts) == num_flushes and " ".join(" ".join(texts).split()) == " ".join(reference) else 0


def _in_pieces(word: str, random_source: random.Random) -> list[bytes]:
    audio = speak(f"{word} ")
    cut = random_source.randrange(len(audio))
    return [framed_audio(audio[:cut]), framed_audio(audio[cut:])]


async def _disturb(port: int) -> None:
    """Open sessions and misbehave until cancelled."""
    random_source = random.Random(1)
    garbage = (framed({"type": "no such thing"}), b"\x81\x02no", random_source.randbytes(200))
    while True:
        client = await RawClient.open(port, lambda text: None)
        client.send(framed_audio(speak("lost")))
        client.send(random_source.choice((FLUSH, *garbage)))
        await asyncio.sleep(random_source.random() * 0.02)
        client.cut()


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for the condition; raise after `ANSWER_S`."""
    try:
        async with asyncio.timeout(ANSWER_S):
            while not condition():  # noqa: ASYNC110  # callbacks of several kinds change it
                await asyncio.sleep(0.001)
    except TimeoutError as error:
        raise VoxtideError(f"a flush was not answered within {ANSWER_S:.0f} s") from error


async def _leaks(session: BenchSession) -> list[Measure]:
    count, warm = (NUM_QUICK_ABORTED, NUM_QUICK_WARM) if session.is_quick else (NUM_ABORTED, NUM_WARM)
    session.progress(f"aborting {count} sessions at random points")
    async with serving(Served()) as server:
        random_source = random.Random(7)
        await _abort_many(server.port, warm, random_source)
        before = await _holdings_at_rest(server)
        await _abort_many(server.port, count - warm, random_source)
        after = await _holdings_at_rest(server)
    held = after.num_sessions + after.num_streams
    leaked = held + max(0, after.num_tasks - before.num_tasks) + max(0, after.num_files - before.num_files)
    method = f"{count} sessions aborted at random points, {NUM_AT_ONCE} at a time"
    return [
        Measure(
            name="places, streams, tasks, sockets leaked",
            value=leaked,
            unit="",
            target=NONE,
            method=f"{method}; held after {warm} of them against after all",
        ),
        Measure(
            name="memory grown meanwhile",
            value=after.resident_mb - before.resident_mb,
            unit="MB",
            target=FLAT,
            method=f"resident memory, {before.resident_mb:.0f} MB before",
        ),
    ]


async def _abort_many(port: int, count: int, random_source: random.Random) -> None:
    frames = framed_chunks(speak("words without a reader"))
    for _ in range(count // NUM_AT_ONCE):
        await asyncio.gather(*(_use_and_abort(port, frames, random_source) for _ in range(NUM_AT_ONCE)))


async def _use_and_abort(port: int, frames: list[bytes], random_source: random.Random) -> None:
    client = await RawClient.open(port, lambda text: None)
    for frame in frames[: random_source.randrange(len(frames))]:
        client.send(frame)
    match random_source.randrange(4):
        case 0:
            client.send(FLUSH)
        case 1:
            client.send(END)
        case 2:
            client.send(frames[0][: random_source.randrange(len(frames[0]))])
    await asyncio.sleep(random_source.random() * 0.05)
    client.cut()


async def _holdings_at_rest(server: ServerProcess) -> Holdings:
    """Its resources once it has noticed the aborted sessions."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + REST_S
    held = await server.holdings()
    while held.num_sessions + held.num_streams and loop.time() < until_s:
        await asyncio.sleep(0.1)
        held = await server.holdings()
    return held
