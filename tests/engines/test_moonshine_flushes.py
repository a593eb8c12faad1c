"""Flushes in the middle of words, on real speech: what the model makes of a cut word must not spoil what follows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest
from pulled_models import between, model_directory, recording

from voxtide.audio.vad import VOICE_FILE, VOICE_MODEL, GateConfig, VoiceMeter, VoiceModel
from voxtide.engines.moonshine.engine import MoonshineWindows
from voxtide.engines.moonshine.model import MoonshineModel
from voxtide.engines.revising import RevisingRecogniser
from voxtide.engines.revising_config import LIVE
from voxtide.transcript.events import SegmentEnded, TranscriptEvent
from voxtide.types import StreamOptions

LENGTH_S = 14.0

# Each plan, in samples, once went wrong: the first ended in "The. The. The.", the second told a full stop too late.
PLANS = (
    (694, 4615, 59530, 86933, 122572, 153686, 168931, 183704, 214394, 220554),
    (14371, 33526, 33564, 50178, 75914, 98951, 132712, 169124, 190525, 198722),
)


def transcribed(plan: tuple[int, ...]) -> Iterator[TranscriptEvent]:
    voice = VoiceModel.load(model_directory(VOICE_MODEL) / VOICE_FILE)
    windows = MoonshineWindows(MoonshineModel.load(model_directory("moonshine-tiny-en")))
    recogniser = RevisingRecogniser(windows, VoiceMeter(voice), LIVE, GateConfig(), StreamOptions())
    samples = between(recording("two_cities.wav"), 0.0, LENGTH_S)
    for number, (start, end) in enumerate(zip((0, *plan), (*plan, len(samples)), strict=True), start=1):
        recogniser.feed(samples[start:end])
        recogniser.flush(number)
        while (events := recogniser.step(is_behind=False)) is not None:
            yield from events


@pytest.mark.parametrize("plan", PLANS)
def test_a_cut_word_spoils_nothing_after_it(plan: tuple[int, ...]) -> None:
    segments = [event.segment for event in transcribed(plan) if isinstance(event, SegmentEnded)]
    words = [word.text.strip(".,").lower() for segment in segments for word in segment.words]
    assert max(len(list(group)) for _, group in groupby(words)) <= 2
    assert all(segment.text[0].isalnum() and segment.words for segment in segments)
    assert segments[-1].end_s == pytest.approx(LENGTH_S, abs=0.1)
    assert {"best", "age", "wisdom", "belief"} <= set(words)
