"""A corpus as long audio. In: a corpus's name or directory. Out: talks, whose utterances and pauses are known.

A talk joins utterances, in their order, with a drawn pause before each. Its file names decide the order, so a talk of
prompts is monotonous; but real pauses and real ends of speech are known nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxtide.audio.opening import open_source
from voxtide.bench.load.corpora.layouts import NO_WORDS, CorpusUtterance, LeftOut, left_out_line, utterances_in
from voxtide.bench.load.corpora.packages import CORPORA, corpora_directory
from voxtide.bench.load.variants import quiet
from voxtide.bench.word_errors import has_words
from voxtide.errors import AudioError, ConfigError
from voxtide.languages import language_name
from voxtide.types import SAMPLE_RATE_HZ, Samples, parse_language

MIN_PAUSE_S, MAX_PAUSE_S = 0.5, 1.5
"""Between two utterances, drawn evenly."""

MIN_TALK_S, MAX_TALK_S = 120.0, 300.0
"""The length of a talk, drawn evenly; the last one of a corpus may be shorter."""

MAX_CORPUS_S = 4 * 3600.0
"""All talks are kept in memory: four hours take 0.9 GB."""


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """An utterance's place in a talk, in seconds, and its text."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class CorpusTalk:
    """Several utterances in one recording."""

    name: str
    samples: Samples
    spans: tuple[SpokenSpan, ...]

    def cut(self, samples: Samples, *, speed: float = 1.0) -> list[Samples]:
        """Each utterance's part of `samples`: the talk's samples after a change, played `speed` times as fast."""
        rate_hz = SAMPLE_RATE_HZ / speed
        return [samples[round(span.start_s * rate_hz) : round(span.end_s * rate_hz)] for span in self.spans]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Utterances in one language."""

    name: str
    language: str
    utterances: tuple[CorpusUtterance, ...]
    left_out: tuple[LeftOut, ...] = ()

    async def talks(self, *, seed: int = 0, enough_s: float = float("inf")) -> tuple[list[CorpusTalk], list[LeftOut]]:
        """All utterances as talks, and what is left out: also recordings that cannot be read, and texts without words.

        Args:
            seed: Of the drawn pauses and lengths.
            enough_s: Read no further when the talks last so long; the first ones are the same.

        Raises:
            ConfigError: The corpus is too long, or nothing is left of it.
            MissingExtraError: The bench extra is not installed.
        """
        random = np.random.default_rng(seed)
        talks: list[CorpusTalk] = []
        left_out = list(self.left_out)
        parts: list[tuple[float, Samples, str]] = []
        length_s = total_s = talks_s = 0.0
        wanted_s = random.uniform(MIN_TALK_S, MAX_TALK_S)
        for utterance in self.utterances:
            pause_s = random.uniform(MIN_PAUSE_S, MAX_PAUSE_S)
            if not has_words(utterance.text, self.language):
                left_out.append(LeftOut(utterance.name, NO_WORDS))
                continue
            try:
                samples = await samples_of(utterance.path)
            except AudioError as error:
                left_out.append(LeftOut(utterance.name, str(error).removeprefix(f"{utterance.path} ")))
                continue
            parts.append((pause_s, samples, utterance.text))
            length_s += pause_s + len(samples) / SAMPLE_RATE_HZ
            total_s += len(samples) / SAMPLE_RATE_HZ
            if total_s > MAX_CORPUS_S:
                raise ConfigError(
                    f"corpus {self.name!r} is longer than {MAX_CORPUS_S / 3600:.0f} hours; use a part of it"
                )
            if length_s >= wanted_s:
                talks.append(_joined(f"{self.name} {len(talks) + 1}", parts))
                talks_s += length_s
                parts, length_s, wanted_s = [], 0.0, random.uniform(MIN_TALK_S, MAX_TALK_S)
                if talks_s >= enough_s:
                    break
        if parts:
            talks.append(_joined(f"{self.name} {len(talks) + 1}", parts))
        if not talks:
            raise ConfigError(f"corpus {self.name!r}: nothing is left; {left_out_line(left_out, 0)}")
        return talks, left_out


def open_corpus(name: str, *, language: str | None = None, root: Path | None = None) -> Corpus:
    """A corpus by its name or directory.

    Args:
        name: One of `CORPORA`, or a directory in one of the layouts of layouts.py.
        language: The language of a directory's speech; None for English.
        root: Where the named corpora are kept; None for the cache.

    Raises:
        ConfigError: There is no such corpus, or it has not been fetched.
    """
    packaged = CORPORA.get(name)
    if packaged is None:
        directory = Path(name).expanduser()  # reports name it so
        if not directory.is_dir():
            raise ConfigError(f"there is no corpus or directory {name!r}; choose from {', '.join(CORPORA)}")
        code = parse_language(language) or "en"
        return _corpus(directory.resolve().name, code, directory)
    if language is not None and parse_language(language) != packaged.language:
        raise ConfigError(f"corpus {name!r} is {language_name(packaged.language)}; leave the language out")
    home = (root or corpora_directory()) / name
    if not home.is_dir():
        raise ConfigError(f"corpus {name!r} has not been fetched; run: scripts/corpora {name}")
    return _corpus(name, packaged.language, home)


def _corpus(name: str, language: str, directory: Path) -> Corpus:
    utterances, left_out = utterances_in(directory)
    return Corpus(name, language, tuple(utterances), tuple(left_out))


async def samples_of(path: Path) -> Samples:
    """A file's audio, mono at 16 kHz.

    Raises:
        AudioError: It cannot be read, not to its end, or has no audio.
    """
    async with open_source(path) as source:
        chunks = [chunk async for chunk in source]
    if not chunks:
        raise AudioError(f"{path} has no audio")
    return await asyncio.to_thread(np.concatenate, chunks)


def _joined(name: str, parts: Sequence[tuple[float, Samples, str]]) -> CorpusTalk:
    pieces: list[Samples] = []
    spans: list[SpokenSpan] = []
    place = 0
    for pause_s, samples, text in parts:
        pieces += [quiet(pause_s), samples]
        place += len(pieces[-2])
        spans.append(SpokenSpan(place / SAMPLE_RATE_HZ, (place + len(samples)) / SAMPLE_RATE_HZ, text))
        place += len(samples)
    return CorpusTalk(name, np.concatenate(pieces), tuple(spans))
