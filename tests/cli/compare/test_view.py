"""Chunks to the left, the stream to the right, on a small terminal."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.terminal import Terminal
from voxtide.bench.compare.chunked import ChunkText, events_of, queued
from voxtide.bench.compare.ways import Way
from voxtide.cli.compare import view as views
from voxtide.cli.compare.view import Column, SideBySide
from voxtide.cli.transcribe.screen import Screen, Span
from voxtide.transcript.events import Delta, Interim, TranscriptEvent

CHUNKS = queued(
    [ChunkText(0, 2, "Ever tried. Ever", 0.5), ChunkText(2, 4, "failed.", 0.5), ChunkText(4, 5, "No.", 0.5)]
)
CHUNKED = Way(name="chunks of 2 s", events=events_of(CHUNKS), audio_s=5.0, cpu_s=0.1, chunks=CHUNKS)
CHUNK = np.zeros(320, np.float32)


class Watched:
    """A view on a small terminal, whose clock the test sets."""

    def __init__(self, columns: int = 42, num_rows: int = 10, *, is_styled: bool = True, way: Way = CHUNKED) -> None:
        self.now_s = 100.0
        self.terminal = Terminal(columns, num_rows)
        screen = Screen(self.terminal, self.terminal.size, is_styled=is_styled)
        cpu_s = iter(np.arange(0, 1000, 0.5))
        self.view = SideBySide(screen, way, 5.0, clock=lambda: self.now_s, cpu_clock=lambda: next(cpu_s))
        self.view.on_chunk(CHUNK, 0.02, 0.0)

    def at(self, audio_s: float, *events: TranscriptEvent) -> list[str]:
        """What the terminal shows at a moment of the recording."""
        self.now_s = 99.98 + audio_s
        for event in events:
            self.view.on_event(event, audio_s)
        self.view.on_chunk(CHUNK, audio_s, audio_s)
        return self.terminal.text


def test_chunks_appear_when_they_arrive_beside_the_stream() -> None:
    watched = Watched()
    assert watched.at(1.0, Interim("ever tr", 1.0)) == [
        "in chunks of 2 s    │ streaming",
        "                    │ ever tr",
        "",
        "1.0 s of 5.0 s",
    ]
    shown = watched.at(2.5, Delta("Ever tried.", 1.4), Interim(" Ever fa", 2.4))
    assert shown[1:-2] == ["Ever tried. Ever    │ Ever tried. Ever fa"]


def test_interim_text_is_dim_or_marked() -> None:
    styled, plain = Watched(), Watched(is_styled=False)
    for watched in (styled, plain):
        watched.at(1.0, Delta("Ever", 0.5), Interim(" tried", 0.8))
    assert styled.terminal.codes.count("2m") > 1
    assert plain.terminal.text[1] == "                    │ Ever ~ tried"


def test_chunks_that_fall_behind_are_counted() -> None:
    slow = queued([ChunkText(0, 1, "a", 9.0), ChunkText(1, 2, "b", 0.1), ChunkText(2, 3, "c", 0.1)])
    watched = Watched(way=Way(name="chunks of 1 s", events=events_of(slow), audio_s=3.0, cpu_s=0.1, chunks=slow))
    assert watched.at(3.5)[1] == "[3 waiting]         │"


def test_text_longer_than_the_terminal_shows_its_end() -> None:
    watched = Watched(num_rows=6)
    words = [f"word{number}" for number in range(20)]
    shown = watched.at(5.0, *(Delta(f" {word}", 1.0) for word in words))
    assert len(shown) <= 6
    assert shown[0].startswith("in chunks")
    assert shown[-3].endswith("word18 word19")
    watched.view.close()
    text = " ".join(line.partition("│")[2] for line in watched.terminal.text)
    assert text.split()[1:] == words, "all of it stays on the screen"
    assert watched.terminal.is_cursor_shown


def test_a_note_stays_above_both_ways() -> None:
    watched = Watched()
    watched.at(2.5, Delta("Ever tried.", 1.4))
    watched.view.show_note("voxtide: warning: reconnecting")
    assert watched.terminal.text[:3] == [
        "voxtide: warning: reconnecting",
        "in chunks of 2 s    │ streaming",
        "Ever tried. Ever    │ Ever tried.",
    ]


def test_a_resized_terminal_is_wrapped_again() -> None:
    column = Column()
    column.add("ever tried ever failed")
    assert column.rows(11, []) == [spans("ever tried"), spans("ever failed")]
    assert column.rows(22, []) == [spans("ever tried ever failed")]
    column.add("s no")
    assert column.rows(22, [Span("matter", "dim")]) == [
        spans("ever tried ever"),
        [*spans("faileds no"), Span("matter", "dim")],
    ]


def spans(text: str) -> list[Span]:
    return [Span(word) for word in text.split()]


def test_drawing_is_not_the_streams_processor_time() -> None:
    watched = Watched()
    before_s = watched.view.cpu_s
    watched.at(1.0)
    assert watched.view.cpu_s == before_s + 0.5


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_the_view_waits_for_the_last_chunk_or_a_stop(monkeypatch: pytest.MonkeyPatch, is_stopped: bool) -> None:
    watched, stop = Watched(), asyncio.Event()

    async def sleep(duration_s: float) -> None:
        watched.now_s += duration_s
        if is_stopped:
            stop.set()

    monkeypatch.setattr(views, "asyncio", SimpleNamespace(sleep=sleep))  # not for other threads of the tests
    watched.at(5.0)
    await watched.view.wait_for_chunks(stop)
    assert ("No." in "".join(watched.terminal.text)) is not is_stopped
    assert watched.terminal.text[-1] == "5.0 s of 5.0 s"


async def test_the_wait_for_a_way_that_falls_behind_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = queued([ChunkText(0, 1, "late", 1000.0)])
    watched = Watched(way=Way(name="chunks of 1 s", events=events_of(slow), audio_s=1.0, cpu_s=0.1, chunks=slow))

    async def sleep(duration_s: float) -> None:
        watched.now_s += duration_s

    monkeypatch.setattr(views, "asyncio", SimpleNamespace(sleep=sleep))  # not for other threads of the tests
    watched.at(5.0)
    await watched.view.wait_for_chunks(asyncio.Event())
    assert watched.now_s == pytest.approx(100 + 5 + views.MAX_TAIL_S, abs=0.2)
