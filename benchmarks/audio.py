"""Talks with known text and true speech times. In: `talks`, a file, or a corpus. Out: samples, utterances, words.

- `talks`: the recordings bundled with voxtide, each of their phrases once, in drawn order, with drawn pauses of 0.5 to
  1.5 s. The time of each word is known (`bench/data/word_times.json`).
- a corpus: the first talks of one that `scripts/corpora` fetched, or of a directory. An utterance's true start and end
  are those of the part of its file that is at most 35 dB below its loudest 10 ms.
- a file: one utterance, with its text in a `.txt` beside it.

Quiet follows, so that the end of the audio helps with no utterance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from voxtide.bench.load.corpora.corpus import MAX_PAUSE_S, MIN_PAUSE_S, SpokenSpan, open_corpus, samples_of
from voxtide.bench.load.recordings import BenchRecording, load_recordings
from voxtide.bench.load.talks import MAX_EDGE_S, MIN_GAP_S
from voxtide.bench.load.utterances import speech_bounds_s
from voxtide.bench.load.variants import quiet
from voxtide.errors import ConfigError
from voxtide.languages import language_name
from voxtide.types import SAMPLE_RATE_HZ, Samples, Word

TALKS = "talks"
LANGUAGE = "en"
"""What the adapters are set to: Moonshine knows only English."""

TRAILING_QUIET_S = 3.0
"""Longer than any pause: what a peer finalises only at the end of its input was final in no pause either."""


@dataclass(frozen=True, slots=True)
class PeerTalk:
    """Audio with its reference.

    Attributes:
        name: Its name in reports.
        samples: The audio, with quiet after it.
        spans: The utterances with their true start and end.
        words: Each word as spoken, with its times, or nothing if they are unknown.
    """

    name: str
    samples: Samples
    spans: tuple[SpokenSpan, ...]
    words: tuple[Word, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


async def load_talks(audio: str, corpus: str | None, num_talks: int) -> list[PeerTalk]:
    """The talks of `audio`, or the first ones of a corpus.

    Raises:
        ConfigError: There is no such corpus or file, it is not English, or the file has no text.
        AudioError: The file cannot be read.
    """
    if corpus is not None:
        opened = open_corpus(corpus)
        if opened.language != LANGUAGE:
            raise ConfigError(f"corpus {corpus!r} is {language_name(opened.language)}; the peers are set to English")
        talks, _ = await opened.talks()
        return [
            PeerTalk(talk.name, _then_quiet(talk.samples), tuple(_true_spans(talk.samples, talk.spans)))
            for talk in talks[:num_talks]
        ]
    if audio == TALKS:
        recordings = load_recordings()
        return [bundled_talk(recordings, seed=seed) for seed in range(num_talks)]
    return [await _file(Path(audio))]


def bundled_talk(recordings: Sequence[BenchRecording], *, seed: int) -> PeerTalk:
    """All phrases of the recordings once, in drawn order, with a drawn pause before each."""
    random = np.random.default_rng(seed)
    phrases = [(recording, words) for recording in recordings for words in _phrases(recording)]
    pieces: list[Samples] = []
    spans: list[SpokenSpan] = []
    placed: list[Word] = []
    num_samples = 0
    for index in random.permutation(len(phrases)):
        recording, words = phrases[index]
        pause = quiet(random.uniform(MIN_PAUSE_S, MAX_PAUSE_S))
        start_s = max(0.0, words[0].start_s - MAX_EDGE_S / 2)
        samples = recording.samples[_place(start_s) : _place(words[-1].end_s + MAX_EDGE_S / 2)]
        num_samples += len(pause)
        offset_s = num_samples / SAMPLE_RATE_HZ - start_s
        here = [Word(word.text, word.start_s + offset_s, word.end_s + offset_s) for word in words]
        spans.append(SpokenSpan(here[0].start_s, here[-1].end_s, " ".join(word.text for word in here)))
        placed += here
        pieces += [pause, samples]
        num_samples += len(samples)
    return PeerTalk(f"talk {seed + 1}", _then_quiet(np.concatenate(pieces)), tuple(spans), tuple(placed))


def _phrases(recording: BenchRecording) -> list[list[Word]]:
    """The words of a recording, cut at its pauses."""
    phrases = [[recording.words[0]]]
    for word, following in pairwise(recording.words):
        if following.start_s - word.end_s >= MIN_GAP_S:
            phrases.append([])
        phrases[-1].append(following)
    return phrases


def _place(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE_HZ)


def _then_quiet(samples: Samples) -> Samples:
    return np.concatenate([samples, quiet(TRAILING_QUIET_S)])


async def _file(path: Path) -> PeerTalk:
    beside = path.with_suffix(".txt")
    try:
        text = " ".join(beside.read_text("utf-8").split())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} needs its text in {beside}: {error}") from error
    samples = await samples_of(path)
    whole = SpokenSpan(0.0, len(samples) / SAMPLE_RATE_HZ, text)
    return PeerTalk(path.name, _then_quiet(samples), tuple(_true_spans(samples, [whole])))


def _true_spans(samples: Samples, spans: Sequence[SpokenSpan]) -> list[SpokenSpan]:
    """Spans of speech in place of spans of files."""
    true: list[SpokenSpan] = []
    for span in spans:
        start_s, end_s = speech_bounds_s(samples[_place(span.start_s) : _place(span.end_s)])
        true.append(SpokenSpan(span.start_s + start_s, span.start_s + end_s, span.text))
    return true
