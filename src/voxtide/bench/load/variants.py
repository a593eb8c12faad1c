"""Speech under other conditions. In: samples. Out: samples, equal in every run. Knows no recordings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.encodings import Encoding, PcmDecoder, encode_pcm
from voxtide.audio.resample import Resampler
from voxtide.types import SAMPLE_RATE_HZ, Samples

TRAILING_QUIET_S = 1.0
"""Quiet after each recording. A microphone stays open after the last word; the end of a file would reveal the end of
speech, and the last words would look faster than they are."""

QUIET_RMS = 1e-4
"""-80 dB of full scale: a silent room. No microphone produces digital zeros."""

TELEPHONE_RATE_HZ = 8_000

ROOM_S = 0.5
"""Reverberation time of an office or a living room."""


def quiet(duration_s: float) -> Samples:
    """A silent room."""
    noise = np.random.default_rng(0).normal(0.0, QUIET_RMS, round(duration_s * SAMPLE_RATE_HZ))
    return noise.astype(np.float32)


def with_trailing_quiet(samples: Samples) -> Samples:
    """The samples followed by `TRAILING_QUIET_S` of quiet."""
    return np.concatenate([samples, quiet(TRAILING_QUIET_S)])


def with_pauses(pieces: Iterable[Samples], *, pause_s: float) -> Samples:
    """The pieces joined, with a pause before each."""
    return np.concatenate([part for piece in pieces for part in (quiet(pause_s), piece)])


def with_noise(samples: Samples, *, snr_db: float, seed: int) -> Samples:
    """The samples with pink noise, whose mean power is `snr_db` below theirs."""
    noise = _pink(len(samples), np.random.default_rng(seed))
    power = float(np.mean(samples.astype(np.float64) ** 2))
    mixed = samples + noise * np.sqrt(power / 10 ** (snr_db / 10))
    clipped: Samples = np.clip(mixed, -1.0, 1.0).astype(np.float32)
    return clipped


def _pink(num_samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise of power 1, equal in every octave."""
    spectrum = np.fft.rfft(random.standard_normal(num_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, num_samples)
    power_1: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return power_1


def in_room(samples: Samples) -> Samples:
    """The samples in a reverberant room: an echo of half the speech's power, 60 dB weaker after `ROOM_S`."""
    time_s = np.arange(round(ROOM_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    echo = np.random.default_rng(0).standard_normal(len(time_s)) * 10 ** (-3 * time_s / ROOM_S)
    response = np.sqrt(0.5 / np.sum(echo**2)) * echo
    response[0] += 1.0
    num = 1 << (len(samples) + len(response)).bit_length()
    received = np.fft.irfft(np.fft.rfft(samples, num) * np.fft.rfft(response, num), num)[: len(samples)]
    clipped: Samples = np.clip(received / np.sqrt(1.5), -1.0, 1.0).astype(np.float32)
    return clipped


def at_speed(samples: Samples, *, speed: float) -> Samples:
    """The samples played faster by `speed`; the pitch rises with it, as on tape."""
    return _resampled(samples, round(SAMPLE_RATE_HZ * speed))


def with_offset(samples: Samples) -> Samples:
    """At a peak of 0.3, with a constant offset of a third of that, as cheap sound cards add it."""
    scale = 0.3 / max(float(np.abs(samples).max(initial=0.0)), 1e-9)
    return samples * np.float32(scale) + np.float32(0.1)


def over_telephone(samples: Samples) -> Samples:
    """The samples after 8 kHz and G.711 mu-law, back at 16 kHz."""
    # Our resampler only outputs 16 kHz. Declared as 32 kHz, the samples come out halved: 8 kHz.
    narrow = _resampled(samples, SAMPLE_RATE_HZ**2 // TELEPHONE_RATE_HZ)
    call = encode_pcm(narrow, Encoding.PCM_MULAW)
    received = PcmDecoder(Encoding.PCM_MULAW).feed(call)
    return _resampled(received, TELEPHONE_RATE_HZ)


def _resampled(samples: Samples, from_hz: int) -> Samples:
    resampler = Resampler(from_hz)
    return np.concatenate([resampler.feed(samples), resampler.finish()])
