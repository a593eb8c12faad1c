"""The samples of a stream that are still needed, addressed by their position in it. Knows nothing else."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from voxtide.engines.windowed.hypothesis import Piece
from voxtide.types import Samples, StreamOptions


class AudioBuffer:
    """Grows at its end, is cut at its start. Its owner bounds it by cutting."""

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(0, np.float32)
        self.start = 0
        """Position of the first sample held."""

    @property
    def end(self) -> int:
        """Position after the last sample held."""
        return self.start + len(self._samples)

    def append(self, samples: Samples) -> None:
        """Add samples at the end."""
        self._samples = np.concatenate([self._samples, samples])

    def between(self, start: int, end: int) -> Samples:
        """The samples from position `start` up to `end`, both within what is held."""
        assert self.start <= start <= end <= self.end, (self.start, start, end, self.end)
        return self._samples[start - self.start : end - self.start]

    def drop_before(self, start: int) -> None:
        """Let go of the samples before position `start`; one before the buffer's start does nothing."""
        num_dropped = min(max(0, start - self.start), len(self._samples))
        self._samples = self._samples[num_dropped:]
        self.start += num_dropped


class WindowReader(Protocol):
    """What a model makes of one stream's audio. It may keep what it computed for as long as the audio is kept."""

    @property
    def max_window_samples(self) -> int:
        """The longest window the model takes."""

    @property
    def language(self) -> str | None:
        """The language the model found, once it has; None as well where it was told or knows one only."""

    def transcribe(self, start: int, end: int, *, prefix: list[int], draft: list[int]) -> list[Piece]:
        """What the audio from sample `start` up to `end` says after the `prefix`, which is certain.

        `draft` is what may follow it, to save work. The window is no longer than `max_window_samples`. Equal
        arguments give equal pieces.
        """

    def drop_before(self, start: int) -> None:
        """The samples before `start` are no longer needed: cut the buffer, as far as the model can spare it."""


class WindowModel(Protocol):
    """A model that transcribes windows of audio. Safe to use from several threads at once."""

    def open(self, audio: AudioBuffer, options: StreamOptions) -> WindowReader:
        """A reader of a fresh stream, whose options the engine has checked."""
