"""The window over a fake reader: the calls it gets, and what is kept of its results."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voxtide.audio.vad import VAD_FRAME_S
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window import WORDLESS_S, SpeechRecord, Window
from voxtide.engines.windowed.window_model import WindowRequest
from voxtide.types import SAMPLE_RATE_HZ

CONFIG = WindowedConfig(max_window_s=8.0, context_s=4.0, interim_context_s=1.5)
LONGEST = 30 * SAMPLE_RATE_HZ


class Reader:
    """Returns `results` in turn and records its calls: start, end, prefix, draft."""

    language = None
    max_window_samples = LONGEST

    def __init__(self, *results: list[Piece]) -> None:
        self._results = list(results)
        self.calls: list[tuple[int, int, list[int], list[int]]] = []
        self.dropped_before = 0

    def transcribe(self, request: WindowRequest) -> list[Piece]:
        self.is_speech = request.is_speech
        self.calls.append((request.start, request.end, request.prefix, request.draft))
        return self._results.pop(0) if self._results else []

    def drop_before(self, start: int) -> None:
        self.dropped_before = start


def word(text: str, start_s: float) -> Piece:
    """Half a second long, its token the tenths of its start."""
    return Piece(" " + text, (round(10 * start_s),), start_s, start_s + 0.5, -0.01)


def mark(text: str, at_s: float) -> Piece:
    return Piece(text, (0,), at_s, at_s, -0.01)


def at(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE_HZ)


def window_over(reader: Reader, *final: Piece) -> Window:
    final_text = WindowedFinalText()
    final_text.add(list(final), 100.0)
    return Window(reader, final_text, CONFIG)


def test_final_words_are_the_prefix_and_pending_ones_the_draft() -> None:
    reader = Reader()
    window_over(reader, word("so", 1.0), word("it", 1.5)).transcribe(at(3), [word("goes", 2.0)])
    assert reader.calls == [(0, at(3), [10, 15], [20])]


def with_speech(window: Window, end_s: float) -> Window:
    """The VAD took everything up to `end_s` for speech."""
    for _ in range(round(end_s / VAD_FRAME_S)):
        window.speech.append(True)
    return window


def test_speech_without_words_restarts_the_window_after_the_final_words() -> None:
    """The model may be stuck at the forced prefix."""
    reader = Reader([word("goes", 2.0)], [word("goes", 2.0), word("on", 2.6), word("and", 3.2)])
    window = with_speech(window_over(reader, word("so", 1.0), word("it", 1.5)), 4)
    assert [piece.normalised for piece in window.transcribe(at(4), [], is_last=True)] == ["goes", "on", "and"]
    assert reader.calls[1] == (at(2), at(4), [], [])
    assert window.start == at(2)


def test_a_window_is_transcribed_again_during_speech_only_if_much_has_no_words() -> None:
    """More audio usually gives better words, also to the audio that has none yet."""
    again = [word("goes", 2.0), replace(word("on", 2.6), end_s=6.4)]
    reader = Reader([word("goes", 2.0)], [word("goes", 2.0)], again)
    window = with_speech(window_over(reader, word("so", 1.0), word("it", 1.5)), 8)
    assert window.transcribe(at(6.4), []) == [word("goes", 2.0)]
    assert window.transcribe(at(6.6), []) == again
    assert len(reader.calls) == 3


@pytest.mark.parametrize(
    "again",
    [
        pytest.param([], id="no words either"),
        pytest.param([replace(word("mm", 2.5), logprob=-1.5, end_s=4.0)], id="improbable"),
        pytest.param([word("goes", 2.0)], id="as much speech without words"),
    ],
)
def test_a_second_attempt_that_is_no_better_changes_nothing(again: list[Piece]) -> None:
    reader = Reader([word("goes", 2.0)], again)
    window = with_speech(window_over(reader, word("so", 1.0), word("it", 1.5)), 4)
    assert window.transcribe(at(4), [], is_last=True) == [word("goes", 2.0)]
    assert window.start == 0


def test_singing_is_not_transcribed_twice_at_every_update() -> None:
    reader = Reader()
    window = with_speech(window_over(reader, word("so", 1.0)), 9)
    for tenths in range(60, 80, 4):
        window.transcribe(at(tenths / 10), [])
    assert len(reader.calls) == 6
    window.transcribe(at(7.7), [], is_last=True)
    assert len(reader.calls) == 8


def utterance_after(reader: Reader, *, onset_s: float, checks_context: bool = True) -> Window:
    """A window with the final words "so it", which end at 2 s, in which speech begins at `onset_s`."""
    final_text = WindowedFinalText()
    final_text.add([word("so", 1.0), word("it", 1.5)], 100.0)
    final_text.begin_speech(onset_s)
    return Window(reader, final_text, replace(CONFIG, checks_context=checks_context))


FAIL, FARE = replace(word("fail", 3.1), logprob=-0.2), replace(word("fare", 3.1), logprob=-0.6)


@pytest.mark.parametrize(
    ("with_it", "alone", "is_alone"), [(FAIL, FARE, False), (FARE, FAIL, True), (FAIL, None, False)]
)
def test_an_utterance_by_itself_replaces_less_probable_text(
    with_it: Piece, alone: Piece | None, is_alone: bool
) -> None:
    reader = Reader([alone] if alone else [])
    window = utterance_after(reader, onset_s=3.0)
    assert window.without_context([with_it], at(4)) == [FAIL]
    assert reader.calls == [(at(3), at(4), [], list(with_it.tokens))]
    assert window.start == (at(3) if is_alone else 0)


def test_what_has_no_words_in_context_has_none() -> None:
    """By itself, the model makes words of a breath."""
    reader = Reader([FAIL])
    assert utterance_after(reader, onset_s=3.0).without_context([mark(".", 3.5)], at(4)) == [mark(".", 3.5)]
    assert reader.calls == []


def test_equal_text_keeps_the_window_with_its_context() -> None:
    window = utterance_after(Reader([replace(FAIL, logprob=-0.1)]), onset_s=3.0)
    assert window.without_context([FAIL], at(4)) == [FAIL]
    assert window.start == 0


def test_words_of_the_same_utterance_are_no_context_to_check() -> None:
    reader = Reader([FAIL])
    assert utterance_after(reader, onset_s=1.0).without_context([FARE], at(4)) == [FARE]
    assert utterance_after(reader, onset_s=3.0, checks_context=False).without_context([FARE], at(4)) == [FARE]
    assert reader.calls == []


def test_silence_and_speech_with_words_are_transcribed_once() -> None:
    reader = Reader([], [word("goes", 2.0)])
    window_over(reader, word("so", 1.0), word("it", 1.5)).transcribe(at(4), [])
    with_speech(window_over(reader, word("so", 1.0), word("it", 1.5)), 3).transcribe(at(3), [])
    assert len(reader.calls) == 2


def test_the_reader_is_informed_of_sure_speech() -> None:
    reader = Reader()
    window = with_speech(window_over(reader), 1.5)
    window.transcribe(at(0.2), [])
    assert not reader.is_speech
    window.transcribe(at(0.3), [])  # as long as a short word
    assert reader.is_speech


def test_the_record_of_speech_is_dropped_with_the_audio() -> None:
    record = SpeechRecord()
    for _ in range(100):
        record.append(True)
    record.drop_before(at(1.6))
    assert record.speech_s(0.0, 10.0) == pytest.approx(1.6)
    assert record.speech_s(0.0, 2.0) == pytest.approx(0.4, abs=VAD_FRAME_S)


def test_an_interim_update_has_only_the_last_final_words() -> None:
    reader = Reader()
    final = [word(text, start_s) for text, start_s in (("never", 1.0), ("put", 2.0), ("off", 3.0), ("until", 4.0))]
    window = window_over(reader, *final)
    window.transcribe_interim(at(6), [word("tomorrow", 5.0)])
    assert reader.calls == [(at(3), at(6), [30, 40], [50])]
    assert window.start == 0


def test_a_repeated_last_word_restarts_the_window_after_the_final_words() -> None:
    reader = Reader([word("it", 1.52)], [word("goes", 2.2)])
    window = window_over(reader, word("so", 1.0), word("it", 1.5))
    assert [piece.normalised for piece in window.transcribe(at(3), [])] == ["goes"]
    assert reader.calls[1] == (at(2), at(3), [], [])
    assert window.start == at(2)


def test_words_in_final_text_restart_the_window_after_it() -> None:
    """The model follows earlier audio that sounds alike."""
    reader = Reader([word("he", 1.0)], [word("goes", 2.2)])
    window = window_over(reader, word("so", 1.0), word("it", 1.5))
    assert [piece.normalised for piece in window.transcribe(at(3), [])] == ["goes"]
    assert reader.calls[1] == (at(2), at(3), [], [])


def test_words_in_the_silence_before_speech_restart_the_window() -> None:
    reader = Reader([word("he", 2.1)], [word("goes", 4.2)])
    final_text = WindowedFinalText()
    final_text.add([word("so", 1.0), word("it", 1.5)], 100.0)
    final_text.begin_speech(4.0)
    assert [piece.normalised for piece in Window(reader, final_text, CONFIG).transcribe(at(5), [])] == ["goes"]
    assert reader.calls[1] == (at(4), at(5), [], [])


def test_much_speech_after_the_last_word_is_transcribed_by_itself_at_its_end() -> None:
    reader = Reader([word("so", 1.0)], [word("so", 1.0)], [word("it", 2.0), word("goes", 2.5)])
    window = with_speech(window_over(reader), 3)
    assert window.transcribe(at(3), []) == [word("so", 1.0)]
    assert [piece.normalised for piece in window.transcribe(at(3), [], is_last=True)] == ["so", "it", "goes"]
    assert reader.calls[2] == (at(1.5), at(3), [], [])


def test_an_improbable_rest_is_left_out() -> None:
    reader = Reader([word("so", 1.0)], [replace(word("mm", 2.0), logprob=-1.5)])
    assert with_speech(window_over(reader), 3).transcribe(at(3), [], is_last=True) == [word("so", 1.0)]


def test_repeated_punctuation_is_dropped() -> None:
    pieces = [mark(".", 1.5), word("so", 1.6)]
    assert window_over(Reader(list(pieces)), word("oh", 1.0), mark(".", 1.5)).transcribe(at(3), []) == pieces[1:]
    assert window_over(Reader(list(pieces)), word("oh", 1.0)).transcribe(at(3), []) == pieces


def test_words_without_duration_are_dropped() -> None:
    squeezed = [word(text, start_s) for text, start_s in (("the", 2.0), ("the", 2.02), ("the", 2.04))]
    assert window_over(Reader([word("so", 1.0), *squeezed])).transcribe(at(3), []) == [word("so", 1.0)]


def test_no_call_exceeds_the_models_longest_window() -> None:
    reader = Reader()
    window_over(reader, word("aah", 0.0)).transcribe(LONGEST + at(3), [word("aah", 1.0)])
    assert reader.calls == [(at(3), LONGEST + at(3), [], [])]


@pytest.mark.parametrize(("end_s", "start_s"), [(8.0, 0.0), (8.1, 3.0)])
def test_a_long_window_is_cut_where_a_final_word_begins(end_s: float, start_s: float) -> None:
    reader = Reader()
    window = window_over(reader, *(word("so", float(start)) for start in range(1, 8)))
    window.cut(at(end_s), [])
    assert window.start == reader.dropped_before == at(start_s)
    window.transcribe(at(end_s), [])
    assert reader.calls[0][2] == [10 * start for start in range(1, 8) if start >= start_s]


def test_speech_without_words_is_cut_outside_a_pending_word() -> None:
    for pending, start_s in (([], WORDLESS_S + 1.0 - CONFIG.context_s), ([word("aah", 5.0)], 5.0)):
        window = window_over(Reader())
        window.cut(at(WORDLESS_S), pending)
        assert window.start == 0
        window.cut(at(WORDLESS_S + 1.0), pending)
        assert window.start == at(start_s)
