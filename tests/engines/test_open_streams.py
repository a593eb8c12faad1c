from __future__ import annotations

import pytest

from voxtide.engines.open_streams import OpenStreams
from voxtide.errors import CapacityError, ConfigError, EngineFailedError


def test_so_many_places_and_no_more() -> None:
    roster = OpenStreams[str](2)
    for stream in ("a", "b"):
        roster.enter(stream, engine="echo")
    with pytest.raises(CapacityError, match="^engine 'echo' already runs 2 streams, its limit; close one first"):
        roster.enter("c", engine="echo")
    roster.leave("a")
    roster.leave("nobody")
    roster.enter("c", engine="echo")
    assert len(roster) == 2


def test_a_closed_one_lets_nobody_in() -> None:
    roster = OpenStreams[str](2)
    roster.enter("a", engine="echo")
    assert roster.close() == ["a"]
    with pytest.raises(EngineFailedError, match="^engine 'echo' is closed; open a new engine"):
        roster.enter("b", engine="echo")
    roster.leave("a")
    assert roster.close() == []


def test_what_failed_first_is_told_to_each_by_itself() -> None:
    roster = OpenStreams[str](2)
    roster.enter("a", engine="echo")
    for reason in ("gone", "later"):
        assert roster.fail(EngineFailedError(reason)) == ["a"]
    roster.close()
    told = []
    for _ in range(2):
        with pytest.raises(EngineFailedError, match="gone") as info:
            roster.enter("b", engine="echo")
        told.append(info.value)
    assert told[0] is not told[1]


def test_a_number_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="max_streams is 0; it must be 1 or more"):
        OpenStreams[str](0)
