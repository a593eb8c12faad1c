"""The windowed decoder over a scripted model: independence of chunking, saved model runs, bounded memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripted_windows import Script, ScriptedRun, ScriptedWord, script_of
from tests.support.windowed_configs import CONFIGS, CONFIRMED, CONFIRMING, FAST, LIVE
from voxtide.audio.vad import VAD_FRAME_S
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, StreamOptions, Word

SPEECH = script_of("never put off until tomorrow | what you can | do the day after tomorrow just as well | so there")
LENGTH_S = 13.0
SILENCE = Script((), ())


def without_interims(events: list[TranscriptEvent]) -> list[TranscriptEvent]:
    return [event for event in events if not isinstance(event, Interim)]


def run_with(
    config: WindowedConfig, ends_s: list[float], flushes_s: list[float], is_behind: tuple[bool, ...] = (False,)
) -> ScriptedRun:
    """Feed in chunks that end at `ends_s`, flush at `flushes_s`, finish."""
    run = ScriptedRun(SPEECH, config, is_behind=is_behind)
    for end_s in sorted({*ends_s, *flushes_s, LENGTH_S}):
        run.feed_until(end_s)
        if end_s in flushes_s:
            run.flush()
    run.finish()
    return run


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_every_word_is_final_once_and_in_order(config: WindowedConfig) -> None:
    run = run_with(config, [], [])
    assert run.text == SPEECH.text
    words = [word for event in run.events if isinstance(event, SegmentEnded) for word in event.segment.words]
    assert [word.text for word in words] == SPEECH.text.split()
    for word, scripted in zip(words, SPEECH.words, strict=True):
        assert word.start_s == scripted.start_s
        assert scripted.end_s <= word.end_s <= scripted.end_s + 0.1
    assert run.events[-1] == Finished(LENGTH_S)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_final_text_is_independent_of_chunking_and_load(config: WindowedConfig) -> None:
    """Load changes only interim text, chunk sizes not even that."""
    times_s = st.lists(st.integers(0, round(LENGTH_S * 1000)).map(lambda ms: ms / 1000), max_size=12)

    @settings(max_examples=60, deadline=None)
    @given(ends_s=times_s, flushes_s=times_s.map(lambda t: t[:3]), is_behind=st.lists(st.booleans(), min_size=1))
    def check(ends_s: list[float], flushes_s: list[float], is_behind: list[bool]) -> None:
        whole = run_with(config, [], flushes_s)
        assert run_with(config, ends_s, flushes_s).events == whole.events
        behind = run_with(config, ends_s, flushes_s, tuple(is_behind))
        assert without_interims(behind.events) == without_interims(whole.events)

    check()


PAUSES_S = (0.0, 0.032, 0.064, 0.096, 0.128, 0.16, 0.256, 0.288, 0.384, 0.5, 0.9)
"""Around the silences at which a pause is transcribed, words become final, and speech ends."""


@settings(max_examples=100, deadline=None)
@given(
    pauses_s=st.lists(st.sampled_from(PAUSES_S), min_size=6, max_size=6),
    places=st.lists(st.tuples(st.integers(0, 5), st.floats(0.1, 0.9)), max_size=3),
    config=st.sampled_from(sorted(CONFIGS)),
    is_behind=st.lists(st.booleans(), min_size=1, max_size=4),
)
def test_words_survive_any_pauses_and_flushes_in_them(
    pauses_s: list[float], places: list[tuple[int, float]], config: str, is_behind: list[bool]
) -> None:
    words, speech_s, now_s = [], [], 1.0
    for text, pause_s in zip(("one", "two", "three", "four", "five", "six"), pauses_s, strict=True):
        words.append(ScriptedWord(text, now_s, round(now_s + 0.3, 3)))
        speech_s.append((now_s, words[-1].end_s))
        now_s = round(words[-1].end_s + pause_s, 3)
    flushes_s = sorted({round(words[at].end_s + share * pauses_s[at], 3) for at, share in places if pauses_s[at] > 0.1})
    run = ScriptedRun(Script(tuple(words), tuple(speech_s)), CONFIGS[config], is_behind=tuple(is_behind))
    for flush_id, at_s in enumerate(flushes_s, 1):
        run.feed_until(at_s)
        assert [event.flush_id for event in run.flush(flush_id) if isinstance(event, Flushed)] == [flush_id]
    run.feed_until(now_s + 2.0)
    run.finish()
    assert run.text.split() == [word.text for word in words]


def test_chunks_smaller_than_a_frame_change_nothing() -> None:
    whole = run_with(LIVE, [], [5.0])
    assert run_with(LIVE, [ms / 1000 for ms in range(0, 13000, 11)], [5.0]).events == whole.events


def test_speech_starts_and_stops_with_the_vad() -> None:
    run = run_with(LIVE, [], [])
    changes = [event for event in run.events if isinstance(event, SpeechStarted | SpeechStopped)]
    edges_s = [edge_s for span in SPEECH.speech_s for edge_s in span]
    kinds = [SpeechStarted, SpeechStopped] * len(SPEECH.speech_s)
    assert [type(change) for change in changes] == kinds
    assert [change.audio_s for change in changes] == pytest.approx(edges_s, abs=VAD_FRAME_S)


def test_words_become_final_during_speech() -> None:
    run = ScriptedRun(script_of("one two three four five six seven eight"), LIVE)
    run.feed_until(3.02)
    assert run.text == "one two three four"
    assert run.interims


def test_early_updates_change_only_interim_text() -> None:
    script = script_of("one two three | four five six")
    plain, early = (ScriptedRun(script, replace(LIVE, early_s=early_s)) for early_s in (0.0, 0.7))
    for run in (plain, early):
        run.feed_until(6.0)
        run.finish()
    assert without_interims(early.events) == without_interims(plain.events)
    added = [end / SAMPLE_RATE_HZ for _, end in sorted(set(early.windows.calls) - set(plain.windows.calls))]
    assert len(added) >= 2
    for end_s in added:
        assert min(abs(end_s - start_s) for start_s, _ in script.speech_s) <= 0.7 + VAD_FRAME_S


def test_words_are_confirmed_and_final_in_groups() -> None:
    run = ScriptedRun(script_of("one two three four five six seven eight"), CONFIRMING)
    sizes = []
    for ms in range(0, 4200, 32):
        before = run.text.split()
        run.feed_until(ms / 1000)
        if run.text.split() != before:
            sizes.append(len(run.text.split()) - len(before))
    assert sizes[0] >= 3
    assert min(sizes) >= 3
    run.feed_until(5.0)
    run.finish()
    assert run.text == "one two three four five six seven eight"


def test_an_utterance_is_not_decided_in_the_context_of_an_earlier_one_until_words_are_confirmed() -> None:
    run = ScriptedRun(script_of("one two | three four five six seven"), CONFIRMING)
    run.feed_until(2.9)  # the pause ends at 2.8 s
    num_calls = len(run.windows.calls)
    run.feed_until(3.9)
    starts_s = [start / SAMPLE_RATE_HZ for start, _ in run.windows.calls[num_calls:]]
    assert starts_s
    assert min(starts_s) >= 2.4  # 0.3 s before the onset
    run.feed_until(4.8)
    assert min(start for start, _ in run.windows.calls[num_calls:]) / SAMPLE_RATE_HZ < 1.0
    run.feed_until(6.0)
    run.finish()
    assert run.text == "one two three four five six seven"


def test_a_flush_after_a_short_silence_needs_no_model_run() -> None:
    run = ScriptedRun(script_of("so it goes"), LIVE)
    run.feed_until(2.2 + 7 * VAD_FRAME_S)  # too short a silence to end speech
    num_calls = len(run.windows.calls)
    flushed = run.flush()[-1]
    assert len(run.windows.calls) == num_calls
    assert isinstance(flushed, Flushed)
    assert flushed.text == "so it goes"


def test_the_end_of_speech_needs_no_model_run() -> None:
    run = ScriptedRun(script_of("so it goes"), LIVE)
    run.feed_until(2.2 + 7 * VAD_FRAME_S)
    num_calls = len(run.windows.calls)
    assert any(isinstance(event, SegmentEnded) for event in run.feed_until(4.0))
    assert len(run.windows.calls) == num_calls


def test_speech_after_a_short_silence_invalidates_the_speculation() -> None:
    script = script_of("so it | goes on", pause_s=0.3)
    run = ScriptedRun(script, LIVE)
    run.feed_until(2.95)
    flushed = run.flush()[-1]
    assert isinstance(flushed, Flushed)
    assert flushed.text == "so it goes on"


def test_a_flush_includes_speech_since_the_speculation() -> None:
    """Even if no update came after the speculation."""
    run = ScriptedRun(script_of("so it | goes on", pause_s=0.2), LIVE)
    run.feed_until(2.13)
    num_calls = len(run.windows.calls)
    run.feed_until(2.14)
    assert len(run.windows.calls) == num_calls
    assert run.flush()[-1].text.startswith("so it g")


def test_a_flush_includes_all_fed_samples() -> None:
    """Also an incomplete frame at the end."""
    run = ScriptedRun(script_of("so it goes"), LIVE)
    run.feed_until(1.999)
    run.flush()
    assert run.windows.calls[-1][1] == round(1.999 * SAMPLE_RATE_HZ)


def test_text_continues_after_a_flush_in_mid_word() -> None:
    run = ScriptedRun(script_of("never tomorrow again and again"), LIVE)
    run.feed_until(1.7)
    assert run.flush()[-1].text == "never tomorr"
    assert run.flush(2) == [Flushed(2, "", (), 1.7)]
    run.feed_until(4.0)
    flushed = run.flush(3)[-1]
    assert isinstance(flushed, Flushed)
    assert flushed.text == "again and again"
    assert run.text == "never tomorr again and again"


def test_an_update_invalidates_the_hypothesis_of_a_flush() -> None:
    """Even if no update makes a word final and speech ends before speculation."""
    run = ScriptedRun(
        script_of("never tomorrow again and again"),
        replace(LIVE, updates_per_decision=100, speculate_frames=None, pause_frames=None),
    )
    run.feed_until(1.7)
    assert run.flush()[-1].text == "never tomorr"
    run.feed_until(4.0)
    assert run.flush(2)[-1].text == "again and again"


def test_a_flush_in_a_deferred_window() -> None:
    """At the fast pace, updates are seconds apart; a flush does not wait for the next one."""
    run = ScriptedRun(script_of("so it goes | and on it goes"), FAST)
    run.feed_until(3.0)
    assert (run.text, run.windows.calls) == ("", [])
    assert run.flush()[-1].text == "so it goes"
    assert len(run.windows.calls) == 1
    run.feed_until(8.0)
    assert run.flush(2)[-1].text == "and on it goes"


def test_a_flush_includes_frames_that_may_begin_speech() -> None:
    run = ScriptedRun(Script((ScriptedWord("hi", 0.85, 1.02),), ((1.0, 1.2),)), LIVE)
    run.feed_until(1.06)
    assert (run.events, run.windows.calls) == ([], [])
    assert run.flush()[-1].text == "hi"


def test_speech_without_words_loses_no_word_after_it() -> None:
    before, after = script_of("so it goes"), script_of("and on", from_s=60.0)
    script = Script((*before.words, *after.words), ((1.0, 61.0),))
    for config in CONFIGS.values():
        run = ScriptedRun(script, config)
        run.feed_until(65.0)
        run.finish()
        assert run.text == "so it goes and on"


def test_words_become_final_only_after_a_decision_in_all_context() -> None:
    run = ScriptedRun(
        script_of("ever tried | one two three four five six seven eight nine ten eleven twelve"), CONFIRMED
    )
    run.feed_until(6.8)
    assert run.text == "ever tried"
    (alone,) = {start for start, end in run.windows.calls if end > 2.8 * SAMPLE_RATE_HZ}
    assert alone > 2.0 * SAMPLE_RATE_HZ, "nothing of the earlier utterance"
    run.feed_until(7.12)
    assert run.text == "ever tried one two three four"
    assert [start - alone for start, _ in run.windows.calls[-3:]] == [0, run.windows.calls[0][0] - alone, 0]


@pytest.mark.parametrize("num_words", range(1, 6))
def test_few_words_before_long_speech_without_words_become_final_at_the_deadline(num_words: int) -> None:
    words = script_of("one two three four five").words[:num_words]
    run = ScriptedRun(Script(words, ((1.0, 80.0),)), CONFIRMED)
    run.feed_until(words[-1].end_s + CONFIRMED.stability.deadline_s + 0.5)
    assert run.text == " ".join(word.text for word in words)
    run.feed_until(82.0)
    run.finish()
    assert run.text == " ".join(word.text for word in words)


def test_flushes_without_text_are_answered() -> None:
    run = ScriptedRun(script_of("so it goes"), LIVE)
    assert run.flush() == [Flushed(1, "", (), 0.0)]
    run.feed_until(5.0)
    assert run.flush(2)[-1].text == "so it goes"
    assert run.flush(3) == [Flushed(3, "", (), 5.0)]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_silence_costs_no_model_run(config: WindowedConfig) -> None:
    run = ScriptedRun(SILENCE, config)
    run.feed_until(30.0)
    run.flush()
    run.finish()
    assert run.windows.calls == []
    assert run.events == [Flushed(1, "", (), 30.0), Finished(30.0)]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize(("pause_s", "restarts"), [(1.0, False), (7.0, True)])
def test_a_window_outlives_a_short_pause(config: WindowedConfig, pause_s: float, restarts: bool) -> None:
    run = ScriptedRun(script_of("so it goes | and on", pause_s=pause_s), config)
    run.feed_until(5.0 + pause_s)
    run.finish()
    assert run.text == "so it goes and on"
    starts = [start for start, end in run.windows.calls if end == run.windows.calls[-1][1]]
    assert (min(starts) > 2.2 * SAMPLE_RATE_HZ) == restarts


def test_silence_after_speech_costs_no_model_run() -> None:
    run = ScriptedRun(script_of("so it goes"), LIVE)
    run.feed_until(4.0)
    num_calls = len(run.windows.calls)
    run.feed_until(60.0)
    run.flush()
    assert len(run.windows.calls) == num_calls


@pytest.mark.parametrize("options", [StreamOptions(interim=False), StreamOptions(pace="fast")])
def test_interim_text_is_emitted_only_on_request(options: StreamOptions) -> None:
    wanted, unwanted = ScriptedRun(SPEECH, LIVE), ScriptedRun(SPEECH, LIVE, options=options)
    for run in (wanted, unwanted):
        run.feed_until(LENGTH_S)
        run.finish()
    assert wanted.interims
    assert unwanted.interims == []
    assert without_interims(wanted.events) == without_interims(unwanted.events)
    assert len(unwanted.windows.calls) < len(wanted.windows.calls)


def test_too_short_a_window_is_not_transcribed() -> None:
    run = ScriptedRun(script_of("so it goes"), LIVE)
    run.feed_until(1.0 + 5 * LIVE.update_frames * VAD_FRAME_S)
    start, end = run.windows.calls[0]
    min_samples = LIVE.min_window_s * SAMPLE_RATE_HZ
    assert min_samples <= end - start < min_samples + LIVE.update_frames * VAD_FRAME_S * SAMPLE_RATE_HZ


def test_a_recogniser_that_is_behind_skips_interim_updates() -> None:
    on_time, behind = run_with(LIVE, [], []), run_with(LIVE, [], [], (True,))
    assert len(behind.windows.calls) < len(on_time.windows.calls)
    assert behind.text == on_time.text


def test_interim_text_continues_the_stable_text_and_is_cleared() -> None:
    run = run_with(LIVE, [], [3.5])
    stable, shown = "", ""
    for event in run.events:
        if isinstance(event, Delta):
            stable += event.text
        elif isinstance(event, Interim):
            shown = event.text
            assert SPEECH.text.startswith((stable + shown)[:-3]), "the script has the interim text but its last letters"
        elif isinstance(event, Flushed | Finished):
            assert shown == ""


def test_a_flush_clears_the_interim_text() -> None:
    run = ScriptedRun(SPEECH, LIVE)
    run.feed_until(2.3)
    assert run.interims[-1] != ""
    *events, flushed = run.flush()
    assert events[-1] == Interim("", 2.3)
    assert isinstance(flushed, Flushed)


@pytest.mark.parametrize("is_flush", [True, False])
def test_words_found_in_the_silence_are_dropped(is_flush: bool) -> None:
    speech = script_of("so it goes")
    script = replace(speech, words=(*speech.words, ScriptedWord("you", 2.32, 2.35, logprob=-0.7)))
    run = ScriptedRun(script, FAST)  # the silence is in its window
    run.feed_until(3.5)
    if is_flush:
        run.flush()
    run.finish()
    assert run.windows.calls[-1][1] > 2.5 * SAMPLE_RATE_HZ
    assert run.text == "so it goes"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("end_s", [0.5, 1.05, 1.7, 3.1, 3.3, 3.9, 13.0])
def test_finish_is_a_flush_and_the_end(config: WindowedConfig, end_s: float) -> None:
    finished, flushed = ScriptedRun(SPEECH, config), ScriptedRun(SPEECH, config)
    for run in (finished, flushed):
        run.feed_until(end_s)
    *events, answer = flushed.flush()
    assert isinstance(answer, Flushed)
    assert finished.finish() == [*events, Finished(end_s)]
    assert answer.text == finished.text.strip()
    assert finished.recogniser.num_done_samples == round(end_s * SAMPLE_RATE_HZ)


def test_the_language_is_emitted_once() -> None:
    run = ScriptedRun(replace(SPEECH, language="nl"), LIVE)
    run.feed_until(LENGTH_S)
    detected = [event for event in run.events if isinstance(event, LanguageDetected)]
    assert [event.language for event in detected] == ["nl"]
    first_delta = next(event for event in run.events if isinstance(event, Delta))
    assert run.events.index(detected[0]) < run.events.index(first_delta)


def test_close_releases_the_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, even if the reader would keep some; the reader is notified."""
    run = ScriptedRun(SPEECH, LIVE)
    run.feed_until(3.0)
    assert run.held_s > 2.0
    dropped: list[int] = []
    monkeypatch.setattr(run.windows, "drop_before", dropped.append)
    run.recogniser.close()
    assert run.held_s == 0.0
    assert dropped == [3 * SAMPLE_RATE_HZ]


def test_the_last_word_extends_to_the_end_of_speech() -> None:
    speech = script_of("so it goes")
    run = ScriptedRun(replace(speech, speech_s=((1.0, 2.5),)), LIVE)
    run.feed_until(4.0)
    (ended,) = [event for event in run.events if isinstance(event, SegmentEnded)]
    assert ended.segment.words[-1] == Word("goes", 1.8, pytest.approx(2.5, abs=VAD_FRAME_S))
