from __future__ import annotations

import io
import logging
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.terminal import Terminal
from voxtide.cli.transcribe.live import LiveView, PlainView, meter, showing_logs
from voxtide.cli.transcribe.metrics import LatencyMetrics
from voxtide.cli.transcribe.screen import Screen
from voxtide.transcript.events import Delta, Finished, Flushed, Interim, SegmentEnded, SpeechStopped, TranscriptEvent
from voxtide.types import Segment

LOUD = np.full(1280, 0.5, np.float32)


class Watched:
    """A live view on a small terminal, fed with events like those of a stream."""

    def __init__(
        self, columns: int = 40, num_rows: int = 10, *, is_styled: bool = True, has_metrics: bool = True
    ) -> None:
        self.terminal = Terminal(columns, num_rows)
        self.metrics = LatencyMetrics(cpu_clock=lambda: 0.0)
        screen = Screen(self.terminal, self.terminal.size, is_styled=is_styled)
        shown = self.metrics if has_metrics else None
        self.view = LiveView(screen, "tones", shown, clock=iter(range(100_000)).__next__)
        self.view.on_started()

    def emit(self, *events: TranscriptEvent) -> None:
        for event in events:
            self.metrics.on_event(event, 1.0)
            self.view.on_event(event, 1.0)

    @property
    def lines(self) -> list[str]:
        """What is shown above the status row."""
        return self.terminal.text[:-1]

    @property
    def status(self) -> str:
        return self.terminal.text[-1]


def segment(text: str) -> SegmentEnded:
    return SegmentEnded(Segment(text, 0.0, 1.0), 1.0)


def test_interim_text_follows_stable_text_above_the_status() -> None:
    watched = Watched()
    watched.emit(Delta("Ever ", 0.5), Interim("TRIED", 0.8))
    assert watched.lines == ["Ever TRIED"]
    assert watched.status.startswith("0.0 s")


def test_interim_text_is_dim_or_marked() -> None:
    styled, plain = Watched(), Watched(is_styled=False)
    for watched in (styled, plain):
        watched.emit(Delta("Ever", 0.5), Interim("tried", 0.8))
    assert styled.terminal.codes.count("2m") > 1
    assert plain.lines == ["Ever ~ tried"]
    plain.emit(Delta(" tried", 0.9))
    assert plain.lines == ["Ever tried"]


def test_a_segment_ends_its_paragraph() -> None:
    watched = Watched()
    watched.emit(Delta("Ever tried.", 1.0), segment("Ever tried."), Delta(" Ever", 1.5))
    assert watched.lines == ["Ever tried.", "Ever"]


def test_a_note_between_two_updates_keeps_its_row_and_erases_none() -> None:
    watched = Watched()
    watched.emit(Delta("Ever tried.", 1.0), segment("Ever tried."), Delta(" Ever", 1.5), Interim("failed", 1.6))
    with watched.view.hidden():
        watched.terminal.write("voxtide: note: talk.wav is short\n")
    watched.emit(Delta(" failed.", 2.0))
    assert watched.lines == ["Ever tried.", "voxtide: note: talk.wav is short", "Ever failed."]
    assert watched.status.startswith("0.0 s")


def test_full_rows_are_permanent_and_later_words_follow_below() -> None:
    watched = Watched(columns=13)
    for word in ["it", "was", "the", "best", "of", "times"]:
        watched.emit(Delta(f" {word}", 1.0))
    assert watched.lines == ["it was the", "best of", "times"]
    watched.emit(segment("it was the best of times"), Delta(" no", 2.0))
    assert watched.lines == ["it was the", "best of", "times", "no"]


def test_a_flush_is_shown_where_it_occurs() -> None:
    watched = Watched()
    watched.metrics.on_flush(0.96)
    watched.emit(Delta("No", 0.9), segment("No"), Flushed(1, "No", (), 1.0), Delta(" matter", 1.8))
    assert watched.lines == ["No", "-- flushed: final 40 ms after the flush", "matter"]


def test_a_word_longer_than_a_row_is_split_at_the_end_of_its_paragraph() -> None:
    watched = Watched(columns=9)
    watched.emit(Delta("abcdefghijkl mn", 1.0), segment("abcdefghijkl mn"), Finished(1.0))
    assert watched.lines == ["abcdefgh", "ijkl mn"]


