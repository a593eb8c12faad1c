"""The figures of handwritten ways, and the exact table."""

from __future__ import annotations

import json

import pytest

from voxtide.bench.compare import comparison as comparisons
from voxtide.bench.compare.chunked import ChunkText, events_of, queued
from voxtide.bench.compare.comparison import Comparison
from voxtide.bench.compare.reference import Reference
from voxtide.bench.compare.report import document_of, lines_of, plot_of
from voxtide.bench.compare.ways import Way
from voxtide.bench.load.play import TimedEvent
from voxtide.errors import MissingExtraError
from voxtide.transcript.events import Delta, Interim
from voxtide.types import EngineInfo, Word

WORDS = (Word("ever", 0.1, 0.5), Word("tried", 0.8, 1.2), Word("no", 1.5, 1.7), Word("matter", 2.0, 2.5))
REFERENCE = Reference("Ever tried. No matter.", "talk.txt", WORDS, "known")
UNKNOWN = Reference(None, "", WORDS, "read")
UNTIMED = Reference("Ever tried. No matter.", "talk.txt", (), "none", "the engine remote reads no word times")
ENGINE = EngineInfo(name="tones", model="t")

CHUNKS = queued(
    [
        ChunkText(0, 1, "Ever try", 0.25),  # the border cuts "tried"
        ChunkText(1, 2, "no", 1.5),
        ChunkText(2, 3, "Matter.", 0.5),  # waits for the one before it
    ]
)
CHUNKED = Way(name="chunks of 1 s", events=events_of(CHUNKS), audio_s=3.0, cpu_s=0.3, chunks=CHUNKS)
STREAMING = Way(
    name="streaming",
    events=(
        TimedEvent(Interim("ever", 0.6), 0.75),
        TimedEvent(Interim("ever tried", 1.2), 1.25),
        TimedEvent(Delta("Ever tried.", 1.4), 2.0),
        TimedEvent(Interim(" No mat", 2.3), 2.25),
        TimedEvent(Delta(" No matter.", 3.0), 3.0),
    ),
    audio_s=3.0,
    cpu_s=0.75,
)


def compared(*ways: Way, reference: Reference = REFERENCE) -> Comparison:
    return Comparison("talk.wav", 3.0, ENGINE, reference, ways)


def test_times_count_from_the_end_of_the_word() -> None:
    chunked, streaming = compared(CHUNKED, STREAMING).figures
    assert streaming.times == {0: (0.75, 2.0), 1: (1.25, 2.0), 2: (2.25, 3.0), 3: (3.0, 3.0)}
    assert streaming.shown_s == pytest.approx([0.25, 0.05, 0.55, 0.5])
    assert streaming.final_s == pytest.approx([1.5, 0.8, 1.3, 0.5])
    assert (streaming.last_word_s, streaming.first_text_s, streaming.end_to_final_s) == pytest.approx((0.5, 0.75, 0.0))
    assert chunked.times == {0: (1.25, 1.25), 2: (3.5, 3.5), 3: (4.0, 4.0)}
    assert chunked.shown_s == chunked.final_s == pytest.approx([0.75, 1.8, 1.5])
    assert chunked.end_to_final_s == pytest.approx(1.0)


def test_the_first_text_counts_although_it_changes_later() -> None:
    growing = (TimedEvent(Interim("もし", 0.5), 0.75), TimedEvent(Delta("もしもし", 1.0), 2.5))
    (figures,) = compared(Way(name="streaming", events=growing, audio_s=2.0, cpu_s=None), reference=UNTIMED).figures
    assert (figures.first_text_s, figures.end_to_final_s) == (0.75, 0.5)


def test_a_text_of_fillers_has_no_errors() -> None:
    found = compared(STREAMING, reference=Reference("Um, uh.", "talk.txt", WORDS, "known"))
    assert found.figures[0].errors is None
    assert any(note.startswith("no errors: talk.txt has only words that whisper-normalizer") for note in found.notes())


def test_words_that_a_border_cuts_are_counted() -> None:
    chunked, streaming = compared(CHUNKED, STREAMING).figures
    assert (chunked.num_cut, chunked.num_cut_missing) == (1, 1)
    assert streaming.num_cut == 0


def test_a_missing_last_word_has_no_time() -> None:
    cut_short = Way(name="streaming", events=STREAMING.events[:3], audio_s=3.0, cpu_s=None)
    assert compared(cut_short).figures[0].last_word_s is None


def test_the_table_has_a_row_per_way() -> None:
    lines = lines_of(compared(CHUNKED, STREAMING))
    assert lines[:4] == [
        "way                shown      final  last  words  cut      errors    CPU",
        "chunks of 1 s  1.50/1.80  1.50/1.80  1.50    3/4  1/1  1 (25.0 %)  0.100",
        "streaming      0.25/0.55  0.80/1.50  0.50    4/4    -   0 (0.0 %)  0.250",
        "",
    ]
    assert lines[4].startswith("note: chunks of 1 s fall behind: 1 of 3 waited for the one before, up to 0.50 s")
    assert any(line.startswith("errors: against talk.txt, after whisper-normalizer") for line in lines)


def test_the_words_are_listed_on_request() -> None:
    assert lines_of(compared(CHUNKED, STREAMING), has_words=True)[:5] == [
        "spoken    word  chunks of 1 s  streaming: shown  streaming: final",
        "0.50      ever           1.25              0.75              2.00",
        "1.20     tried              -              1.25              2.00",
        "1.70        no           3.50              2.25              3.00",
        "2.50    matter           4.00              3.00              3.00",
    ]


