"""Live streams that two cores sustain. In: streams in real time, all at once. Out: lag over the number of streams.

A fresh process is restricted to two cores if the system can, and its engine to two threads. N live streams play talks
of the recordings' phrases, each in another order, in real time, in chunks of 80 ms at staggered moments. The first two
seconds are left out of lag and lateness.

- lag: audio fed and not yet transcribed (`EngineStream.lag_s`), polled every 50 ms in every stream.
- lateness: from the moment when the audio covered by a text existed (its `audio_s`) to the arrival of the text, interim
  or stable, at the task that iterates the stream.
- end to final: from the true end of an utterance to all of it being final, see utterances.py.

N is sustained if the p95 of the first two, over all streams together, is at most 400 ms, that of the last at most
500 ms, and at least half of the utterances have an end to final: an engine that recognises nothing sustains nothing.
The result is the largest N such that it and every smaller N tried are sustained; the size `full` finds it by bisection.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target, percentile
from voxtide.bench.figures.utterances import UtteranceLatencies
from voxtide.bench.load.corpora.corpus import CorpusTalk
from voxtide.bench.load.play import Played, TimedEvent, play
from voxtide.bench.load.process import in_fresh_process, use_cores
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import LIVE_OPTIONS, BenchEngine, BenchSession, Size
from voxtide.bench.load.talks import phrases_of, spoken_talk
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.engines.base import Engine, EngineStream
from voxtide.transcript.events import Delta, Interim
from voxtide.types import SAMPLE_RATE_HZ

NUM_CORES = 2
COUNTS: dict[Size, tuple[int, ...]] = {
    "quick": (6, 14),
    "standard": (1, 4, 8, 14, 18),
    "full": (1, 2, 4, 8, 12, 16, 24),
}
PLAY_S: dict[Size, float] = {"quick": 10.0, "standard": 16.0, "full": 30.0}
"""Of each stream: as many whole phrases as come closest."""
WARM_UP_S = 2.0
CHUNK_MS = 80
POLL_S = 0.05
MAX_LAG_MS, MAX_FINAL_MS = 400.0, 500.0
MIN_RECOGNISED = 0.5
"""Of the utterances. A p95 over fewer does not stand for the others, which may never become final."""
STREAMS = Target(">=", 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoad:
    """The result of one number of streams.

    Attributes:
        num_streams: Streams at once.
        num_cores: Cores available to the process.
        cpu_cores: Cores it kept busy. Much lag with idle cores means other programs had them.
        lag_ms: p95 of lag over all streams.
        late_ms: p95 of the lateness of text over all streams.
        num_utterances: Utterances played.
        num_recognised: Utterances that have an end to final, see utterances.py.
        final_ms: p95 of end to final over those; None if there are none.
    """

    num_streams: int
    num_cores: int
    cpu_cores: float
    lag_ms: float
    late_ms: float
    num_utterances: int
    num_recognised: int
    final_ms: float | None

    @property
    def is_sustained(self) -> bool:
        """Whether all streams kept up, and most of what was spoken became text."""
        if self.final_ms is None or self.num_recognised < MIN_RECOGNISED * self.num_utterances:
            return False
        return max(self.lag_ms, self.late_ms) <= MAX_LAG_MS and self.final_ms <= MAX_FINAL_MS


async def measure(session: BenchSession) -> Figure:
    """Find the largest sustained number of streams."""
    counts, play_s = COUNTS[session.size], PLAY_S[session.size]
    place = "the server" if session.choice.is_remote else "two cores"

    async def load_of(num_streams: int) -> StreamLoad:
        session.progress(f"playing {num_streams} streams at once for {play_s:.0f} s")
        return await in_fresh_process(_load, session.choice, num_streams, play_s)

    loads = await find_border(load_of, counts, is_exact=session.size == "full")
    method = f"live streams in real time on {place}, about {play_s:.0f} s each; the most with p95 of lag and "
    return Figure(
        name="streams",
        measures=(
            Measure(
                name=f"live streams on {place}",
                value=num_sustained(loads),
                unit="streams",
                target=STREAMS,
                method=f"{method}lateness of text <= {MAX_LAG_MS:.0f} ms, of end to final <= {MAX_FINAL_MS:.0f} ms",
            ),
            *(_measure(load, session.choice) for load in loads),
        ),
        notes=() if session.choice.is_remote else _notes(loads),
        details={"loads": [asdict(load) for load in loads]},
        plots=(_plot(loads, place),),
    )


async def find_border(
    load_of: Callable[[int], Awaitable[StreamLoad]], counts: Sequence[int], *, is_exact: bool
) -> list[StreamLoad]:
    """Loads for ascending counts up to the first that is not sustained, then by bisection."""
    loads: list[StreamLoad] = []
    for count in counts:
        loads.append(await load_of(count))
        if not loads[-1].is_sustained:
            break
    low, high = num_sustained(loads), loads[-1].num_streams
    while is_exact and not loads[-1].is_sustained and high - low > 1:
        middle = await load_of((low + high) // 2)
        loads.insert(-1, middle)
        low, high = (middle.num_streams, high) if middle.is_sustained else (low, middle.num_streams)
    return sorted(loads, key=lambda load: load.num_streams)


def num_sustained(loads: Sequence[StreamLoad]) -> int:
    """The largest number such that it and all below are sustained; 0 if none is."""
    sustained = 0
    for load in sorted(loads, key=lambda load: load.num_streams):
        if not load.is_sustained:
            break
        sustained = load.num_streams
    return sustained


async def _load(choice: BenchEngine, num_streams: int, play_s: float) -> StreamLoad:
    """Play `num_streams` streams; runs in its own process."""
    num_cores = use_cores(NUM_CORES)
    phrases = phrases_of(load_recordings())
    talks = [spoken_talk(phrases, seed=seed, duration_s=play_s) for seed in range(num_streams)]
    async with choice.open(num_threads=NUM_CORES) as engine:
        began_s, cpu_began_s = time.monotonic(), time.process_time()
        results = await asyncio.gather(*(_play_one(engine, talk, i / num_streams) for i, talk in enumerate(talks)))
        cpu_cores = (time.process_time() - cpu_began_s) / (time.monotonic() - began_s)
    lags_s = [lag_s for _, lags_s in results for lag_s in lags_s]
    lates_s = [late_s for played, _ in results for late_s in lateness_s(played.events, since_s=WARM_UP_S)]
    latencies = UtteranceLatencies()
    for talk, (played, _) in zip(talks, results, strict=True):
        latencies.add(talk, played, [None] * len(talk.spans))
    return StreamLoad(
        num_streams=num_streams,
        num_cores=num_cores,
        cpu_cores=cpu_cores,
        lag_ms=1000 * percentile(lags_s, 95),
        late_ms=1000 * percentile(lates_s, 95),
        num_utterances=sum(len(talk.spans) for talk in talks),
        num_recognised=len(latencies.final_ms),
        final_ms=percentile(latencies.final_ms, 95) if latencies.final_ms else None,
    )


async def _play_one(engine: Engine, talk: CorpusTalk, share: float) -> tuple[Played, list[float]]:
    """One of the streams, started after a share of a chunk: its play and its lags."""
    await asyncio.sleep(share * CHUNK_MS / 1000)
    async with engine.open(LIVE_OPTIONS) as stream:
        playing = play(stream, with_trailing_quiet(talk.samples), is_paced=True, chunk_ms=CHUNK_MS)
        return await asyncio.gather(playing, _lags_s(stream, len(talk.samples) / SAMPLE_RATE_HZ))


async def _lags_s(stream: EngineStream, play_s: float) -> list[float]:
    """Poll the lag while audio comes."""
    ends_s = time.monotonic() + play_s
    await asyncio.sleep(WARM_UP_S)
    lags_s = []
    while time.monotonic() < ends_s:
        lags_s.append(stream.lag_s)
        await asyncio.sleep(POLL_S)
    return lags_s


def lateness_s(events: Sequence[TimedEvent], *, since_s: float) -> list[float]:
    """Lateness of each text that arrived after `since_s`."""
    return [
        one.at_s - one.event.audio_s for one in events if isinstance(one.event, Delta | Interim) and one.at_s >= since_s
    ]


def _measure(load: StreamLoad, choice: BenchEngine) -> Measure:
    busy = "" if choice.is_remote else f"; {load.cpu_cores:.2f} cores busy"
    final = "" if load.final_ms is None else f", end to final {load.final_ms:.0f} ms"
    if load.num_recognised < load.num_utterances:
        final += f", {load.num_recognised} of {load.num_utterances} utterances recognised"
    return Measure(
        name=f"lag of {load.num_streams} streams, p95",
        value=load.lag_ms,
        unit="ms",
        method=f"audio fed, not transcribed; text {load.late_ms:.0f} ms late at p95{final}{busy}",
    )


def _notes(loads: Sequence[StreamLoad]) -> tuple[str, ...]:
    num_cores = loads[0].num_cores
    if num_cores == NUM_CORES:
        return ()
    return (f"the process could run on {num_cores} cores, not {NUM_CORES}; the engine had {NUM_CORES} threads",)


def _plot(loads: Sequence[StreamLoad], place: str) -> Plot:
    counts = [float(load.num_streams) for load in loads]
    finals = [load.final_ms for load in loads if load.final_ms is not None]
    return Plot(
        name="streams",
        title=f"Live streams at once on {place}",
        x_label="streams",
        y_label="p95, ms",
        lines=(
            Line("lag", counts, [load.lag_ms for load in loads]),
            Line("lateness of text", counts, [load.late_ms for load in loads]),
            *((Line("end to final", counts, finals),) if len(finals) == len(counts) else ()),
        ),
        x_limits=(STREAMS.limit,),
        y_limits=(MAX_LAG_MS, MAX_FINAL_MS),
    )
