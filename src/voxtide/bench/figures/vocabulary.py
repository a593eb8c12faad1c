"""Words to expect. In: sentences with rare names, the recordings. Out: names found, words harmed, cost.

- names found: of the sentences' names, those that the text has. Each sentence is a stream of its own with a second of
  quiet after it. The vocabulary is all forty names and sixty others, the same for every sentence.
- misses fixed: of the names that the text lacks without the vocabulary, the share that it has with it.
- errors added: errors in the real recordings with 10 and 100 names that do not occur, less those without, as a share of
  the reference words.
- processor time: of the real recordings with a vocabulary of 100 names, divided by that without; not of a server, whose
  processor time cannot be seen from outside.

The speech with names is synthetic, which the model finds harder than real speech. Settings were chosen on forty other
names.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.names import VOICES, NamedSentence, load_sentences, other_names
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS, BenchSession
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.bench.word_errors import WordErrors, total, word_errors
from voxtide.errors import VoxtideError
from voxtide.types import StreamOptions

LIST_SIZE = 100
NUM_OTHERS = (10, LIST_SIZE)

FIXED, ADDED = Target(">=", 50.0), Target("<=", 0.3)


async def measure(session: BenchSession) -> Figure:
    """Measure both paces.

    Raises:
        VoxtideError: The engine cannot use words to expect.
    """
    if reason := session.engine.info.vocabulary_refusal():
        raise VoxtideError(reason)
    measures: list[Measure] = []
    errors: list[str] = []
    for name, options in {"live": LIVE_OPTIONS, "fast": FAST_OPTIONS}.items():
        found = await _names(session, name, options)
        harm = await _harm(session, name, options)
        measures += [*found.measures(name), *harm.measures(name)]
        errors += found.misses
    return Figure(name="vocabulary", measures=tuple(measures), errors=tuple(errors))


@dataclass(frozen=True, slots=True)
class _Found:
    """How many names were found, and those not found with the vocabulary."""

    num_names: int
    num_before: int
    num_after: int
    misses: tuple[str, ...]

    def measures(self, pace: str) -> list[Measure]:
        """The measures of one pace."""
        num_missed = self.num_names - self.num_before
        fixed = 100 * (self.num_after - self.num_before) / max(1, num_missed)
        parts = ((f"names found, {pace}", self.num_before), (f"names found with a vocabulary, {pace}", self.num_after))
        return [
            *(
                Measure(name=name, value=100 * num / self.num_names, unit="%", method=f"{num} of {self.num_names}")
                for name, num in parts
            ),
            Measure(
                name=f"misses fixed, {pace}",
                value=fixed,
                unit="%",
                target=FIXED if num_missed else None,
                method=f"{num_missed} names missed without the vocabulary, {self.num_names - self.num_after} with it",
            ),
        ]


async def _names(session: BenchSession, pace: str, options: StreamOptions) -> _Found:
    voices = VOICES[:1] if session.is_quick else VOICES
    before, after, misses = 0, 0, []
    sentences: list[NamedSentence] = []
    for voice in voices:
        session.progress(f"transcribing sentences with names: {voice}, {pace}")
        sentences += await load_sentences(voice)
    names = tuple(dict.fromkeys(sentence.name for sentence in sentences))
    listed = replace(options, vocabulary=(*names, *other_names()[: LIST_SIZE - len(names)]))
    for sentence in sentences:
        samples = with_trailing_quiet(sentence.samples)
        before += has_name(await session.text(samples, options), sentence.name)
        text = await session.text(samples, listed)
        after += has_name(text, sentence.name)
        if not has_name(text, sentence.name):
            misses.append(f"{pace}: {sentence.name} -> {text}")
    return _Found(len(sentences), before, after, tuple(misses))


def has_name(text: str, name: str) -> bool:
    """Whether the text has the name, in any case and as whole words."""
    return f" {_words(name)} " in f" {_words(text)} "


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@dataclass(frozen=True, slots=True)
class _Harm:
    """The errors in the recordings without a vocabulary and with each number of other names, and what they cost.

    Attributes:
        plain: The errors without a vocabulary.
        listed: The errors by the number of names.
        cpu_ratio: Processor time with all names, divided by that without; None if it is a server's.
    """

    plain: WordErrors
    listed: dict[int, WordErrors]
    cpu_ratio: float | None

    def measures(self, pace: str) -> list[Measure]:
        """The measures of one pace."""
        added = [
            Measure(
                name=f"errors added by {num} other names, {pace}",
                value=errors.percent - self.plain.percent,
                unit="%",
                target=ADDED,
                method=f"{errors.num_errors} errors in {errors.num_words} words, {self.plain.num_errors} without",
            )
            for num, errors in self.listed.items()
        ]
        if self.cpu_ratio is None:
            return added
        method = f"processor time with {LIST_SIZE} names, divided by that without"
        cost = Measure(name=f"cost of a vocabulary, {pace}", value=self.cpu_ratio, unit="times", method=method)
        return [*added, cost]


async def _harm(session: BenchSession, pace: str, options: StreamOptions) -> _Harm:
    session.progress(f"transcribing the set with names that it lacks: {pace}")
    plain, plain_s = await _errors(session, options)
    listed, listed_s = {}, plain_s
    for num in NUM_OTHERS:
        vocabulary: Sequence[str] = other_names()[:num]
        listed[num], listed_s = await _errors(session, replace(options, vocabulary=tuple(vocabulary)))
    return _Harm(plain, listed, None if session.choice.is_remote else listed_s / plain_s)


async def _errors(session: BenchSession, options: StreamOptions) -> tuple[WordErrors, float]:
    """The errors in all recordings, and the processor time of transcribing them [s]."""
    began_s = time.process_time()
    texts = [await session.text(with_trailing_quiet(it.samples), options) for it in session.recordings]
    taken_s = time.process_time() - began_s
    recordings = zip(session.recordings, texts, strict=True)
    return total([word_errors(it.name, it.text, text) for it, text in recordings]), taken_s
