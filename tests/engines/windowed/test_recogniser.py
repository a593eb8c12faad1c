"""The windowed decoder over a scripted model: independence of chunking, saved model runs, bounded memory."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripted_windows import MAX_WINDOW_SAMPLES, Script, ScriptedRun, ScriptedWord, script_of
from voxtide.audio.vad import VAD_FRAME_S
from voxtide.engines.windowed.config import StabilityConfig, WindowedConfig
from voxtide.engines.windowed.window import WORDLESS_S
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, StreamOptions, Word

STABILITY = StabilityConfig(
    margin_s=0.1,
    sure_logprob=-0.05,
    doubt_s=2.0,
    max_doubt_s=0.4,
    min_logprob=-0.8,
    deadline_s=1.0,
    short_window_s=2.5,
    short_window_wait_s=0.5,
    show_logprob=-0.3,
    after_speech_s=0.1,
)
LIVE = WindowedConfig(
    update_frames=6,
    updates_per_decision=2,
    speculate_frames=3,
    pause_frames=4,
    min_speech_s=0.0,
    preroll_s=0.3,
    min_window_s=0.7,
    max_window_s=8.0,
    context_s=4.0,
    interim_context_s=1.5,
    max_pause_s=2.0,
    stability=STABILITY,
)
FAST = replace(
    LIVE,
    update_frames=100,
    updates_per_decision=1,
    speculate_frames=None,
    pause_frames=None,
    min_speech_s=4.0,
    max_window_s=2.0,
    context_s=1.5,
)
CONFIRMING = replace(LIVE, confirm_words=3)
CONFIRMED = replace(
    LIVE,
    early_s=0.7,
    confirm_words=4,
    checks_context=True,
    stability=replace(STABILITY, margin_s=2.5, deadline_s=6.0),
    pause_stability=STABILITY,
)
CONFIGS = {"live": LIVE, "confirming": CONFIRMING, "confirmed": CONFIRMED, "fast": FAST}
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


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize(("speech_s", "is_reported"), [(0.8, False), (1.6, True)])
def test_speech_that_ends_without_text_is_reported(config: WindowedConfig, speech_s: float, is_reported: bool) -> None:
    run = ScriptedRun(Script((), ((1.0, 1.0 + speech_s),)), config)
    run.feed_until(6.0)
    run.finish()
    reports = [event for event in run.events if isinstance(event, SpeechUntranscribed)]
    assert len(reports) == is_reported
    for report in reports:
        assert report.start_s <= 1.0
        assert report.audio_s == pytest.approx(1.0 + speech_s, abs=VAD_FRAME_S)
    with_text = run_with(config, [], [])
    assert not any(isinstance(event, SpeechUntranscribed) for event in with_text.events)


@pytest.mark.parametrize(("logprob", "text"), [(-4.0, ""), (-0.2, "uno due tre")])
def test_the_language_of_improbable_speech_is_doubted_although_it_has_no_text(logprob: float, text: str) -> None:
    script = script_of("uno due tre", word_s=0.8)
    script = replace(script, words=tuple(replace(word, logprob=logprob) for word in script.words))
    config = replace(
        LIVE, stability=replace(STABILITY, margin_s=5.0, deadline_s=9.0)
    )  # no word is final before the end
    run = ScriptedRun(script, config, only_language="en")
    run.feed_until(12.0)
    run.finish()
    assert run.text == text
    assert any(isinstance(event, LanguageDoubted) for event in run.events) == (not text)


@pytest.mark.parametrize(("logprob", "is_doubted"), [(-1.3, True), (-0.2, False)])
def test_the_language_of_much_speech_after_improbable_words_is_doubted(logprob: float, is_doubted: bool) -> None:
    words = tuple(ScriptedWord(word, 1.0 + at, 1.4 + at, logprob) for at, word in ((0.0, "uno"), (0.4, "due")))
    run = ScriptedRun(Script(words, ((1.0, 8.0),)), FAST, only_language="en")
    run.feed_until(10.0)
    run.finish()
    assert run.text == "uno due"
    assert any(isinstance(event, LanguageDoubted) for event in run.events) == is_doubted


def test_much_speech_after_the_last_word_is_reported() -> None:
    words = (ScriptedWord("so", 1.0, 1.4),)
    for speech_s, starts_s in ((6.0, [1.4]), (2.5, [])):
        run = ScriptedRun(Script(words, ((1.0, 1.0 + speech_s),)), FAST)
        run.feed_until(9.0)
        run.finish()
        reports = [event for event in run.events if isinstance(event, SpeechUntranscribed)]
        assert [report.start_s for report in reports] == pytest.approx(starts_s)


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


def most_held_s(script: Script, config: WindowedConfig, length_s: int) -> float:
    """The most audio held after any chunk of 0.5 s."""
    run = ScriptedRun(script, config)
    held_s = 0.0
    for half_seconds in range(1, 2 * length_s + 1):
        run.feed_until(half_seconds / 2)
        held_s = max(held_s, run.held_s)
    run.finish()
    assert run.text == script.text
    return held_s


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_ten_minutes_of_silence_are_not_held(config: WindowedConfig) -> None:
    assert most_held_s(SILENCE, config, 600) <= config.preroll_s + VAD_FRAME_S
    after_speech = script_of("so it goes")
    assert most_held_s(after_speech, config, 600) <= config.max_pause_s + config.min_speech_s + 3.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_ten_minutes_of_speech_are_not_held(config: WindowedConfig) -> None:
    script = script_of(" ".join(f"word{number}" for number in range(1490)))
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    assert most_held_s(script, config, 600) <= config.max_window_s + decision_s + 2.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("num_words", [0, 20])
def test_speech_without_words_is_not_held(config: WindowedConfig, num_words: int) -> None:
    """The window must not grow with singing without words, at the beginning or after speech."""
    words = script_of(" ".join(f"word{number}" for number in range(num_words))).words
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    assert most_held_s(Script(words, ((1.0, 290.0),)), config, 300) <= WORDLESS_S + decision_s + 1.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("before", ["", "so it goes"])
def test_a_word_that_never_ends_is_not_held(config: WindowedConfig, before: str) -> None:
    """The window is not cut inside a word: the model gets only the last part of it."""
    words = script_of(before).words
    endless = ScriptedWord("aah", words[-1].end_s if words else 1.0, 1000.0)
    run = ScriptedRun(Script((*words, endless), ((1.0, 120.0),)), config)
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    for seconds in range(1, 121):
        run.feed_until(seconds)
        assert run.held_s <= MAX_WINDOW_SAMPLES / SAMPLE_RATE_HZ + decision_s + 1.0
    run.finish()
    assert max(end - start for start, end in run.windows.calls) == MAX_WINDOW_SAMPLES


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
