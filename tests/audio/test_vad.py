"""Speech probabilities are independent of chunking; the gate's hysteresis; starts and stops in a recording."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pulled_models import model_directory, recording
from voxtide.audio.vad import (
    VAD_FILE,
    VAD_FRAME_S,
    VAD_FRAME_SAMPLES,
    VAD_MODEL,
    GateConfig,
    SpeechChange,
    SpeechGate,
    VadMeter,
    VadModel,
)
from voxtide.errors import ModelCorruptError
from voxtide.types import Samples

GATE = GateConfig(on=0.5, off=0.3, min_speech_frames=2, min_silence_frames=3)
NONE, STARTED, STOPPED = SpeechChange.NONE, SpeechChange.STARTED, SpeechChange.STOPPED
LETTERS = {NONE: ".", STARTED: "[", STOPPED: "]"}
LEVELS = {"#": 0.9, "?": 0.4, "_": 0.1}


@pytest.fixture(scope="module")
def model() -> VadModel:
    return VadModel.load(model_directory(VAD_MODEL) / VAD_FILE)


def whole_frames(samples: Samples) -> Samples:
    return samples[: len(samples) // VAD_FRAME_SAMPLES * VAD_FRAME_SAMPLES]


def changes_of(levels: str, config: GateConfig = GATE) -> str:
    """One letter per frame: `[` where speech started, `]` where it stopped."""
    gate = SpeechGate(config)
    return "".join(LETTERS[gate.push(LEVELS[level])] for level in levels)


def test_probabilities_are_independent_of_chunking(model: VadModel) -> None:
    samples = whole_frames(recording("goforward.wav"))
    num_frames = len(samples) // VAD_FRAME_SAMPLES
    at_once = VadMeter(model).probabilities(samples)
    assert len(at_once) == num_frames

    @settings(max_examples=25, deadline=None)
    @given(cuts=st.sets(st.integers(1, num_frames - 1)))
    def check(cuts: set[int]) -> None:
        meter = VadMeter(model)
        edges = [0, *sorted(cuts), num_frames]
        pieces = [samples[start * VAD_FRAME_SAMPLES : end * VAD_FRAME_SAMPLES] for start, end in pairwise(edges)]
        collected = [probability for piece in pieces for probability in meter.probabilities(piece)]
        assert collected == at_once

    check()


def test_a_meter_does_not_keep_its_samples(model: VadModel) -> None:
    samples = whole_frames(recording("goforward.wav"))
    meter, half = VadMeter(model), 20 * VAD_FRAME_SAMPLES
    first = samples[:half].copy()
    collected = meter.probabilities(first)
    first[:] = 1.0
    assert collected + meter.probabilities(samples[half:]) == VadMeter(model).probabilities(samples)


def test_meters_share_only_the_model(model: VadModel) -> None:
    samples = whole_frames(recording("goforward.wav"))
    alone = VadMeter(model).probabilities(samples)
    one, other = VadMeter(model), VadMeter(model)
    collected = []
    for start in range(0, len(samples), VAD_FRAME_SAMPLES):
        collected += one.probabilities(samples[start : start + VAD_FRAME_SAMPLES])
        other.probabilities(-0.5 * samples[::-1][start : start + VAD_FRAME_SAMPLES])
    assert collected == alone


def test_speech_is_distinguished_from_silence_and_noise(model: VadModel) -> None:
    noise = np.random.default_rng(3).normal(0, 0.01, 100 * VAD_FRAME_SAMPLES).astype(np.float32)
    assert max(VadMeter(model).probabilities(noise)) < 0.5
    assert max(VadMeter(model).probabilities(np.zeros_like(noise))) < 0.1
    assert np.median(VadMeter(model).probabilities(recording("two_cities.wav")[: 400 * VAD_FRAME_SAMPLES])) > 0.9


LOUD_S = ((0.32, 1.18), (1.89, 2.59), (3.55, 4.06), (4.93, 5.47), (6.66, 7.23), (8.16, 8.74))
"""Where the RMS of beckett.wav exceeds 0.015: its six phrases."""


def test_six_phrases_start_and_stop(model: VadModel) -> None:
    samples = whole_frames(recording("beckett.wav"))
    gate, started_s, stopped_s = SpeechGate(GateConfig()), [], []
    for index, probability in enumerate(VadMeter(model).probabilities(samples)):
        change = gate.push(probability)
        if change is STARTED:
            started_s.append((index + 1 - gate.num_candidate_frames) * VAD_FRAME_S)
        elif change is STOPPED:
            stopped_s.append((index + 1 - gate.num_silent_frames) * VAD_FRAME_S)
    assert started_s == pytest.approx([start_s for start_s, _ in LOUD_S], abs=0.1)
    assert stopped_s == pytest.approx([end_s for _, end_s in LOUD_S], abs=0.25)


@pytest.mark.parametrize(
    ("levels", "changes"),
    [
        ("________", "........"),
        ("_#_#_#__", "........"),  # clicks
        ("_##_____", "..[..].."),
        ("_#?#____", "...[..]."),  # uncertain frames do not cancel a start
        ("_#_##___", "....[..]"),  # silent ones do
        ("?????????", "........."),  # uncertain frames alone start nothing
        ("##?????##", ".[......."),  # nor do they end speech
        ("##__#__##", ".[......."),  # a pause that is too short
        ("##__?__##", ".[......."),  # two of them
        ("##___##___", ".[..].[..]"),
        ("##________", ".[..]....."),  # it stops once
    ],
)
def test_hysteresis(levels: str, changes: str) -> None:
    assert changes_of(levels) == changes


def test_thresholds_are_inclusive_and_exclusive_as_documented() -> None:
    config = GateConfig(on=0.5, off=0.3, min_speech_frames=1, min_silence_frames=1)
    gate = SpeechGate(config)
    assert [gate.push(p) for p in (0.49, 0.5, 0.3, 0.29)] == [NONE, STARTED, NONE, STOPPED]


def test_counts_give_the_starts_of_speech_and_silence() -> None:
    gate = SpeechGate(GATE)
    counts = []
    for level in "_#_?#?#_?__":
        gate.push(LEVELS[level])
        counts.append((gate.num_candidate_frames, gate.num_silent_frames))
    candidates, silent = zip(*counts, strict=True)
    assert candidates[:7] == (0, 1, 0, 0, 1, 2, 3)
    assert silent == (1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 2)


@given(levels=st.text("_?#", max_size=60))
def test_speech_begins_after_the_speech_before_it_has_stopped(levels: str) -> None:
    """Also if it begins in the first frame after that."""
    gate, stopped = SpeechGate(GATE), 0
    for index, level in enumerate(levels + "_##"):
        change = gate.push(LEVELS[level])
        if change is STARTED:
            assert index + 1 - gate.num_candidate_frames >= stopped
        elif change is STOPPED:
            stopped = index + 1


@given(probabilities=st.lists(st.floats(0, 1), max_size=80))
def test_starts_and_stops_alternate_and_last(probabilities: list[float]) -> None:
    gate = SpeechGate(GATE)
    changes = [(index, change) for index, p in enumerate(probabilities) if (change := gate.push(p)) is not NONE]
    assert all(change is (STOPPED if number % 2 else STARTED) for number, (_, change) in enumerate(changes))
    for (start, _), (stop, change) in pairwise(changes):
        least = GATE.min_silence_frames if change is STOPPED else GATE.min_speech_frames
        assert stop - start >= least
    assert gate.is_open == (len(changes) % 2 == 1)


def test_an_invalid_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / VAD_FILE).write_bytes(b"not a model")
    with pytest.raises(ModelCorruptError, match=VAD_FILE):
        VadModel.load(tmp_path / VAD_FILE)
