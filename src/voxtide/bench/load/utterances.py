"""Talks of several utterances, played live in real time. In: a session. Out: talks with true speech times, their plays.

The talks are those of the named corpus, else of the corpus prompts-en if it has been fetched, else the phrases of the
bundled recordings joined in drawn order. Pauses of 0.5 to 1.5 s lie between the utterances. A span is the *true* time
of an utterance's speech: in a corpus, from the first to the last 10 ms of its file that are at most 35 dB below its
loudest 10 ms (from 30 to 50 dB the ends of prompts move by 30 ms); in the recordings, by `data/word_times.json`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan, open_corpus
from voxtide.bench.load.corpora.layouts import left_out_line
from voxtide.bench.load.play import Played, play
from voxtide.bench.load.session import LIVE_OPTIONS, BenchSession, Size
from voxtide.bench.load.talks import phrases_of, spoken_talk
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

LENGTH_S: dict[Size, float] = {"quick": 45.0, "standard": 150.0, "full": 300.0}
"""Of all talks together."""
USUAL_CORPUS = "prompts-en"
SPEECH_DB = 35.0
FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
"""10 ms: the resolution of a true start and end."""


@dataclass(frozen=True, slots=True)
class UtteranceTalks:
    """The talks of a size.

    Attributes:
        source: What they are made of, for the report.
        language: ISO 639-1 code of the speech.
        talks: The talks; their spans are true speech times.
        left_out: What could not be read on the way, for the report; empty if nothing.
    """

    source: str
    language: str
    talks: tuple[CorpusTalk, ...]
    left_out: str = ""

    @property
    def note(self) -> str:
        """What was played, for the report."""
        num = sum(len(talk.spans) for talk in self.talks)
        length_s = sum(len(talk.samples) for talk in self.talks) / SAMPLE_RATE_HZ
        what = f"talks of {self.source}: {num} utterances with pauses of 0.5 to 1.5 s, {length_s:.0f} s"
        return f"{what}; {self.left_out}" if self.left_out else what


@dataclass(frozen=True, slots=True)
class UtterancePlays:
    """The talks and the play of each."""

    talks: UtteranceTalks
    plays: tuple[Played, ...]

    @property
    def pairs(self) -> list[tuple[CorpusTalk, Played]]:
        """Each talk with its play."""
        return list(zip(self.talks.talks, self.plays, strict=True))


async def utterance_talks(session: BenchSession) -> UtteranceTalks:
    """The talks that a session's size plays; use it by `session.shared`.

    Raises:
        ConfigError: Nothing is left of the corpus.
        MissingExtraError: The bench extra is not installed.
    """
    length_s = LENGTH_S[session.size]
    corpus = session.corpus if session.has_corpus else None
    if corpus is None:
        try:
            corpus = open_corpus(USUAL_CORPUS)
        except ConfigError:  # it has not been fetched
            talk = spoken_talk(phrases_of(session.recordings), seed=0, duration_s=length_s)
            return UtteranceTalks("the bundled recordings", "en", (talk,))
    session.progress(f"reading the corpus {corpus.name}")
    talks, left_out = await corpus.talks(enough_s=length_s)
    chosen = tuple(_with_true_times(talk) for talk in shortened(talks, length_s))
    left_out_text = left_out_line(left_out, sum(len(talk.spans) for talk in talks)) if left_out else ""
    return UtteranceTalks(f"the corpus {corpus.name}", corpus.language, chosen, left_out_text)


async def utterance_plays(session: BenchSession) -> UtterancePlays:
    """Each talk played alone, live, in real time; use it by `session.shared`.

    Raises:
        VoxtideError: The engine failed.
    """
    talks = await session.shared(utterance_talks)
    options = session.in_language(LIVE_OPTIONS, talks.language)
    return UtterancePlays(talks, tuple([await _play(session, talk, options) for talk in talks.talks]))


async def _play(session: BenchSession, talk: CorpusTalk, options: StreamOptions) -> Played:
    session.progress(f"playing {talk.name} in real time, {len(talk.samples) / SAMPLE_RATE_HZ:.0f} s")
    async with session.engine.open(options) as stream:
        return await play(stream, with_trailing_quiet(talk.samples), is_paced=True)


def shortened(talks: list[CorpusTalk], length_s: float) -> Iterator[CorpusTalk]:
    """The first whole utterances of the talks, about as long in all; at least one."""
    left_s = length_s
    for talk in talks:
        middles_s = [(span.start_s + span.end_s) / 2 for span in talk.spans]
        spans = talk.spans[: max(1, bisect_left(middles_s, left_s))]
        is_whole = len(spans) == len(talk.spans)
        samples = talk.samples if is_whole else talk.samples[: round(spans[-1].end_s * SAMPLE_RATE_HZ)]
        yield replace(talk, samples=samples, spans=spans)
        left_s -= len(samples) / SAMPLE_RATE_HZ
        if not is_whole or left_s < talk.spans[0].end_s:  # no room for another one
            return


def _with_true_times(talk: CorpusTalk) -> CorpusTalk:
    """The talk with spans of speech instead of files."""
    spans = []
    for span, samples in zip(talk.spans, talk.cut(talk.samples), strict=True):
        start_s, end_s = speech_bounds_s(samples)
        spans.append(SpokenSpan(span.start_s + start_s, span.start_s + end_s, span.text))
    return replace(talk, spans=tuple(spans))


def speech_bounds_s(samples: Samples) -> tuple[float, float]:
    """Start of the first and end of the last frame of 10 ms that is at most `SPEECH_DB` below the loudest."""
    num_frames = max(1, len(samples) // FRAME_SAMPLES)
    frames = np.resize(samples, num_frames * FRAME_SAMPLES).astype(np.float64).reshape(num_frames, FRAME_SAMPLES)
    power = np.mean(frames**2, axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-SPEECH_DB / 10))
    frame_s = FRAME_SAMPLES / SAMPLE_RATE_HZ
    return float(loud[0]) * frame_s, float(loud[-1] + 1) * frame_s
