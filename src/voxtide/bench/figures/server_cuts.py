"""What sessions leave behind that were cut off. In: a server. Out: places, streams, tasks, sockets and memory it holds.

Two thousand sessions, fifty at a time, are opened, used, and cut at a random point: after nothing, in the middle of a
message, with a flush unanswered. What the server's process holds afterwards is compared with what it held after the
first five hundred, which have filled its caches.
"""

from __future__ import annotations

import asyncio
import random

from voxtide.bench.figure import Measure, Target
from voxtide.bench.load.serving import Holdings, Served, ServerProcess, serving
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.wire import END, FLUSH, WireClient, framed_chunks
from voxtide.engines.scripted import speak

NUM_SESSIONS, NUM_WARM, NUM_AT_ONCE = 2000, 500, 50
NUM_QUICK_SESSIONS, NUM_QUICK_WARM = 400, 200
SETTLE_S = 10.0

NONE, FLAT = Target("<=", 0), Target("<=", 10)


async def measure(session: BenchSession) -> list[Measure]:
    """Cut them, and look."""
    count, warm = (NUM_QUICK_SESSIONS, NUM_QUICK_WARM) if session.is_quick else (NUM_SESSIONS, NUM_WARM)
    session.say(f"cutting {count} sessions at random points")
    async with serving(Served()) as server:
        random_source = random.Random(7)
        await _cut_many(server.port, warm, random_source)
        before = await _settled(server)
        await _cut_many(server.port, count - warm, random_source)
        after = await _settled(server)
    held = after.num_sessions + after.num_streams
    leaked = held + max(0, after.num_tasks - before.num_tasks) + max(0, after.num_files - before.num_files)
    method = f"{count} sessions cut at random points, {NUM_AT_ONCE} at a time"
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


async def _cut_many(port: int, count: int, random_source: random.Random) -> None:
    frames = framed_chunks(speak("words that nobody will ever read"))
    for _ in range(count // NUM_AT_ONCE):
        await asyncio.gather(*(_use_and_cut(port, frames, random_source) for _ in range(NUM_AT_ONCE)))


async def _use_and_cut(port: int, frames: list[bytes], random_source: random.Random) -> None:
    client = await WireClient.open(port, lambda text: None)
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


async def _settled(server: ServerProcess) -> Holdings:
    """What it holds when it has had time to notice."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + SETTLE_S
    held = await server.holdings()
    while held.num_sessions + held.num_streams and loop.time() < until_s:
        await asyncio.sleep(0.1)
        held = await server.holdings()
    return held
