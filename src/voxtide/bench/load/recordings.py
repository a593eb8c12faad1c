"""The test set. In: the package's files. Out: samples, reference text, the position of every word."""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import IO

from voxtide.audio.encodings import Encoding, PcmDecoder
from voxtide.types import SAMPLE_RATE_HZ, Samples, Word

PHRASE_PAUSE_S = 0.35
"""Least silence after a phrase."""


@dataclass(frozen=True, slots=True)
class BenchRecording:
    """One recording of the set.

    Attributes:
        name: Its name in reports.
        text: The reference text, as written.
        samples: The audio, shape [n].
        words: Every word as spoken, in lower case, with its times.
    """

    name: str
    text: str
    samples: Samples
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ

    def phrase_ends_s(self, min_pause_s: float) -> list[float]:
        """Ends of the words followed by at least `min_pause_s` of silence; the last word always counts."""
        ends = [word.end_s for word, following in pairwise(self.words) if following.start_s - word.end_s >= min_pause_s]
        return [*ends, self.words[-1].end_s]


def load_recordings() -> tuple[BenchRecording, ...]:
    """All recordings, the longest first."""
    package = files("voxtide")
    data = package / "bench" / "data"
    words = json.loads((data / "word_times.json").read_text("utf-8"))["words"]
    recordings = []
    for entry in json.loads((data / "recordings.json").read_text("utf-8")):
        with (package / entry["file"]).open("rb") as file:
            samples = _read_wav(file)
        placed = tuple(Word(*word) for word in words[entry["name"]])
        recordings.append(BenchRecording(entry["name"], entry["text"], samples, placed))
    return tuple(recordings)


def _read_wav(file: IO[bytes]) -> Samples:
    """Reads our own files: 16 kHz, mono, 16-bit."""
    with wave.open(file) as wav:
        return PcmDecoder(Encoding.PCM_S16LE).feed(wav.readframes(wav.getnframes()))
