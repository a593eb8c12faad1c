"""The cost of an audio hour, from a price."""

from __future__ import annotations

import os
from datetime import date

import numpy as np
import pytest

from voxtide.bench.figures.cost import hosted_prices, measure, prices
from voxtide.bench.load.play import Played
from voxtide.bench.load.recordings import BenchRecording
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.registry import load_engine
from voxtide.types import Transcript, Word


def test_a_stream_costs_its_share_of_the_machine() -> None:
    live, fast = prices(0.08, 2, live=0.1, fast=0.02)
    assert (live.name, live.value, live.unit) == ("cost of an audio hour, live", pytest.approx(0.004), "EUR/h")
    assert (fast.name, fast.value) == ("cost of an audio hour, fast", pytest.approx(0.0008))
    assert "0.08 EUR/h for this machine of 2 cores" in live.method


def test_every_hosted_price_has_its_date_and_source() -> None:
    assert hosted_prices()
    for hosted in hosted_prices():
        assert 0 < hosted["price_per_minute"] < 1
        assert date.fromisoformat(hosted["date"]) and hosted["source"] and len(hosted["currency"]) == 3


class PlayedSession(BenchSession):
    """A recording of half a second that took 0.1 s of processor time live."""

    async def paced(self) -> list[tuple[BenchRecording, Played]]:
        (recording,) = self.recordings
        return [(recording, Played((), (), (0.0,), 0.1, Transcript("", (), None, 0.5)))]


@pytest.mark.parametrize("price", [None, 0.08])
async def test_a_price_adds_the_cost_of_an_audio_hour_and_what_others_charge(price: float | None) -> None:
    async with load_engine("scripted") as engine:
        session = PlayedSession(
            BenchEngine("scripted"), engine, size="quick", progress=lambda line: None, price_eur_per_hour=price
        )
        session.recordings = (BenchRecording("go", "go", np.zeros(8000, np.float32), (Word("go", 0.1, 0.2),)),)
        figure = await measure(session)
    found = {it.name: it.value for it in figure.measures}
    assert found["CPU of one live stream"] == pytest.approx(0.2)
    assert found["real-time factor, fast, one thread"] > 0
    if price is None:
        assert not any(it.unit == "EUR/h" for it in figure.measures) and "--price" in figure.notes[0]
    else:
        cores = os.cpu_count() or 1
        assert found["cost of an audio hour, live"] == pytest.approx(0.08 * 0.2 / cores)
        assert len(figure.notes) == len(hosted_prices()) == len(figure.details["hosted_prices"])
