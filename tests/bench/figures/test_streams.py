"""The search for the number of sustained streams, on a simulated machine."""

from __future__ import annotations

import pytest

from voxtide.bench.figures.streams import StreamLoad, find_border, lateness_s, num_sustained
from voxtide.bench.load.play import TimedEvent
from voxtide.transcript.events import Delta, Finished, Interim, SpeechStopped


class Machine:
    """Sustains up to `limit` streams."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.tried: list[int] = []

    async def load_of(self, num_streams: int) -> StreamLoad:
        self.tried.append(num_streams)
        return StreamLoad(
            num_streams,
            num_cores=2,
            cpu_cores=1.0,
            lag_ms=10.0,
            late_ms=100.0 if num_streams <= self.limit else 401.0,
            final_ms=None,
        )


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
    loads = [
        StreamLoad(1, 2, 0.1, 1.0, 1.0, 500.0),
        StreamLoad(2, 2, 0.2, 401.0, 1.0, 500.0),
        StreamLoad(4, 2, 0.4, 400.0, 400.0, None),
    ]
    assert [load.is_sustained for load in loads] == [True, False, True]
    assert num_sustained(loads) == 1


def test_late_final_text_is_an_overload() -> None:
    assert not StreamLoad(1, 2, 0.1, 1.0, 1.0, 501.0).is_sustained


def test_lateness_covers_only_text() -> None:
    events = [
        TimedEvent(Interim("a", 0.9), 1.0),  # before since_s
        TimedEvent(Interim("a", 2.0), 2.5),
        TimedEvent(SpeechStopped(2.1), 2.6),
        TimedEvent(Delta("a", 2.5), 2.75),
        TimedEvent(Finished(3.0), 4.0),
    ]
    assert lateness_s(events, since_s=2.0) == pytest.approx([0.5, 0.25])
