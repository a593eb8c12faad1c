"""Runs one stream from a plan and checks its events. A plan is audio to feed, with `FLUSH` in between."""

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
class StreamResult:
    """The events of one stream."""

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
    def invariant(self) -> tuple[str, list[TranscriptEvent]]:
        """What must not depend on chunk sizes or load: the final text and the events except deltas and interims."""
        return self.text, [event for event in self.events if not isinstance(event, Delta | Interim)]


async def transcribe(engine: Engine, plan: Plan, options: StreamOptions | None = None) -> StreamResult:
    """Run a plan to its end while reading the events."""
    async with engine.open(options) as stream, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read(stream))
        await perform(stream, plan)
        await stream.finish()
        return StreamResult(tuple(await reading))


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
    """The events up to and including the first of a kind."""
    events = []
    async for event in stream:
        events.append(event)
        if isinstance(event, kind):
            return events
    raise AssertionError(f"the stream ended without {kind.__name__}")


def cut(samples: Samples, positions: Iterable[int]) -> list[Samples]:
    """Split the samples at these positions."""
    edges = sorted({0, len(samples), *(position for position in positions if position < len(samples))})
    return [samples[start:end] for start, end in pairwise(edges)]


def in_chunks(samples: Samples, chunk_ms: int) -> list[Samples]:
    chunk_samples = chunk_ms * SAMPLE_RATE_HZ // 1000
    return cut(samples, range(0, len(samples), chunk_samples))


def flushed_at(samples: Samples, positions: Iterable[int]) -> list[Samples | _FlushMark]:
    """A plan that flushes at these positions and at the end."""
    return [item for piece in cut(samples, positions) for item in (piece, FLUSH)]


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)


def words_of(text: str) -> list[str]:
    """The words, without case and punctuation."""
    return re.sub(r"[^\w\s']", " ", text.lower()).split()


def num_word_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Minimum number of inserted, deleted and substituted words."""
    costs = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, costs[0] = costs[0], i
        for j, other in enumerate(hypothesis, 1):
            diagonal, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, diagonal + (word != other))
    return costs[-1]


def assert_consistent(result: StreamResult, audio_s: float) -> None:
    """Check the guarantees of every finished stream."""
    assert isinstance(result.events[-1], Finished)
    assert result.events[-1].audio_s == audio_s
    assert not any(isinstance(event, Finished) for event in result.events[:-1])
    assert all(0 <= event.audio_s <= audio_s for event in result.events)
    _assert_texts_agree(result)
    _assert_interim_follows_stable_text(result)
    _assert_times_are_ordered(result.segments, audio_s)


def _assert_texts_agree(result: StreamResult) -> None:
    """Deltas, segments and flush answers hold the same text."""
    assert _letters("".join(segment.text for segment in result.segments)) == _letters(result.text)
    deltas: list[str] = []
    segments: list[Segment] = []
    for event in result.events:
        if isinstance(event, Delta):
            assert event.text
            deltas.append(event.text)
        elif isinstance(event, SegmentEnded):
            segments.append(event.segment)
        elif isinstance(event, Flushed):
            assert "".join(deltas).strip() == event.text.strip()
            assert event.segments == tuple(segments)
            deltas, segments = [], []


def _assert_interim_follows_stable_text(result: StreamResult) -> None:
    """Interim text never repeats stable text, and is empty once all text is final."""
    shown, is_repeated = "", False
    for event in result.events:
        if isinstance(event, Interim):
            shown, is_repeated = event.text, False
        elif isinstance(event, Delta):
            is_repeated = bool(shown) and shown.strip().startswith(event.text.strip())
        elif isinstance(event, Flushed | Finished):
            assert not shown, f"{shown!r} is still shown at {event}"
        assert not (is_repeated and not isinstance(event, Delta | SegmentEnded)), f"{shown!r} is shown twice"


def _assert_times_are_ordered(segments: list[Segment], audio_s: float) -> None:
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
