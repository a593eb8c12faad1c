"""One stream of Voxtral on a scripted runner: prompt, flushes, ends, interim text."""

from __future__ import annotations

import logging
import math
import random

import numpy as np
import pytest

from tests.support.voxtral_streams import FREE, ScriptedBatchRunner, driven
from voxtide.engines.voxtral.blank_loop import MAX_FRAMES
from voxtide.transcript.events import BlankLoopDetected, Delta, Finished, Flushed, Interim, SegmentEnded
from voxtide.types import Samples
from voxtide.voxtral.config import EOS, NUM_LEFT_PAD_TOKENS, PAD, SAMPLES_PER_TOKEN, WORD

A, B, C, DOT, E1, E2, ZI, SPACE = range(1000, 1008)
WORDS = {5: WORD, 6: A, 7: C, 12: WORD, 13: B, 20: WORD, 21: A, 22: DOT}
"""Tokens by frame: "ac b a."."""


def silence(num_frames: float) -> Samples:
    return np.zeros(round(num_frames * SAMPLES_PER_TOKEN), np.float32)


def words(frame: int) -> int:
    return WORDS.get(frame, PAD)


def test_the_prompt_is_pads_and_later_inputs_are_the_decoded_tokens() -> None:
    runner = ScriptedBatchRunner(words)
    stream = driven(runner)
    stream.feed(silence(30))
    stream.finish()
    assert stream.text == "ac b a."
    positions = [position for position, *_ in runner.requests]
    assert positions == list(range(31, 31 + len(positions)))
    assert {forced for position, forced, *_ in runner.requests if position <= NUM_LEFT_PAD_TOKENS + 6} == {PAD}
    assert {forced for position, forced, *_ in runner.requests if position > NUM_LEFT_PAD_TOKENS + 6} == {FREE}


@pytest.mark.parametrize("delay_tokens", [1, 6, 15, 30])
def test_a_flush_emits_all_text_with_no_step_too_many(delay_tokens: int) -> None:
    runner = ScriptedBatchRunner(words, delay_tokens)
    stream = driven(runner)
    stream.feed(silence(25.5))
    text_before, num_requests = stream.text, len(runner.requests)
    answer = stream.flush()
    assert answer.text == "ac b a."
    assert answer.text.startswith(text_before)
    num_steps = len(runner.requests) - num_requests
    assert delay_tokens + 1 <= num_steps <= delay_tokens + 3
    assert answer.segments[0].end_s <= answer.audio_s == 25.5 * 0.08


@pytest.mark.parametrize("delay_tokens", [1, 6, 15, 30])
def test_a_flush_ends_with_two_pads_behind_the_last_word(delay_tokens: int) -> None:
    runner = ScriptedBatchRunner(lambda frame: A if frame <= 25 else PAD, delay_tokens)
    stream = driven(runner)
    stream.feed(silence(25.5))
    num_requests = len(runner.requests)
    assert stream.flush().text == " ".join(26 * "a")
    assert len(runner.requests) - num_requests == delay_tokens + 3


def test_after_a_flush_its_tokens_are_forced_and_not_emitted_again() -> None:
    runner = ScriptedBatchRunner(words)
    stream = driven(runner)
    stream.feed(silence(15))
    assert stream.flush().text == "ac b"
    num_requests = len(runner.requests)
    stream.feed(silence(20))
    stream.finish()
    assert stream.text == "ac b a."
    # Frame 13's token, B, is the last that the flush emitted: it is the input of the next position.
    forced = {position: token for position, token, *_ in runner.requests[num_requests:] if token != FREE}
    first = NUM_LEFT_PAD_TOKENS + 6
    assert forced == {first + frame + 1: words(frame) for frame in range(8, 14)}


def test_other_tokens_for_flushed_frames_are_not_emitted() -> None:
    """Real audio may make the model spell a word differently than silence did. The caller has the first spelling."""
    fork = [True]
    runner = ScriptedBatchRunner(lambda frame: (A if fork[0] else B) if frame in (10, 11) else PAD)
    stream = driven(runner)
    stream.feed(silence(12))
    assert stream.flush().text == "a a"
    fork[0] = False
    stream.feed(silence(20))
    stream.finish()
    assert stream.text == "a a"


