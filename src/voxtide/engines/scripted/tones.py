"""Text as tones, and back. In: text, or samples. Out: samples, or letters with their positions. Knows no events.

A letter is one frame: a cosine whose number of cycles encodes the letter. It starts at its peak, so that the decoder
finds a word's first sample exactly, at any position. Silence separates words. The code survives 16-bit and 8-bit
encodings and, for ASCII, the telephone band. Any other sound is a letter without text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples

TONE_FRAME_SAMPLES = 1280
"""A letter's length, 80 ms: about the rate of fast speech."""

WORD_PAUSE_S = 0.16
"""Silence between words, two letters long."""

LOUD_LEVEL = 0.02
"""A sample above this starts a letter: well above the noise of a quiet room, well below speech."""

_TONE_LEVEL = 0.25
_FRAME_LEVEL = 0.01  # RMS below which a frame is a click
_CLICK_SAMPLES = 160  # skipped after a click
_PURITY = 0.8  # minimum share of a frame's energy in one tone: letters have 0.98 or more, speech rarely 0.5
_FIRST_CYCLES = 16
_CYCLES_PER_CODE = 2  # even half a frame of a letter peaks at its own code


@dataclass(frozen=True, slots=True)
class Letter:
    """A sound of one frame. `text` is "" if it is not a coded letter. Positions count the stream's samples."""

    text: str
    start_sample: int
    end_sample: int


def speak(text: str, *, pause_s: float = WORD_PAUSE_S) -> Samples:
    """Make audio that the scripted engine transcribes as `text`: printable Latin-1 words, `pause_s` apart.

    Raises:
        ConfigError: The text has a character that is not printable Latin-1.
    """
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    parts: list[Samples] = []
    for word in text.split():
        parts += [pause] if parts else []
        parts += [_tone(letter) for letter in word]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


class ToneDecoder:
    """Finds letters in a stream of samples. Drops the samples it has decoded."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._samples_start = 0  # position of the first buffered sample
        self._decoded = 0

    @property
    def decoded_sample(self) -> int:
        """The audio before this position is decoded. After a cut letter it lies past the end of the audio."""
        return self._decoded

    def feed(self, samples: Samples) -> None:
        """Append samples."""
        num_old = min(len(self._samples), self._decoded - self._samples_start)
        rest = self._samples[num_old:]
        self._samples = np.concatenate([rest, samples]) if len(rest) else samples
        self._samples_start += num_old

    def decode(self, until: int, *, is_cut: bool = False) -> list[Letter]:
        """The letters that end by sample `until`, each once.

        `is_cut` decodes a letter that continues past `until` if at least half its frame is there, and skips its rest;
        a shorter one is decoded with its rest.
        """
        letters: list[Letter] = []
        while (start := self._onset(until)) is not None:
            end = start + TONE_FRAME_SAMPLES
            if end > until and not (is_cut and until - start >= TONE_FRAME_SAMPLES // 2):
                self._decoded = start
                return letters
            text = _decode_frame(self._part(start, min(end, until)))
            self._decoded = start + _CLICK_SAMPLES if text is None else end
            if text is not None:
                letters.append(Letter(text, start, min(end, until)))
        self._decoded = max(self._decoded, until)
        return letters

    def _onset(self, until: int) -> int | None:
        """The first loud sample before `until` that is not decoded."""
        part = self._part(self._decoded, until)
        if not len(part):
            return None
        if abs(part.item(0)) > LOUD_LEVEL:  # within a word
            return self._decoded
        is_loud = np.abs(part) > LOUD_LEVEL
        first = int(is_loud.argmax())
        return self._decoded + first if is_loud[first] else None

    def _part(self, start: int, end: int) -> Samples:
        return self._samples[start - self._samples_start : max(start, end) - self._samples_start]


@cache
def _tone(letter: str) -> Samples:
    code = ord(letter)
    if not _is_coded(code):
        raise ConfigError(f"cannot speak {letter!r}; use printable Latin-1 characters only")
    cycles = _FIRST_CYCLES + _CYCLES_PER_CODE * code
    phase = 2 * np.pi * cycles * np.arange(TONE_FRAME_SAMPLES) / TONE_FRAME_SAMPLES
    return (_TONE_LEVEL * np.cos(phase)).astype(np.float32)


def _decode_frame(frame: Samples) -> str | None:
    """The letter of a frame or half frame, "" for any other sound, None for a click."""
    energy = float(np.dot(frame, frame))
    if energy < len(frame) * _FRAME_LEVEL**2:
        return None
    plain = _plain_letter(frame, energy) if len(frame) == TONE_FRAME_SAMPLES else None
    if plain is not None:
        return plain
    spectrum = np.abs(np.fft.rfft(frame, TONE_FRAME_SAMPLES))
    cycles = int(spectrum.argmax())
    purity = 2 * float(spectrum[cycles]) ** 2 / (len(frame) * energy)
    letter = _letter(cycles)
    return letter if letter is not None and purity >= _PURITY else ""


def _plain_letter(frame: Samples, energy: float) -> str | None:
    """The letter of a frame that holds little else, or None. A third of the cost of the spectrum, with the same result.

    A tone's phase advance per sample has the frame's first autocorrelation as its cosine.
    """
    angle = math.acos(max(-1.0, min(1.0, float(np.dot(frame[1:], frame[:-1])) / energy)))
    letter = _letter(round(angle * TONE_FRAME_SAMPLES / (2 * math.pi)))
    if letter is None:
        return None
    tone_energy = _TONE_LEVEL**2 * TONE_FRAME_SAMPLES / 2
    purity = float(np.dot(frame, _tone(letter))) ** 2 / (tone_energy * energy)
    return letter if purity >= _PURITY else None


def _letter(cycles: int) -> str | None:
    code, rest = divmod(cycles - _FIRST_CYCLES, _CYCLES_PER_CODE)
    return chr(code) if rest == 0 and _is_coded(code) else None


def _is_coded(code: int) -> bool:
    return 0 <= code <= 0xFF and chr(code).isprintable() and not chr(code).isspace()
