"""The search for the number of sustained streams, on a simulated machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from voxtide.bench.figures import streams
from voxtide.bench.figures.streams import StreamLoad, find_border, lateness_s, num_sustained
from voxtide.bench.load.play import TimedEvent
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.registry import load_engine
from voxtide.transcript.events import Delta, Finished, Interim, SpeechStopped


def load(num_streams: int = 1, **results: Any) -> StreamLoad:
    """A sustained load, but for these results."""
    good = StreamLoad(
        num_streams=num_streams,
        num_cores=2,
        cpu_cores=0.1,
        lag_ms=400.0,
        late_ms=400.0,
        num_utterances=4,
        num_recognised=4,
        final_ms=500.0,
    )
    return replace(good, **results)


class Machine:
    """Sustains up to `limit` streams."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tried: list[int] = []

    async def load_of(self, num_streams: int) -> StreamLoad:
        self.tried.append(num_streams)
        return load(num_streams, late_ms=100.0 if num_streams <= self.limit else 401.0)


@pytest.mark.parametrize(
    ("limit", "tried"),
    [
        (13, [1, 4, 8, 16, 12, 14, 13]),
        (16, [1, 4, 8, 16]),
        (4, [1, 4, 8, 6, 5]),
        (0, [1]),
    ],
)
async def test_the_limit_is_found_exactly(limit: int, tried: list[int]) -> None:
    machine = Machine(limit)
    loads = await find_border(machine.load_of, [1, 4, 8, 16], is_exact=True)
    assert machine.tried == tried
    assert [load.num_streams for load in loads] == sorted(tried)
    assert num_sustained(loads) == limit


async def test_a_quick_search_stops_at_the_first_overload() -> None:
    machine = Machine(5)
    assert num_sustained(await find_border(machine.load_of, [1, 4, 8, 16], is_exact=False)) == 4
    assert machine.tried == [1, 4, 8]


def test_a_sustained_load_above_an_overload_does_not_count() -> None:
    loads = [load(1), load(2, lag_ms=401.0), load(4)]
    assert [it.is_sustained for it in loads] == [True, False, True]
    assert num_sustained(loads) == 1


@pytest.mark.parametrize(
    "results",
    [
        {"lag_ms": 401.0},
        {"late_ms": 401.0},
        {"final_ms": 501.0},
        {"num_recognised": 1, "final_ms": 100.0},
        {"num_recognised": 0, "final_ms": None},
    ],
)
def test_late_or_lost_text_is_an_overload(results: dict[str, Any]) -> None:
    assert load(num_recognised=2).is_sustained
    assert not load(**results).is_sustained


async def test_an_engine_that_recognises_nothing_sustains_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(function: object, choice: BenchEngine, num_streams: int, play_s: float) -> StreamLoad:
        return load(num_streams, num_recognised=0, final_ms=None)

    monkeypatch.setattr(streams, "in_fresh_process", lost)
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        figure = await streams.measure(session)
        session.choice = BenchEngine("remote")
        of_server = await streams.measure(session)
    sustained, of_six = figure.measures
    assert (sustained.value, sustained.is_met) == (0, False)
    assert of_six.method.endswith(", 0 of 4 utterances recognised; 0.10 cores busy")
    titles = [it.plots[0].title for it in (figure, of_server)]
    assert titles == ["Live streams at once on two cores", "Live streams at once on the server"]


def test_lateness_covers_only_text() -> None:
    events = [
        TimedEvent(Interim("a", 0.9), 1.0),  # before since_s
        TimedEvent(Interim("a", 2.0), 2.5),
        TimedEvent(SpeechStopped(2.1), 2.6),
        TimedEvent(Delta("a", 2.5), 2.75),
        TimedEvent(Finished(3.0), 4.0),
    ]
    assert lateness_s(events, since_s=2.0) == pytest.approx([0.5, 0.25])