def test_the_status_row_drops_parts_that_do_not_fit() -> None:
    def status(columns: int) -> str:
        watched = Watched(columns=columns)
        watched.metrics.on_chunk(LOUD, 0.08, 0.08)
        watched.view.on_chunk(LOUD, 0.08, 0.08)
        watched.emit(SpeechStopped(0.08), segment("No"))
        return watched.status

    assert status(80) == "0.1 s  ███████░  tones  rtf 0.00  speech end to final 920/920 ms"
    assert status(40) == "0.1 s  speech end to final 920/920 ms"
    assert status(8) == "0.1 s"


def test_without_metrics_neither_the_status_nor_a_flush_shows_a_latency() -> None:
    watched = Watched(columns=80, has_metrics=False)
    watched.metrics.on_chunk(LOUD, 0.08, 0.08)
    watched.view.on_chunk(LOUD, 0.08, 0.08)
    watched.metrics.on_flush(0.9)
    watched.emit(SpeechStopped(0.08), segment("No"), Flushed(1, "No", (), 1.0))
    assert watched.terminal.text == ["No", "0.1 s  ███████░  tones"]


def test_a_state_is_shown_until_the_end() -> None:
    watched = Watched()
    watched.view.show_state("finishing")
    assert watched.status.endswith("finishing")
    watched.view.close()
    assert "finishing" not in watched.status


def test_closing_keeps_stable_text_of_an_open_segment() -> None:
    watched = Watched()
    watched.emit(Delta("Ever tried", 0.5), Interim("again", 0.8))
    watched.view.close()
    assert watched.lines == ["Ever tried"]
    assert watched.terminal.is_cursor_shown


def test_redraws_of_the_meter_are_rate_limited() -> None:
    terminal = Terminal()
    now_s = iter([0.0, 0.01, 0.02, 0.2, 0.2, 0.2])
    view = LiveView(Screen(terminal, terminal.size, is_styled=False), "tones", clock=lambda: next(now_s))
    view.on_started()
    view.on_chunk(LOUD, 0.01, 0.01)
    view.on_chunk(LOUD, 0.02, 0.02)
    assert "█" not in terminal.text[-1]
    view.on_chunk(LOUD, 0.2, 0.2)
    assert "█" in terminal.text[-1]


@pytest.mark.parametrize(("level_db", "bar"), [(-120, "░" * 8), (-60, "░" * 8), (-30, "████░░░░"), (0, "█" * 8)])
def test_the_meter_reaches_from_quiet_to_full_scale(level_db: float, bar: str) -> None:
    assert meter(level_db) == bar


def test_plain_lines_follow_each_segment_without_control_codes() -> None:
    file, metrics = io.StringIO(), LatencyMetrics()
    view = PlainView(file, metrics)
    metrics.on_flush(0.9)
    for event in (
        Delta("Ever", 0.5),
        Interim("tried", 0.6),
        Delta(" tried.", 0.9),
        segment("Ever tried."),
        Finished(1.0),
    ):
        view.on_event(event, 1.0)
    assert file.getvalue() == "Ever tried.\n"


paragraphs = st.lists(st.lists(st.text("abc.", min_size=1, max_size=12), min_size=1, max_size=12), max_size=6)


@given(paragraphs, st.integers(4, 30), st.integers(2, 8))
def test_the_scrollback_has_every_word_once(texts: list[list[str]], columns: int, num_rows: int) -> None:
    watched = Watched(columns, num_rows)
    for words in texts:
        for word in words:
            watched.emit(Interim(word.upper(), 1.0), Delta(f" {word}", 1.0))
        watched.emit(segment(" ".join(words)))
    watched.emit(Finished(1.0))
    watched.view.close()
    assert "".join("".join(line.split()) for line in watched.lines) == "".join("".join(words) for words in texts)


def test_log_messages_are_notes_above_the_open_text(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    watched.emit(Delta("Ever tried.", 1.0), segment("Ever tried."), Delta(" Ever", 1.5))
    with showing_logs(watched.view.show_note):
        logging.getLogger("voxtide.audio").warning("microphone is lost")
        other = threading.Thread(target=logging.getLogger("voxtide.audio").warning, args=("from another thread",))
        other.start()
        other.join()
    assert watched.lines == ["Ever tried.", "microphone is lost", "Ever"]
    assert stderr.getvalue() == "from another thread\n"
    assert handler.stream is stderr