SLOW = queued([ChunkText(0, 1, "Ever try", 60.0), ChunkText(1, 2, "no", 1.5), ChunkText(2, 3, "Matter.", 0.5)])


def test_the_table_of_slow_ways_fits_80_columns() -> None:
    slow = Way(name="chunks of 10 s", events=events_of(SLOW), audio_s=3.0, cpu_s=0.3, chunks=SLOW)
    lines = lines_of(compared(slow, STREAMING))
    assert lines[1] == "chunks of 10 s  60.5/60.8  60.5/60.8  60.5    3/4  1/1  1 (25.0 %)  0.100"
    assert sum(line.startswith("way ") for line in lines) == 1


@pytest.mark.parametrize("max_columns", [40, 60])
def test_a_wide_table_continues_below(max_columns: int) -> None:
    slow = Way(name="chunks of 1 s", events=events_of(SLOW), audio_s=3.0, cpu_s=0.3, chunks=SLOW)
    comparison = compared(slow, STREAMING)
    whole, lines = (lines_of(comparison, has_words=True, max_columns=it) for it in (200, max_columns))
    assert max(map(len, whole)) > 60 and max(map(len, lines)) <= max_columns
    assert sum(line.startswith("way ") for line in lines) > 1
    assert sorted(set(" ".join(whole).split())) == sorted(set(" ".join(lines).split())), "nothing is lost"


def test_a_long_word_is_cut_in_the_list() -> None:
    long = (Word("a" * 100, 0.1, 0.5),)
    lines = lines_of(compared(CHUNKED, reference=Reference("a", "talk.txt", long, "known")), has_words=True)
    assert lines[1].split()[1] == "a" * 23 + "…"


def test_without_word_times_the_first_and_the_last_text_count() -> None:
    lines = lines_of(compared(CHUNKED, STREAMING, reference=UNTIMED), has_words=True)
    assert lines[:3] == [
        "way            first text  all final      errors    CPU",
        "chunks of 1 s        1.25       1.00  1 (25.0 %)  0.100",
        "streaming            0.75       0.00   0 (0.0 %)  0.250",
    ]
    assert lines[5].startswith("no word times: the engine remote reads no word times; first text:")


def test_without_a_text_there_are_no_errors_and_a_note_says_how_to_get_them() -> None:
    lines = lines_of(compared(STREAMING, reference=UNKNOWN))
    assert "errors" not in lines[0]
    assert "note: no errors: the spoken text is not known; name it with --reference FILE" in lines


def test_without_the_extra_there_are_no_errors_and_a_note_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingExtraError("jiwer", "bench", "the word error rate")

    monkeypatch.setattr(comparisons, "word_errors", missing)
    lines = lines_of(compared(STREAMING))
    assert "errors" not in lines[0]
    assert any(line.startswith("note: no errors:") and "jiwer" in line for line in lines)


def test_after_a_stop_only_the_words_before_it_count() -> None:
    stopped = Way(name="streaming", events=STREAMING.events[:3], audio_s=1.4, cpu_s=0.7)
    comparison = compared(CHUNKED, stopped)
    assert [word.text for word in comparison.words] == ["ever", "tried"]
    chunked, streaming = comparison.figures
    assert (len(chunked.final_s), len(streaming.final_s)) == (1, 2)
    assert chunked.errors is not None
    assert streaming.errors is None, "the text of a part is not known"
    assert any(note.startswith("stopped after 1.4 of 3.0 s") for note in comparison.notes())


def test_the_processor_time_of_a_server_is_not_known() -> None:
    remote = Way(name="streaming", events=STREAMING.events, audio_s=3.0, cpu_s=None)
    assert lines_of(compared(remote))[1].endswith(" -")


def test_a_way_without_text_has_errors_and_no_times() -> None:
    silent = Way(name="streaming", events=(), audio_s=3.0, cpu_s=0.0)
    row = lines_of(compared(silent))[1].split()
    assert row == ["streaming", "-", "-", "-", "0/4", "-", "4", "(100.0", "%)", "0.000"]


def test_the_document_is_json_with_every_word_and_chunk() -> None:
    document = json.loads(json.dumps(document_of(compared(CHUNKED, STREAMING), is_complete=True)))
    assert document["is_complete"] is True
    assert document["words"][1] == {
        "text": "tried",
        "start_s": 0.8,
        "end_s": 1.2,
        "shown_s": {"chunks of 1 s": None, "streaming": 1.25},
        "final_s": {"chunks of 1 s": None, "streaming": 2.0},
    }
    chunked = document["ways"][0]
    assert chunked["chunks"][2] == {
        "start_s": 2,
        "end_s": 3,
        "text": "Matter.",
        "took_s": 0.5,
        "began_s": 3.5,
        "arrived_s": 4.0,
    }
    assert chunked["errors"] == {"words": 4, "errors": 1, "percent": 25.0}
    assert chunked["spoken_to_final_s"] == pytest.approx({"p50": 1.5, "p95": 1.8})


def test_the_plot_ends_at_the_share_of_the_words_that_were_found() -> None:
    plot = plot_of(compared(CHUNKED, STREAMING), "talk")
    assert [line.label for line in plot.lines] == ["chunks of 1 s", "streaming, shown", "streaming, final"]
    assert [line.y[-1] for line in plot.lines] == [75, 100, 100]
    assert list(plot.lines[0].x) == sorted(plot.lines[0].x)


def test_a_plot_without_word_times_has_no_points() -> None:
    plot = plot_of(compared(CHUNKED, STREAMING, reference=UNTIMED), "talk")
    assert [list(line.x) for line in plot.lines] == [[], [], []]