def test_random_flushes_lose_and_duplicate_nothing() -> None:
    rng = random.Random(5)
    for _ in range(10):
        runner = ScriptedBatchRunner(words, delay_tokens=rng.choice((1, 6, 30)))
        stream = driven(runner)
        for _ in range(200):
            stream.feed(silence(rng.choice((0.01, 0.1, 0.3, 1.0))))
            if rng.random() < 0.5:
                stream.flush()
        stream.feed(silence(10))
        stream.finish()
        assert stream.text == "ac b a."
        assert runner.num_opened == 1


def test_a_flush_without_new_audio_costs_no_step() -> None:
    runner = ScriptedBatchRunner(words)
    stream = driven(runner)
    assert stream.flush() == Flushed(1, "", (), 0.0)
    assert not runner.requests
    stream.feed(silence(15))
    stream.flush()
    num_requests = len(runner.requests)
    assert stream.flush().text == ""
    stream.finish()
    assert len(runner.requests) == num_requests
    assert stream.events[-1] == Finished(15 * 0.08)


def test_a_flush_before_562_ms_completes_the_prompt_with_silence() -> None:
    runner = ScriptedBatchRunner(lambda frame: {0: WORD, 1: A}.get(frame, PAD))
    stream = driven(runner)
    stream.feed(silence(2))
    assert stream.flush().text == "a"
    stream.feed(silence(30))
    stream.finish()
    assert stream.text == "a"


def test_an_incomplete_character_is_emitted_once_complete() -> None:
    fork = [True]
    script = {5: A, 6: E1, 7: E2}
    runner = ScriptedBatchRunner(lambda frame: PAD if fork[0] and frame > 6 else script.get(frame, PAD))
    stream = driven(runner)
    stream.feed(silence(8))
    assert stream.flush().text == "a"
    fork[0] = False
    stream.feed(silence(20))
    stream.finish()
    assert stream.text == "aé"


def test_an_incomplete_character_at_the_end_is_replaced() -> None:
    stream = driven(ScriptedBatchRunner(lambda frame: {5: A, 6: E1}.get(frame, PAD)))
    stream.feed(silence(10))
    stream.finish()
    assert stream.text == "a\ufffd"


def test_a_live_stream_forbids_eos_and_a_look_ahead_ends_with_it() -> None:
    runner = ScriptedBatchRunner(lambda frame: EOS if frame == 12 else words(frame))
    stream = driven(runner)
    stream.feed(silence(10))
    assert {eos_bias for *_, eos_bias in runner.requests} == {-math.inf}
    num_requests = len(runner.requests)
    assert stream.flush().text == "ac"
    assert {eos_bias for *_, eos_bias in runner.requests[num_requests:]} == {0.0}
    assert runner.requests[-1][0] == NUM_LEFT_PAD_TOKENS + 6 + 12 or len(runner.requests) - num_requests <= 6 + 3
    stream.feed(silence(20))
    stream.finish()
    assert isinstance(stream.events[-1], Finished)


def test_a_model_that_never_stops_talking_is_cut_off() -> None:
    runner = ScriptedBatchRunner(lambda frame: A)
    stream = driven(runner)
    stream.feed(silence(20))
    num_requests = len(runner.requests)
    stream.flush()
    assert len(runner.requests) - num_requests <= 6 + 1 + 11
    stream.finish()
    assert isinstance(stream.events[-1], Finished)


def test_peeks_emit_interim_text_and_change_no_other_event() -> None:
    lasting = {}
    for peek_frames in (0, 1, 3):
        stream = driven(ScriptedBatchRunner(words), peek_frames=peek_frames)
        for _ in range(60):
            stream.feed(silence(0.5))
        stream.finish()
        lasting[peek_frames] = [event for event in stream.events if not isinstance(event, Interim)]
        assert any(isinstance(event, Interim) for event in stream.events) == (peek_frames > 0)
    assert lasting[0] == lasting[1] == lasting[3]


