from __future__ import annotations

import pytest

from voxtide.bench.figures.server import talk
from voxtide.bench.load.paced import WARM_UP_S, _added_s, _first_chunks, text_chunks
from voxtide.bench.load.raw_client import CHUNK_S, framed_chunks


def test_added_delay_is_relative_to_the_sessions_own_chunks_after_the_warm_up() -> None:
    begin_s, late_s = 100.0, 0.005
    arrived_s = [begin_s + (number // 2 * 10 + (3, 7)[number % 2]) * CHUNK_S + late_s for number in range(8)]
    added_s = _added_s(begin_s, arrived_s, (3, 7), 10, after_s=begin_s + 10 * CHUNK_S)
    assert added_s == pytest.approx([late_s] * 6)
    assert _added_s(begin_s, arrived_s, (), 10, after_s=begin_s) == []


def test_sessions_start_at_spread_times_within_the_warm_up() -> None:
    num_chunks = len(framed_chunks(talk()))
    begins = _first_chunks(600, num_chunks)
    assert begins == _first_chunks(600, num_chunks)
    assert set(begins) == set(range(num_chunks))
    assert num_chunks * CHUNK_S <= WARM_UP_S


def test_the_talk_has_five_words_and_ends_in_silence() -> None:
    audio = talk()
    assert len(text_chunks(audio)) == 5
    assert not audio[-1280:].any()
