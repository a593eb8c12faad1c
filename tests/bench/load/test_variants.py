"""Noise has the requested level, the telephone band is narrow, and both are equal in every run."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.variants import (
    QUIET_RMS,
    ROOM_S,
    at_speed,
    in_room,
    over_telephone,
    quiet,
    with_noise,
    with_pauses,
    with_trailing_quiet,
)
from voxtide.types import SAMPLE_RATE_HZ, Samples

SPEECH = load_recordings()[1].samples


def power(samples: Samples) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def power_above(samples: Samples, frequency_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    return float(spectrum[np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ) > frequency_hz].sum() / spectrum.sum())


def test_quiet_has_its_rms() -> None:
    assert quiet(0.5).shape == (8000,)
    assert power(quiet(1.0)) ** 0.5 == pytest.approx(QUIET_RMS, rel=0.05)


def test_trailing_quiet_and_pauses_keep_the_speech() -> None:
    extended = with_trailing_quiet(SPEECH)
    assert np.array_equal(extended[: len(SPEECH)], SPEECH) and len(extended) == len(SPEECH) + 16000
    joined = with_pauses([SPEECH, SPEECH], pause_s=0.5)
    assert len(joined) == 2 * (8000 + len(SPEECH))
    assert np.array_equal(joined[8000 : 8000 + len(SPEECH)], SPEECH)
    assert np.array_equal(joined[-len(SPEECH) :], SPEECH)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_noise_has_the_requested_snr(snr_db: float) -> None:
    noise = with_noise(SPEECH * 0.1, snr_db=snr_db, seed=1) - SPEECH * 0.1
    assert 10 * np.log10(power(SPEECH * 0.1) / power(noise)) == pytest.approx(snr_db, abs=0.01)


def test_noise_has_equal_power_in_every_octave() -> None:
    noise = with_noise(SPEECH * 0.1, snr_db=0.0, seed=1) - SPEECH * 0.1
    octaves = [power_above(noise, frequency_hz) for frequency_hz in (1000, 2000, 4000)]
    first, second = octaves[0] - octaves[1], octaves[1] - octaves[2]
    assert first == pytest.approx(second, rel=0.1)


def test_noise_depends_only_on_its_seed() -> None:
    first, again, other = (with_noise(SPEECH, snr_db=10, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_telephone_keeps_only_the_lower_half_of_the_band() -> None:
    narrow = over_telephone(SPEECH)
    assert abs(len(narrow) - len(SPEECH)) <= 2
    assert power_above(SPEECH, 4100) > 100 * power_above(narrow, 4100)
    correlation = np.corrcoef(narrow[: len(SPEECH)], SPEECH[: len(narrow)])[0, 1]
    assert correlation > 0.9


def test_a_room_has_an_echo_of_its_length() -> None:
    click = np.zeros(2 * SAMPLE_RATE_HZ, np.float32)
    click[0] = 1.0
    echo = in_room(click)[1:]
    assert power(echo[: SAMPLE_RATE_HZ // 20]) > 100 * power(echo[SAMPLE_RATE_HZ // 4 : round(ROOM_S * SAMPLE_RATE_HZ)])
    assert np.abs(echo[round(ROOM_S * SAMPLE_RATE_HZ) + 10 :]).max() < 1e-9
    assert np.array_equal(in_room(SPEECH), in_room(SPEECH))


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_a_speed_changes_length_and_pitch(speed: float) -> None:
    time_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    changed = at_speed(np.sin(2 * np.pi * 500 * time_s).astype(np.float32), speed=speed)
    assert len(changed) == pytest.approx(SAMPLE_RATE_HZ / speed, abs=2)
    loudest_hz = int(np.argmax(np.abs(np.fft.rfft(changed)))) * SAMPLE_RATE_HZ / len(changed)
    assert loudest_hz == pytest.approx(500 * speed, rel=0.01)
