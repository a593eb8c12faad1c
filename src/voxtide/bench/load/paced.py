"""Plays many paced sessions at once. In: a server, framed audio. Out: arrival times and the server's processor time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from voxtide.bench.load.raw_client import CHUNK_S, CHUNK_SAMPLES, RawClient
from voxtide.bench.load.serving import ServerProcess
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta
from voxtide.types import Samples, StreamOptions

WARM_UP_S = 4.5
"""Every session has started its first pass by then."""
SENT_AT_ONCE = 16
LEAD_S = 0.1
"""From the last session's opening to the first chunk, so that the first one is not late."""
SHORTEST_SLEEP_S = 0.0005
"""About the shortest sleep of an event loop."""
LAST_TEXTS_S = 1.0
"""Wait for the texts of the last chunks."""
_DELTA = b'"transcription.text.delta"'


@dataclass(frozen=True, slots=True)
class Paced:
    """The result of a play, without the warm-up.

    Attributes:
        num_sessions: Sessions played.
        play_s: Duration.
        cpu_s: The server's processor time.
        added_s: Per text, from the due time of the chunk that completes it to its arrival.
        sent_late_s: Per chunk, how late the client sent it.
    """

    num_sessions: int
    play_s: float
    cpu_s: float
    added_s: list[float] = field(default_factory=list)
    sent_late_s: list[float] = field(default_factory=list)


async def play_paced(
    server: ServerProcess, frames: Sequence[bytes], num_sessions: int, play_s: float, *, text_chunks: Sequence[int] = ()
) -> Paced:
    """Play the frames in a loop into `num_sessions` sessions, their chunks spread evenly over 80 ms.

    Each session starts its first pass at a random chunk, after silence. In step, all words would fall into the same
    80 ms, which independent callers never do.

    Args:
        server: The server to load.
        frames: One pass, a frame per chunk; the last is silent.
        num_sessions: Sessions at once.
        play_s: Duration after the warm-up.
        text_chunks: Numbers of the chunks of a pass that complete a text; empty to record no arrivals.

    Raises:
        VoxtideError: The server refused or lost a session.
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
                await asyncio.sleep(0)  # a late sender must still receive
            client.send(frames[(number - begins[index]) % len(frames)] if number >= begins[index] else frames[-1])
            late_s.append(loop.time() - due_s)
    cpu_s += (await server.holdings()).cpu_s
    await asyncio.sleep(LAST_TEXTS_S)
    if any(client.is_lost for client in clients):
        raise VoxtideError("the server lost a session it had admitted")
    for client in clients:
        client.cut()
    added_s = [
        late
        for index, arrived_s in enumerate(arrivals)
        for late in _added_s(
            began_s + (begins[index] + index / num_sessions) * CHUNK_S,
            arrived_s,
            text_chunks,
            len(frames),
            after_s=began_s + WARM_UP_S,
        )
    ]
    return Paced(num_sessions, play_s, cpu_s, added_s, late_s[num_warm * num_sessions :])


async def _open(port: int, arrived_s: list[float]) -> RawClient:
    loop = asyncio.get_running_loop()

    def on_text(text: bytes) -> None:
        if _DELTA in text:
            arrived_s.append(loop.time())

    return await RawClient.open(port, on_text)


def _first_chunks(num_sessions: int, num_chunks: int) -> list[int]:
    """The chunk at which each session starts its first pass, equal in every run."""
    random_source = random.Random(7)
    return [random_source.randrange(num_chunks) for _ in range(num_sessions)]


def _added_s(
    begin_s: float, arrived_s: Sequence[float], text_chunks: Sequence[int], num_chunks: int, *, after_s: float
) -> list[float]:
    """Lateness of each text due from `after_s` on, for a session that started its first pass at `begin_s`."""
    added_s = []
    for number, at_s in enumerate(arrived_s if text_chunks else ()):
        pass_number, place = divmod(number, len(text_chunks))
        due_s = begin_s + (pass_number * num_chunks + text_chunks[place]) * CHUNK_S
        if due_s >= after_s:
            added_s.append(at_s - due_s)
    return added_s


def text_chunks(audio: Samples) -> list[int]:
    """The number of the chunk that completes each text of a pass, from the scripted engine without a server."""
    recogniser = ScriptedEngine(ScriptedConfig(delay_ms=80)).make_recogniser(StreamOptions(interim=False))
    numbers: list[int] = []
    for number in range(len(audio) // CHUNK_SAMPLES):
        recogniser.feed(audio[number * CHUNK_SAMPLES : (number + 1) * CHUNK_SAMPLES])
        while (events := recogniser.step(is_behind=False)) is not None:
            numbers += [number for event in events if isinstance(event, Delta)]
    return numbers
