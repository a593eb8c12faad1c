"""Cost and capacity of a server. In: clients on sockets of this machine. Out: processor time, latencies, counts.

The server runs in its own process, if the system can on its own core, and the clients on another. All but one of the
measurements use the scripted engine, which costs next to nothing, so that only the server counts.

- cost: processor time of the server's process per session and second of audio, against a bare receiver, which decodes
  the JSON and base64 of each message with `websockets` and does nothing else. Both are measured twice, alternating,
  with equally many sessions that send 80 ms every 80 ms; the lower value of each counts. Sessions play the same audio
  from random positions.
- added latency: from the moment when a chunk was due to be sent to the arrival, at the client, of the text that this
  chunk completed. The engine alone, run beforehand, gives the number of that chunk. A late client counts.
- flush latency, exactly-once flushes and aborted sessions: see server_sessions.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target, percentile
from voxtide.bench.figures import server_sessions
from voxtide.bench.load.paced import Paced, play_paced, text_chunks
from voxtide.bench.load.process import use_core
from voxtide.bench.load.raw_client import framed_chunks
from voxtide.bench.load.serving import Served, serving
from voxtide.bench.load.session import BenchSession
from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ, Samples

SERVER_CORE, CLIENT_CORE = 0, 1
NUM_COST_SESSIONS, COST_S = 600, 8.0
NUM_QUICK_COST_SESSIONS, QUICK_COST_S = 200, 4.0
COUNTS = (200, 400, 600, 700, 800, 900, 1000)
QUICK_COUNTS = (200, 600)
PACED_S, QUICK_PACED_S = 10.0, 5.0
MAX_ADDED_MS = 20.0

COST, SUSTAINED = Target("<=", 1.5), Target(">=", 600)


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """The result of one number of paced sessions: p50 and p99 of the added latency, and how late the clients sent."""

    num_sessions: int
    p50_ms: float
    p99_ms: float
    send_p99_ms: float
    cpu_cores: float

    @property
    def is_sustained(self) -> bool:
        return self.p99_ms <= MAX_ADDED_MS


async def measure(session: BenchSession) -> Figure:
    """Measure everything, in sequence."""
    use_core(CLIENT_CORE)
    measures = [*await _measure_cost(session)]
    loads = await _loads(session)
    measures += _sustained_measures(loads)
    measures += await server_sessions.measure(session)
    return Figure(
        name="server",
        measures=tuple(measures),
        notes=("server on one core, clients on another; both on this machine",),
        details={"loads": [[load.num_sessions, load.p50_ms, load.p99_ms, load.send_p99_ms] for load in loads]},
        plots=(_plot(loads),),
    )


def talk() -> Samples:
    """A phrase of five coded words and a pause, four seconds in all."""
    words = speak("who built the white tower")
    return np.concatenate([words, np.zeros(4 * SAMPLE_RATE_HZ - len(words), np.float32)])


async def _measure_cost(session: BenchSession) -> list[Measure]:
    count, cost_s = (NUM_QUICK_COST_SESSIONS, QUICK_COST_S) if session.is_quick else (NUM_COST_SESSIONS, COST_S)
    frames = framed_chunks(talk())
    costs: dict[bool, list[float]] = {True: [], False: []}
    for is_bare in (True, False, True, False):
        session.progress(f"{count} sessions on {'a bare receiver' if is_bare else 'the server'} for {cost_s:.0f} s")
        async with serving(Served(is_bare=is_bare, core=SERVER_CORE)) as server:
            paced = await play_paced(server, frames, count, cost_s)
        costs[is_bare].append(1000 * paced.cpu_s / (count * paced.play_s))
    bare, full = min(costs[True]), min(costs[False])
    method = f"{count} sessions, 80 ms chunks of coded words, {cost_s:.0f} s, one core; lower of two"
    return [
        Measure(name="processor time, bare receiver", value=bare, unit="ms/s", method=method),
        Measure(name="processor time, server", value=full, unit="ms/s", method=method),
        Measure(
            name="server against bare receiver",
            value=full / bare,
            unit="times",
            target=COST,
            method="the ratio of the two above",
        ),
    ]


async def _loads(session: BenchSession) -> list[ServerLoad]:
    counts, play_s = (QUICK_COUNTS, QUICK_PACED_S) if session.is_quick else (COUNTS, PACED_S)
    audio = talk()
    frames, timeline = framed_chunks(audio), text_chunks(audio)
    loads: list[ServerLoad] = []
    for count in counts:
        session.progress(f"{count} paced sessions for {play_s:.0f} s")
        async with serving(Served(core=SERVER_CORE)) as server:
            loads.append(_load_of(await play_paced(server, frames, count, play_s, text_chunks=timeline)))
        if not loads[-1].is_sustained:
            break
    return loads


def _load_of(paced: Paced) -> ServerLoad:
    added_ms = [1000 * late_s for late_s in paced.added_s]
    return ServerLoad(
        paced.num_sessions,
        percentile(added_ms, 50),
        percentile(added_ms, 99),
        1000 * percentile(paced.sent_late_s, 99),
        paced.cpu_s / paced.play_s,
    )


def _sustained_measures(loads: Sequence[ServerLoad]) -> list[Measure]:
    sustained = max((load.num_sessions for load in loads if load.is_sustained), default=0)
    limit = f"p99 of added latency <= {MAX_ADDED_MS:.0f} ms"
    first = Measure(
        name="paced sessions on one core",
        value=sustained,
        unit="sessions",
        target=SUSTAINED,
        method=f"largest number tried with {limit}; 80 ms chunks of coded words",
    )
    return [first, *(_measure(load) for load in loads)]


def _measure(load: ServerLoad) -> Measure:
    return Measure(
        name=f"added latency of {load.num_sessions} sessions, p99",
        value=load.p99_ms,
        unit="ms",
        method=f"p50 {load.p50_ms:.1f} ms; clients sent {load.send_p99_ms:.1f} ms late at p99; "
        f"{load.cpu_cores:.2f} cores busy",
    )


def _plot(loads: Sequence[ServerLoad]) -> Plot:
    counts = [float(load.num_sessions) for load in loads]
    return Plot(
        name="server",
        title="Paced sessions on one core",
        x_label="sessions",
        y_label="added latency, ms",
        lines=(
            Line("p99", counts, [load.p99_ms for load in loads]),
            Line("p50", counts, [load.p50_ms for load in loads]),
        ),
        x_limits=(SUSTAINED.limit,),
        y_limits=(MAX_ADDED_MS,),
    )
