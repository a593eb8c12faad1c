"""Long audio from short recordings. In: recordings. Out: their phrases in drawn order, with drawn pauses, and the text.

A long stream shows what a single utterance cannot: text lost or invented after a pause. Knows no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from voxtide.bench.load.corpora.corpus import MAX_PAUSE_S as SPOKEN_MAX_PAUSE_S
from voxtide.bench.load.corpora.corpus import MIN_PAUSE_S as SPOKEN_MIN_PAUSE_S
from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan
from voxtide.bench.load.recordings import BenchRecording
from voxtide.bench.load.variants import quiet
from voxtide.types import SAMPLE_RATE_HZ, Samples, Word

MIN_GAP_S = 0.3
"""A recording is cut in the middle of each gap between two words that is at least this long."""

MAX_EDGE_S = 0.3
"""Most of the recording's own silence kept before and after a phrase."""

MIN_PAUSE_S, MAX_PAUSE_S = 0.3, 1.5
"""A pause between two phrases, drawn evenly: from within a sentence to between two speakers."""


@dataclass(frozen=True, slots=True)
class Talk:
    """Audio with its reference text. `name` names it in reports."""

    name: str
    samples: Samples
    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """The audio between two pauses, its words, and the times of the first one's start and the last one's end in it."""

    samples: Samples
    text: str
    start_s: float
    end_s: float


def phrases_of(recordings: Iterable[BenchRecording]) -> list[Phrase]:
    """The recordings cut at their pauses."""
    return [phrase for recording in recordings for phrase in _phrases(recording)]


def _phrases(recording: BenchRecording) -> list[Phrase]:
    groups: list[list[Word]] = [[recording.words[0]]]
    for word, following in pairwise(recording.words):
        if following.start_s - word.end_s >= MIN_GAP_S:
            groups.append([])
        groups[-1].append(following)
    cuts_s = [(last[-1].end_s + first[0].start_s) / 2 for last, first in pairwise(groups)]
    starts_s, ends_s = [0.0, *cuts_s], [*cuts_s, recording.duration_s]
    return [
        _phrase(recording, words, start_s, end_s)
        for words, start_s, end_s in zip(groups, starts_s, ends_s, strict=True)
    ]


def _phrase(recording: BenchRecording, words: Sequence[Word], start_s: float, end_s: float) -> Phrase:
    """The part of a recording between two times, without most of the silence at its edges."""
    first_s, last_s = words[0].start_s, words[-1].end_s
    start_s, end_s = max(start_s, first_s - MAX_EDGE_S), min(end_s, last_s + MAX_EDGE_S)
    text = " ".join(word.text for word in words)
    return Phrase(_between(recording.samples, start_s, end_s), text, first_s - start_s, last_s - start_s)


def _between(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


def talk(phrases: Sequence[Phrase], *, seed: int, duration_s: float) -> Talk:
    """Phrases in drawn order until they last `duration_s`. All are used before one is repeated."""
    random = np.random.default_rng(seed)
    return _joined(f"talk {seed}", _drawn(phrases, random, duration_s), random)


def _drawn(phrases: Sequence[Phrase], random: np.random.Generator, duration_s: float) -> list[Phrase]:
    chosen: list[Phrase] = []
    num_samples = 0
    while num_samples < duration_s * SAMPLE_RATE_HZ:
        for i in random.permutation(len(phrases)):
            chosen.append(phrases[i])
            num_samples += len(phrases[i].samples) + round(MIN_PAUSE_S * SAMPLE_RATE_HZ)
            if num_samples >= duration_s * SAMPLE_RATE_HZ:
                break
    return chosen


def spoken_talk(phrases: Sequence[Phrase], *, seed: int, duration_s: float) -> CorpusTalk:
    """A talk like that of a corpus, with its pauses; its spans are from the first word to the last.

    It has as many whole phrases as come closest to `duration_s`, at least one.
    """
    random = np.random.default_rng(seed)
    pieces: list[Samples] = []
    spans: list[SpokenSpan] = []
    place_s = 0.0
    for phrase in _drawn(phrases, random, duration_s):
        pause = quiet(random.uniform(SPOKEN_MIN_PAUSE_S, SPOKEN_MAX_PAUSE_S))
        whole_s = (len(pause) + len(phrase.samples)) / SAMPLE_RATE_HZ
        if spans and place_s + whole_s / 2 > duration_s:
            break
        pieces += [pause, phrase.samples]
        place_s += len(pause) / SAMPLE_RATE_HZ
        spans.append(SpokenSpan(place_s + phrase.start_s, place_s + phrase.end_s, phrase.text))
        place_s += len(phrase.samples) / SAMPLE_RATE_HZ
    return CorpusTalk(f"talk {seed}", np.concatenate(pieces), tuple(spans))


def conversation(recordings: Sequence[BenchRecording], *, seed: int, num_utterances: int) -> Talk:
    """`num_utterances` whole recordings, drawn."""
    random = np.random.default_rng(seed)
    chosen = [recordings[i] for i in random.choice(len(recordings), num_utterances)]
    return _joined(f"session {seed}", [_whole(it) for it in chosen], random)


def _whole(recording: BenchRecording) -> Phrase:
    return Phrase(recording.samples, recording.text, recording.words[0].start_s, recording.words[-1].end_s)


def _joined(name: str, phrases: Sequence[Phrase], random: np.random.Generator) -> Talk:
    parts: list[Samples] = []
    for phrase in phrases:
        parts += [quiet(random.uniform(MIN_PAUSE_S, MAX_PAUSE_S)), phrase.samples]
    return Talk(name, np.concatenate(parts), " ".join(phrase.text for phrase in phrases))
