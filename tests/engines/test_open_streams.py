from __future__ import annotations

import pytest

from voxtide.engines.open_streams import OpenStreams
from voxtide.errors import CapacityError, ConfigError, EngineFailedError


def test_limit() -> None:
    streams = OpenStreams[str](2)
    for stream in ("a", "b"):
        streams.enter(stream, engine="fake")
    with pytest.raises(CapacityError, match="^engine 'fake' already runs 2 streams, its limit; close one first"):
        streams.enter("c", engine="fake")
    streams.leave("a")
    streams.leave("unknown")
    streams.enter("c", engine="fake")
    assert len(streams) == 2


def test_closed_admits_none() -> None:
    streams = OpenStreams[str](2)
    streams.enter("a", engine="fake")
    assert streams.close() == ["a"]
    with pytest.raises(EngineFailedError, match="^engine 'fake' is closed; open a new engine"):
        streams.enter("b", engine="fake")
    streams.leave("a")
    assert streams.close() == []


def test_first_failure_is_raised_as_a_copy() -> None:
    streams = OpenStreams[str](2)
    streams.enter("a", engine="fake")
    for reason in ("gone", "later"):
        assert streams.fail(EngineFailedError(reason)) == ["a"]
    streams.close()
    errors = []
    for _ in range(2):
        with pytest.raises(EngineFailedError, match="gone") as info:
            streams.enter("b", engine="fake")
        errors.append(info.value)
    assert errors[0] is not errors[1]


def test_invalid_limit() -> None:
    with pytest.raises(ConfigError, match="max_streams is 0; it must be 1 or more"):
        OpenStreams[str](0)
