"""Log-mel energies against the reference, whole and in windows."""

from __future__ import annotations

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from tests.support.voxtral_oracle import features, padded
from voxtide.types import Samples
from voxtide.voxtral.config import MEL_FRAMES_PER_TOKEN, NUM_PREFIX_TOKENS
from voxtide.voxtral.framing import Framer
from voxtide.voxtral.mel import LogMel, mel_filters

MEL = LogMel(1.5, torch.device("cpu"))


def test_the_filters_are_the_references() -> None:
    theirs = mel_filter_bank(201, 128, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    assert np.abs(mel_filters() - theirs).max() < 1e-7


def test_a_whole_recording_is_the_references(speech: Samples) -> None:
    whole = padded(speech, 6)
    theirs = features(whole)[0].T
    ours = MEL(torch.from_numpy(np.pad(whole, 200))[None])[0]
    assert len(theirs) == len(whole) // 160
    assert (ours[: len(theirs)] - theirs).abs().max() < 1e-4


def test_eleven_seconds_are_as_many_frames_as_published() -> None:
    assert features(padded(np.zeros(176_000, np.float32), 6)).shape[2] == 1496


def test_windows_give_the_same_numbers_as_the_whole(speech: Samples) -> None:
    whole = padded(speech[:50_000], 6)
    theirs = features(whole)[0].T[NUM_PREFIX_TOKENS * MEL_FRAMES_PER_TOKEN :]
    framer = Framer()
    framer.push(speech[:50_000])
    framer.push_silence(17)
    frames = torch.cat([MEL(torch.from_numpy(framer.take(1))[None])[0] for _ in range(framer.num_ready)])
    assert frames.shape == theirs.shape
    assert (frames - theirs).abs().max() < 1e-4


def test_silence_is_one_number_everywhere() -> None:
    assert MEL(torch.zeros(1, 1520)).unique().tolist() == [-0.625]
