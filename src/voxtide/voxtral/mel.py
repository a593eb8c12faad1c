"""Log-mel energies. In: windows of samples. Out: mel frames on the exact grid. Stateless.

A whole recording is one long window, so offline and incremental features come from the same call and are equal.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxtide.types import SAMPLE_RATE_HZ
from voxtide.voxtral.config import NUM_MELS

MEL_FRAME_SAMPLES = 400
HOP_SAMPLES = 160
NUM_BINS = MEL_FRAME_SAMPLES // 2 + 1

LOG_RANGE = 8.0
"""Energies are clipped at this far below the loudest value, in powers of ten."""

_LINEAR_HZ_PER_MEL = 200.0 / 3.0
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0  # Slaney's scale: 27 steps from 1000 Hz to 6400 Hz


class LogMel:
    """Energies in 128 bands of 0 to 8000 Hz, on a logarithmic scale cut off below a fixed floor."""

    def __init__(self, log_mel_max: float, device: torch.device) -> None:
        self._window = torch.hann_window(MEL_FRAME_SAMPLES, dtype=torch.float32, device=device)
        self._filters = torch.from_numpy(mel_filters()).to(device)
        self._log_floor = log_mel_max - LOG_RANGE

    def __call__(self, samples: Tensor) -> Tensor:
        """float32 [B, 400 + 160 (n - 1)] -> float32 [B, n, 128]; frame j is of the samples [160 j, 160 j + 400)."""
        frames = samples.unfold(1, MEL_FRAME_SAMPLES, HOP_SAMPLES) * self._window  # [B, n, 400]
        power = torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1)  # [B, n, 201]
        log_mel = (power @ self._filters).clamp_min(1e-10).log10()
        return (log_mel.clamp_min(self._log_floor) + 4.0) / 4.0


def mel_filters() -> NDArray[np.float32]:
    """Triangular filters of unit area on Slaney's mel scale, shape [201, 128]."""
    nyquist_hz = SAMPLE_RATE_HZ / 2
    edges_hz = _hz(np.linspace(0.0, _mel(nyquist_hz), NUM_MELS + 2))
    bins_hz = np.linspace(0.0, nyquist_hz, NUM_BINS)[:, None]
    low, peak, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangles = np.minimum((bins_hz - low) / (peak - low), (high - bins_hz) / (high - peak)).clip(0.0)
    return (triangles * 2.0 / (high - low)).astype(np.float32)


def _mel(hz: float) -> float:
    return _LOG_START_MEL + float(np.log(hz / _LOG_START_HZ)) / float(_LOG_STEP)


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, logarithmic)
