"""The cost of an audio hour, from a price."""

from __future__ import annotations

from datetime import date

import pytest

from voxtide.bench.figures.cost import hosted_prices, prices


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
