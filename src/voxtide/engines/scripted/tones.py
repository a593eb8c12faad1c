"""Text as tones, and back. In: text, or samples. Out: samples, or letters with their places. Knows no events.

A letter is one frame: a cosine whose number of cycles is the letter's code. It begins at its peak, so the ear finds a
word's first sample wherever the word lies, to the sample. Words are set apart by silence. The code survives 16-bit and
8-bit encodings and, for ASCII, the telephone band. Any other sound is a letter without text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples

TONE_FRAME_SAMPLES = 1280
"""A letter's length, 80 ms: about the pace of quick speech."""

WORD_PAUSE_S = 0.16
"""Silence between words, two letters long."""

LOUD_LEVEL = 0.02
"""A sample above this begins a letter: well over the noise of a quiet room, well under speech."""

_TONE_LEVEL = 0.25
_FRAME_LEVEL = 0.01  # root mean square below which a frame was but a click
_CLICK_SAMPLES = 160  # how far the ear steps over a click
_PURITY = 0.8  # share of a frame's energy in one tone: a coded letter has 0.98 and more, speech hardly ever half
_FIRST_CYCLES = 16
_CYCLES_PER_CODE = 2  # even half a frame of a letter peaks at its own code


@dataclass(frozen=True, slots=True)
class Letter:
    """A sound of one frame. `text` is "" where the sound is no coded letter. Places count the stream's samples."""

    text: str
    start_sample: int
    end_sample: int


def speak(text: str, *, pause_s: float = WORD_PAUSE_S) -> Samples:
    """Audio that the scripted engine hears as `text`: words of printable Latin-1 letters, `pause_s` apart.

    Raises:
        ConfigError: The text has a letter outside Latin-1.
    """
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    parts: list[Samples] = []
    for word in text.split():
        parts += [pause] if parts else []
        parts += [_tone(letter) for letter in word]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


class Ear:
    """Finds letters in a stream of samples. What it has judged it forgets."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._samples_start = 0  # place of the first sample held
        self._judged = 0

    @property
    def judged_sample(self) -> int:
        """All before this was heard or was silent. Past the end of the audio while the rest of a cut letter comes."""
        return self._judged

    def feed(self, samples: Samples) -> None:
        """Take the samples that follow."""
        num_old = min(len(self._samples), self._judged - self._samples_start)
        rest = self._samples[num_old:]
        self._samples = np.concatenate([rest, samples]) if len(rest) else samples
        self._samples_start += num_old

    def hear(self, until: int, *, is_cut: bool = False) -> list[Letter]:
        """The letters that end by sample `until`, each once.

        Where the audio `is_cut` there, a letter that has sounded for half a frame or more is heard at once and its
        rest is skipped; one that has sounded for less is heard when the rest has come.
        """
        letters: list[Letter] = []
        while (start := self._onset(until)) is not None:
            end = start + TONE_FRAME_SAMPLES
            if end > until and not (is_cut and until - start >= TONE_FRAME_SAMPLES // 2):
                self._judged = start
                return letters
            text = _decode(self._part(start, min(end, until)))
            self._judged = start + _CLICK_SAMPLES if text is None else end
            if text is not None:
                letters.append(Letter(text, start, min(end, until)))
        self._judged = max(self._judged, until)
        return letters

    def _onset(self, until: int) -> int | None:
        """The first loud sample not yet judged, before `until`."""
        part = self._part(self._judged, until)
        if not len(part):
            return None
        if abs(part.item(0)) > LOUD_LEVEL:  # as after a letter in the middle of a word
            return self._judged
        is_loud = np.abs(part) > LOUD_LEVEL
        first = int(is_loud.argmax())
        return self._judged + first if is_loud[first] else None

    def _part(self, start: int, end: int) -> Samples:
        return self._samples[start - self._samples_start : max(start, end) - self._samples_start]


@cache
def _tone(letter: str) -> Samples:
    code = ord(letter)
    if not _is_coded(code):
        raise ConfigError(f"cannot speak {letter!r}: the code has the printable letters of Latin-1 only")
    cycles = _FIRST_CYCLES + _CYCLES_PER_CODE * code
    phase = 2 * np.pi * cycles * np.arange(TONE_FRAME_SAMPLES) / TONE_FRAME_SAMPLES
    return (_TONE_LEVEL * np.cos(phase)).astype(np.float32)


def _decode(frame: Samples) -> str | None:
    """The letter of a frame or half frame, "" for any other sound, None for hardly a sound."""
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
    """What the spectrum of a whole frame would say, at a third of its cost, where little but a letter sounds; or None.

    From one sample to the next a tone turns by an angle whose cosine is the frame's first autocorrelation.
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
