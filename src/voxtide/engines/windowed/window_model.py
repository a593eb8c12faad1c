"""The interface of a windowed model, and the audio it reads. Knows no decoding. Positions are samples of the stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from voxtide.audio.vad import VAD_FRAME_SAMPLES
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.types import Samples, StreamOptions

MIN_OFFSET = 0.01
"""Least offset that is subtracted. The running mean of clean speech stays below it; rumble may exceed it."""
OFFSET_RATE = 1 / 32
"""Weight of a frame in the running mean, which so covers about a second."""


class AudioBuffer:
    """A stream's samples by position. Grows at its end, is cut at its start; its owner bounds it by cutting."""

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
        """The samples from position `start` up to `end`, which must be held."""
        assert self.start <= start <= end <= self.end, (self.start, start, end, self.end)
        return self._samples[start - self.start : end - self.start]

    def drop_before(self, start: int) -> None:
        """Release the samples before position `start`; a no-op if `start` is before the buffer's start."""
        num_dropped = min(max(0, start - self.start), len(self._samples))
        self._samples = self._samples[num_dropped:]
        self.start += num_dropped


class OffsetFilter:
    """Subtracts a constant offset from a stream's samples, as cheap sound cards add it: it misleads models.

    A frame is shifted by the running mean of the frames before it: nothing is delayed, and the result is independent of
    how the samples are cut into calls. While that mean is below `MIN_OFFSET`, samples stay as they are. So does clean
    speech; loud rumble does not: its mean exceeds the limit at times, and is subtracted then. A high-pass filter would
    change all samples, which costs words (docs/bench.md).
    """

    def __init__(self) -> None:
        self._frame = np.zeros(VAD_FRAME_SAMPLES, np.float32)
        self._num_samples = 0  # of the incomplete frame
        self._mean: float | None = None

    def apply(self, samples: Samples) -> Samples:
        """The next samples without the offset."""
        parts = []
        while len(samples):
            part = samples[: VAD_FRAME_SAMPLES - self._num_samples]
            samples = samples[len(part) :]
            parts.append(part - np.float32(self._offset))
            self._frame[self._num_samples : self._num_samples + len(part)] = part
            self._num_samples += len(part)
            if self._num_samples == VAD_FRAME_SAMPLES:
                self._end_frame()
        return np.concatenate(parts) if parts else samples

    @property
    def _offset(self) -> float:
        return self._mean if self._mean is not None and abs(self._mean) >= MIN_OFFSET else 0.0

    def _end_frame(self) -> None:
        mean = float(self._frame.clip(-1.0, 1.0).mean(dtype=np.float64))  # a broken sample is no offset
        self._mean = mean if self._mean is None else self._mean + (mean - self._mean) * OFFSET_RATE
        self._num_samples = 0


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """What to transcribe.

    Attributes:
        start: First sample of the window.
        end: Sample after its last one; at most `max_window_samples` after `start`.
        prefix: The tokens that the text begins with.
        draft: Tokens that probably follow them, which may save work.
        is_speech: The VAD detected at least 0.25 s of speech (`ONE_WORD_S`) in the window after the prefix: doubtful
            text is better than none.
        is_last: Speech seems to end at `end`.
    """

    start: int
    end: int
    prefix: list[int] = field(default_factory=list)
    draft: list[int] = field(default_factory=list)
    is_speech: bool = False
    is_last: bool = False


class WindowReader(Protocol):
    """Transcribes windows of one stream's audio. May cache results for as long as the audio is held."""

    @property
    def max_window_samples(self) -> int:
        """The longest window that the model accepts."""

    @property
    def language(self) -> str | None:
        """The detected language, once it is certain; None if it was requested or the model knows only one."""

    def transcribe(self, request: WindowRequest) -> list[Piece]:
        """The pieces of a window after its fixed tokens. Equal requests give equal pieces."""

    def drop_before(self, start: int) -> None:
        """Cut the buffer at `start`, or at an earlier sample that the model still needs."""


class WindowModel(Protocol):
    """A model that transcribes windows of audio. Safe to use from several threads at once."""

    def open(self, audio: AudioBuffer, options: StreamOptions) -> WindowReader:
        """Open a reader for a new stream. The engine has checked the options."""

    def has_room_for(self, vocabulary: tuple[str, ...]) -> bool:
        """Whether `open` accepts so many words to expect."""
