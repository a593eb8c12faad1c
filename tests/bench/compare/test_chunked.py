"""The chunked way: lengths, the queue on the recording's clock, and chunks transcribed by the scripted engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.bench.compare.chunked import ChunkText, events_of, parse_lengths, queued, transcribe_chunks
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.errors import ConfigError
from voxtide.transcript.events import Delta
from voxtide.types import StreamOptions

FAST = StreamOptions(pace="fast", interim=False)


class Clock:
    """A clock that only the engine's work advances."""

    now_s = 100.0

    def advance(self, duration_s: float) -> None:
        self.now_s += duration_s

    def __call__(self) -> float:
        return self.now_s


def texts(*took_s: float, chunk_s: float = 1.0) -> list[ChunkText]:
    return [ChunkText(k * chunk_s, (k + 1) * chunk_s, f"w{k}", took) for k, took in enumerate(took_s)]


def test_lengths_are_read_in_order_without_duplicates() -> None:
    assert parse_lengths("3, 0.5,10,3.0,60") == (3, 0.5, 10, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,x", "'x' is no number; write seconds, such as 1,3,5"),
        ("", "'' is no number"),
        ("0.4", "'0.4' is not in 0.5 to 60 seconds"),
        ("1,61", "'61' is not in 0.5 to 60 seconds"),
        ("nan", "'nan' is not in 0.5 to 60 seconds"),
        ("1,2,3,4,5,6,7,8,9", "has 9 lengths; give at most 8"),
    ],
)
def test_lengths_that_cannot_be_used_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match="--chunk") as refusal:
        parse_lengths(text)
    assert message in str(refusal.value)


def test_a_chunk_begins_when_it_is_complete() -> None:
    chunks = queued(texts(0.25, 0.5))
    assert [(chunk.began_s, chunk.arrived_s, chunk.waited_s) for chunk in chunks] == [(1.0, 1.25, 0.0), (2.0, 2.5, 0.0)]


def test_a_chunk_waits_for_the_one_before_it() -> None:
    chunks = queued(texts(2.5, 0.25, 0.25, 0.25))
    assert [chunk.began_s for chunk in chunks] == [1.0, 3.5, 3.75, 4.0]
    assert [chunk.waited_s for chunk in chunks] == [0.0, 1.5, 0.75, 0.0]


@given(st.lists(st.floats(0, 5), max_size=20))
def test_the_queue_keeps_order_and_loses_no_time(took_s: list[float]) -> None:
    chunks = queued(texts(*took_s))
    arrived_s = 0.0
    for chunk in chunks:
        assert chunk.began_s >= max(chunk.end_s, arrived_s)
        assert chunk.began_s in (chunk.end_s, arrived_s), "the machine is never idle while a complete chunk waits"
        arrived_s = chunk.arrived_s


def test_texts_become_events_at_their_arrival_and_silence_none() -> None:
    chunks = queued([ChunkText(0, 1, "Ever tried.", 0.5), ChunkText(1, 2, " ", 0.5), ChunkText(2, 3, "Ever", 0.5)])
    events = events_of(chunks)
    assert [(timed.at_s, timed.event) for timed in events] == [
        (1.5, Delta("Ever tried.", 1)),
        (3.5, Delta(" Ever", 3)),
    ]


def test_scripts_without_spaces_are_joined_without_them() -> None:
    first, second = "\u4f60\u597d", "\u4e16\u754c"
    events = events_of(queued([ChunkText(0, 1, first, 0.5), ChunkText(1, 2, second, 0.5)]))
    assert [timed.event for timed in events] == [Delta(first, 1), Delta(second, 2)]


async def test_each_chunk_is_transcribed_by_itself_and_timed() -> None:
    clock, done_s = Clock(), list[float]()
    samples = speak("ever attempted no", pause_s=0.2)  # 0.32, 0.72 and 0.16 s with pauses: 1.6 s
    async with ScriptedEngine(ScriptedConfig(slowness=0.5), sleep=clock.advance) as engine:
        chunks = await transcribe_chunks(engine, samples, 1.0, FAST, on_chunk=done_s.append, clock=clock)
    assert [(chunk.start_s, round(chunk.end_s, 2)) for chunk in chunks] == [(0, 1), (1, 1.6)]
    assert [chunk.took_s for chunk in chunks] == pytest.approx([0.5, 0.3])
    assert done_s == [chunk.end_s for chunk in chunks]
    first, second = (chunk.text.split() for chunk in chunks)
    assert (first[0], second[-1]) == ("ever", "no")
    assert "attempted" not in [*first, *second], "the border cuts it"


async def test_a_chunk_as_long_as_the_audio_is_all_of_it() -> None:
    async with ScriptedEngine() as engine:
        (chunk,) = await transcribe_chunks(engine, speak("ever tried no matter"), 60.0, FAST)
    assert chunk.text == "ever tried no matter"
