"""Many paced sessions at once. In: a server, framed audio, a number. Out: when text came, and what the server used."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from voxtide.bench.load.serving import ServerProcess
from voxtide.bench.load.wire import CHUNK_S, CHUNK_SAMPLES, WireClient
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta
from voxtide.types import Samples, StreamOptions

WARM_UP_S = 4.5
"""By then every session speaks: they begin within a round of each other."""
SENT_AT_ONCE = 16
LEAD_S = 0.1
"""From the last session's opening to the first chunk: the first one is not late."""
SHORTEST_SLEEP_S = 0.0005
"""The event loop sleeps no shorter than about so long."""
LAST_TEXTS_S = 1.0
"""Until the texts of the last chunks are there."""
_DELTA = b'"transcription.text.delta"'


@dataclass(frozen=True, slots=True)
class Paced:
    """What came of it, the warm-up left out.

    Attributes:
        num_sessions: So many played.
        play_s: For so long.
        cpu_s: Processor time the server took meanwhile.
        added_s: Of each text, from when the chunk that tells it was due to its arrival.
        sent_late_s: Of each chunk, how late it was sent.
    """

    num_sessions: int
    play_s: float
    cpu_s: float
    added_s: list[float] = field(default_factory=list)
    sent_late_s: list[float] = field(default_factory=list)


async def play_paced(
    server: ServerProcess, frames: Sequence[bytes], num_sessions: int, play_s: float, *, told_after: Sequence[int] = ()
) -> Paced:
    """Play the frames in a loop to so many sessions, their chunks spread evenly over 80 ms.

    Each begins its first round at a random chunk, as callers do: in step they would all have their words in the same
    80 ms and be silent in the same. What comes before is silence.

    Args:
        server: Whose sessions.
        frames: A round, a frame for each chunk; the last one is silent.
        num_sessions: How many.
        play_s: How long, after the warm-up.
        told_after: The chunks of a round that tell a text; none where nobody listens.

    Raises:
        VoxtideError: The server refused a session, or lost one.
    """
    loop = asyncio.get_running_loop()
    arrivals: list[list[float]] = [[] for _ in range(num_sessions)]
    clients = [await _open(server.port, arrivals[index]) for index in range(num_sessions)]
    begins = _first_chunks(num_sessions, len(frames))
    num_chunks, num_warm = round((WARM_UP_S + play_s) / CHUNK_S), round(WARM_UP_S / CHUNK_S)
    began_s, cpu_s, late_s = loop.time() + LEAD_S, 0.0, []
    for number in range(num_chunks):
        if number == num_warm:
            cpu_s = -(await server.holdings()).cpu_s
        for index, client in enumerate(clients):
            due_s = began_s + (number + index / num_sessions) * CHUNK_S
            if (wait_s := due_s - loop.time()) > SHORTEST_SLEEP_S:
                await asyncio.sleep(wait_s)
            elif index % SENT_AT_ONCE == 0:
                await asyncio.sleep(0)  # who is late must still hear what arrives
            client.send(frames[(number - begins[index]) % len(frames)] if number >= begins[index] else frames[-1])
            late_s.append(loop.time() - due_s)
    cpu_s += (await server.holdings()).cpu_s
    await asyncio.sleep(LAST_TEXTS_S)
    if any(client.is_lost for client in clients):
        raise VoxtideError("the server lost a session that it had admitted")
    for client in clients:
        client.cut()
    added_s = [
        late
        for index, arrived_s in enumerate(arrivals)
        for late in _added_s(
            began_s + (begins[index] + index / num_sessions) * CHUNK_S,
            arrived_s,
            told_after,
            len(frames),
            after_s=began_s + WARM_UP_S,
        )
    ]
    return Paced(num_sessions, play_s, cpu_s, added_s, late_s[num_warm * num_sessions :])


async def _open(port: int, arrived_s: list[float]) -> WireClient:
    loop = asyncio.get_running_loop()

    def on_text(text: bytes) -> None:
        if _DELTA in text:
            arrived_s.append(loop.time())

    return await WireClient.open(port, on_text)


def _first_chunks(num_sessions: int, num_chunks: int) -> list[int]:
    """When each session begins its first round, the same in every run."""
    random_source = random.Random(7)
    return [random_source.randrange(num_chunks) for _ in range(num_sessions)]


def _added_s(
    begin_s: float, arrived_s: Sequence[float], told_after: Sequence[int], num_chunks: int, *, after_s: float
) -> list[float]:
    """How late each text came that was due from `after_s` on, of one session that began its first round then."""
    added_s = []
    for number, at_s in enumerate(arrived_s if told_after else ()):
        round_number, place = divmod(number, len(told_after))
        due_s = begin_s + (round_number * num_chunks + told_after[place]) * CHUNK_S
        if due_s >= after_s:
            added_s.append(at_s - due_s)
    return added_s


def told_after(audio: Samples) -> list[int]:
    """The number of the chunk after which each text of a round is told, by the scripted engine alone."""
    recogniser = ScriptedEngine(ScriptedConfig(delay_ms=80)).make_recogniser(StreamOptions(interim=False))
    told: list[int] = []
    for number in range(len(audio) // CHUNK_SAMPLES):
        recogniser.feed(audio[number * CHUNK_SAMPLES : (number + 1) * CHUNK_SAMPLES])
        while (events := recogniser.step(is_behind=False)) is not None:
            told += [number for event in events if isinstance(event, Delta)]
    return told