def test_interim_text_precedes_its_final_text_and_is_removed_with_it() -> None:
    stream = driven(ScriptedBatchRunner(words), peek_frames=1)
    stream.feed(silence(8))
    assert [event for event in stream.events if isinstance(event, Interim)][-1].text == "ac"
    for _ in range(30):
        stream.feed(silence(1))
    shown = ""
    for event in stream.events:
        if isinstance(event, Interim):
            shown = event.text
        elif isinstance(event, Delta):
            assert shown.startswith(event.text)
    assert shown == ""


def test_words_end_with_their_group_and_segments_with_a_pause() -> None:
    stream = driven(ScriptedBatchRunner(lambda frame: WORDS.get(frame if frame < 30 else frame - 30, PAD)))
    stream.feed(silence(70))
    stream.finish()
    segments = [event.segment for event in stream.events if isinstance(event, SegmentEnded)]
    assert [segment.text for segment in segments] == ["ac b a."] * 2
    assert [word.end_s for word in segments[0].words] == pytest.approx([6 * 0.08, 13 * 0.08, 21 * 0.08], abs=0.081)
    assert all(word.is_estimated and word.start_s < word.end_s for segment in segments for word in segment.words)
    assert segments[1].start_s >= 30 * 0.08


def test_languages_without_spaces_have_words_too() -> None:
    stream = driven(
        ScriptedBatchRunner(lambda frame: {5: WORD, 6: ZI, 10: WORD, 11: ZI, 12: ZI, 14: DOT}.get(frame, PAD))
    )
    stream.feed(silence(30))
    stream.finish()
    (segment,) = [event.segment for event in stream.events if isinstance(event, SegmentEnded)]
    assert [word.text for word in segment.words] == ["字", "字字."]


def test_speech_without_a_pause_is_cut_into_segments() -> None:
    stream = driven(ScriptedBatchRunner(lambda frame: (WORD, A)[frame % 2]))
    stream.feed(silence(900))
    stream.finish()
    segments = [event.segment for event in stream.events if isinstance(event, SegmentEnded)]
    assert len(segments) == 3
    assert all(segment.end_s - segment.start_s <= 31 for segment in segments)


class StubbornRunner(ScriptedBatchRunner):
    """Decodes PAD for ever, unless PAD's bias is -3 or less."""

    def step(self) -> None:
        request = self.pending
        super().step()
        if request is not None and request.pad_bias <= -3.0:
            request.token = A


def test_a_blank_loop_is_detected_and_ended(caplog: pytest.LogCaptureFixture) -> None:
    stream = driven(StubbornRunner(lambda frame: PAD))
    with caplog.at_level(logging.WARNING, "voxtide.engines"):
        stream.feed(silence(MAX_FRAMES + 30))
    assert stream.text == "a"
    assert "blank loop at 16." in caplog.text
    assert [event for event in stream.events if isinstance(event, BlankLoopDetected)] == [
        BlankLoopDetected(pytest.approx((MAX_FRAMES + 1) * 0.08))
    ]


def test_text_emitted_by_flushes_is_no_blank_loop() -> None:
    """With constant flushes all text comes from look-aheads, and none from the main state."""
    stream = driven(runner := ScriptedBatchRunner(lambda frame: A if frame % 10 == 9 else PAD))
    for _ in range(3 * MAX_FRAMES // 5):
        stream.feed(silence(5))
        stream.flush()
    assert stream.text.count("a") == 3 * MAX_FRAMES // 10
    assert not any(isinstance(event, BlankLoopDetected) for event in stream.events)
    assert {pad_bias for _, _, pad_bias, _ in runner.requests} == {0.0}


def test_a_closed_stream_releases_its_slot_once() -> None:
    runner = ScriptedBatchRunner(words)
    stream = driven(runner)
    stream.feed(silence(3))
    stream.recogniser.close()
    stream.recogniser.close()
    assert runner.num_free_slots == 1
    assert stream.recogniser.step(is_behind=False) is None
