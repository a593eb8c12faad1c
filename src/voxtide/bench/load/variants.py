"""The same speech under other conditions. In: samples. Out: samples, the same at every run. Knows no recordings."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.encodings import Encoding, PcmDecoder, encode_pcm
from voxtide.audio.resample import resampled
from voxtide.types import SAMPLE_RATE_HZ, Samples

TAIL_S = 1.0
"""Quiet after each recording. A microphone does not close with the last word: without this, the end of the file would
tell the engine that speech has ended, and the last words would look quicker than they are."""

QUIET_RMS = 1e-4
"""-80 dB of full scale: a silent room, not the digital zeros that no microphone gives."""

TELEPHONE_RATE_HZ = 8_000


def quiet(duration_s: float) -> Samples:
    """A silent room."""
    noise = np.random.default_rng(0).normal(0.0, QUIET_RMS, round(duration_s * SAMPLE_RATE_HZ))
    return noise.astype(np.float32)


def with_tail(samples: Samples) -> Samples:
    """The samples and `TAIL_S` of quiet."""
    return np.concatenate([samples, quiet(TAIL_S)])


def with_pauses(pieces: Iterable[Samples], *, pause_s: float) -> Samples:
    """One piece after the other, a pause before each."""
    return np.concatenate([part for piece in pieces for part in (quiet(pause_s), piece)])


def with_noise(samples: Samples, *, snr_db: float, seed: int) -> Samples:
    """The samples and pink noise, whose mean power is `snr_db` below theirs."""
    noise = _pink(len(samples), np.random.default_rng(seed))
    power = float(np.mean(samples.astype(np.float64) ** 2))
    mixed = samples + noise * np.sqrt(power / 10 ** (snr_db / 10))
    clipped: Samples = np.clip(mixed, -1.0, 1.0).astype(np.float32)
    return clipped


def _pink(num_samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise of power 1, equally strong in every octave."""
    spectrum = np.fft.rfft(random.standard_normal(num_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, num_samples)
    power_1: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return power_1


def over_telephone(samples: Samples) -> Samples:
    """The samples after 8 kHz and G.711 mu-law, as in a telephone call, back at 16 kHz."""
    # Our resampler always comes out at 16 kHz. From twice that it halves, and half of ours is the telephone's rate.
    narrow = np.concatenate(list(resampled([(SAMPLE_RATE_HZ**2 // TELEPHONE_RATE_HZ, samples)])))
    call = encode_pcm(narrow, Encoding.PCM_MULAW)
    heard = PcmDecoder(Encoding.PCM_MULAW).feed(call)
    return np.concatenate(list(resampled([(TELEPHONE_RATE_HZ, heard)])))
