"""Running one stream from a plan, and looking at what it told. A plan is what is fed, with `FLUSH` between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from voxtide.engines.base import Engine, EngineStream
from voxtide.transcript.events import Delta, Finished, Flushed, Interim, SegmentEnded, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, Segment, StreamOptions


class _FlushMark:
    def __repr__(self) -> str:
        return "FLUSH"


FLUSH: Final = _FlushMark()
Plan = Iterable[Samples | _FlushMark]


@dataclass(frozen=True)
class Told:
    """All events of one stream."""

    events: tuple[TranscriptEvent, ...]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def segments(self) -> list[Segment]:
        return [event.segment for event in self.events if isinstance(event, SegmentEnded)]

    @property
    def flushes(self) -> list[Flushed]:
        return [event for event in self.events if isinstance(event, Flushed)]

    @property
    def interims(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Interim)]

    @property
    def lasting(self) -> tuple[str, list[TranscriptEvent]]:
        """What must not depend on chunk sizes or load: the final text, and all events but the ways text came up."""
        return self.text, [event for event in self.events if not isinstance(event, Delta | Interim)]


async def transcribe(engine: Engine, plan: Plan, options: StreamOptions | None = None) -> Told:
    """Run a plan to its end while reading all the time."""
    async with engine.open(options) as stream, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read(stream))
        await perform(stream, plan)
        await stream.finish()
        return Told(tuple(await reading))


async def perform(stream: EngineStream, plan: Plan) -> list[int]:
    """Feed and flush; returns the ids of the flushes."""
    flush_ids = []
    for item in plan:
        if isinstance(item, _FlushMark):
            flush_ids.append(await stream.flush())
        else:
            await stream.feed(item)
    return flush_ids


async def read(stream: EngineStream) -> list[TranscriptEvent]:
    return [event async for event in stream]


async def read_until(stream: EngineStream, kind: type[TranscriptEvent]) -> list[TranscriptEvent]:
    """The events up to and with the first of a kind."""
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, kind):
            return events
    raise AssertionError(f"the stream ended without {kind.__name__}")


def cut(samples: Samples, places: Iterable[int]) -> list[Samples]:
    """The samples in pieces that end at these places."""
    edges = sorted({0, len(samples), *(place for place in places if place < len(samples))})
    return [samples[start:end] for start, end in pairwise(edges)]


def in_chunks(samples: Samples, chunk_ms: int) -> list[Samples]:
    chunk_samples = chunk_ms * SAMPLE_RATE_HZ // 1000
    return cut(samples, range(0, len(samples), chunk_samples))


def flushed_at(samples: Samples, places: Iterable[int]) -> list[Samples | _FlushMark]:
    """A plan that flushes at these places and at the end."""
    return [item for piece in cut(samples, places) for item in (piece, FLUSH)]


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)


def words_of(text: str) -> list[str]:
    """Words as they sound: no case, no punctuation."""
    return re.sub(r"[^\w\s']", " ", text.lower()).split()


def num_word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words put in, left out and changed, at least."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != other))
    return row[-1]


def assert_lawful(told: Told, audio_s: float) -> None:
    """What every stream that was finished must keep to, whatever was done with it."""
    assert isinstance(told.events[-1], Finished)
    assert told.events[-1].audio_s == audio_s
    assert not any(isinstance(event, Finished) for event in told.events[:-1])
    assert all(0 <= event.audio_s <= audio_s for event in told.events)
    _assert_texts_agree(told)
    _assert_interim_is_a_tail(told)
    _assert_times_lie_in_order(told.segments, audio_s)


def _assert_texts_agree(told: Told) -> None:
    """Deltas, segments and flush answers are three tellings of one text."""
    assert _letters("".join(segment.text for segment in told.segments)) == _letters(told.text)
    deltas: list[str] = []
    segments: list[Segment] = []
    for event in told.events:
        if isinstance(event, Delta):
            assert event.text
            deltas.append(event.text)
        elif isinstance(event, SegmentEnded):
            segments.append(event.segment)
        elif isinstance(event, Flushed):
            assert "".join(deltas).strip() == event.text.strip()
            assert event.segments == tuple(segments)
            deltas, segments = [], []


def _assert_interim_is_a_tail(told: Told) -> None:
    """What is on show is never the stable text again, and nothing is on show where everything is final."""
    shown, is_told_again = "", False
    for event in told.events:
        if isinstance(event, Interim):
            shown, is_told_again = event.text, False
        elif isinstance(event, Delta):
            is_told_again = bool(shown) and shown.strip().startswith(event.text.strip())
        elif isinstance(event, Flushed | Finished):
            assert not shown, f"{shown!r} is still on show at {event}"
        assert not (is_told_again and not isinstance(event, Delta | SegmentEnded)), f"{shown!r} is told twice"


def _assert_times_lie_in_order(segments: list[Segment], audio_s: float) -> None:
    now_s = 0.0
    for segment in segments:
        assert now_s <= segment.start_s <= segment.end_s <= audio_s
        word_s = segment.start_s
        for word in segment.words:
            assert word_s <= word.start_s <= word.end_s <= segment.end_s
            assert word.text.strip() == word.text != ""
            word_s = word.end_s
        if segment.words:
            assert "".join(word.text for word in segment.words) == _letters(segment.text)
        now_s = segment.end_s


def _letters(text: str) -> str:
    return "".join(text.split())
