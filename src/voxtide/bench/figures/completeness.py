"""Text lost or invented. In: shuffled talks, live sessions, prompts. Out: how many runs of words, or numbers, and each.

Both texts are normalised and aligned as for the word error rate. A run is a maximal part of the alignment in which the
texts differ. It is lost if it has at least `LOST_WORDS` more words in the reference than in the engine's text. It is
invented if it has at least `INVENTED_WORDS` words and none in the reference, or `LOST_WORDS` more than the reference.

- talks: two minutes of the test set's phrases, cut at their pauses and joined in drawn order with drawn pauses; live
  and fast; clean, in pink noise, and over the telephone.
- sessions: six whole recordings, drawn, in one live stream.
- numbers, a figure of their own: "Press 1 to ..." tempts a model to go on with a telephone number, on the first words
  alone. Where the updates fall decides what it sees, so prompts of a corpus that begin so are transcribed live from
  many starts. A number is invented if a run of the alignment has more digits in the text than in the reference.

All audio is fed as fast as the engine takes it, which changes no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.figures.accuracy import SNR_DB
from voxtide.bench.load.corpora.corpus import samples_of
from voxtide.bench.load.corpora.layouts import CorpusUtterance
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS, BenchSession
from voxtide.bench.load.talks import Talk, conversation, phrases_of, talk
from voxtide.bench.load.variants import over_telephone, quiet, with_noise, with_trailing_quiet
from voxtide.bench.word_errors import Difference, WordErrors, normaliser_name, repeated, total, word_errors
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

LOST_WORDS = 4
INVENTED_WORDS = 2
NUM_TALKS, NUM_QUICK_TALKS = 30, 3
TALK_S = 120.0
NUM_SESSIONS, NUM_QUICK_SESSIONS = 100, 10
NUM_UTTERANCES = 6

FIRST_WORD = "press"
NUM_PROMPTS = 6
NUM_STARTS, NUM_QUICK_STARTS = 25, 5
STEP_S = 0.016
"""A number of steps covers the time between two updates evenly: 12 steps in 192 ms."""

MAX_PROMPT_S = 12.0
"""Longer prompts take long and tempt no more."""

CONDITIONS: dict[str, Callable[[Samples], Samples]] = {
    "clean": lambda samples: samples,
    "noise": partial(with_noise, snr_db=SNR_DB, seed=0),
    "telephone": over_telephone,
}


async def measure(session: BenchSession) -> Figure:
    """Count the lost and the invented runs of words."""
    phrases = phrases_of(session.recordings)
    num_talks, num_sessions = (NUM_QUICK_TALKS, NUM_QUICK_SESSIONS) if session.is_quick else (NUM_TALKS, NUM_SESSIONS)
    talks = [talk(phrases, seed=seed, duration_s=TALK_S) for seed in range(num_talks)]
    sessions = [
        conversation(session.recordings, seed=seed, num_utterances=NUM_UTTERANCES) for seed in range(num_sessions)
    ]
    errors: dict[str, WordErrors] = {}
    for condition, change in CONDITIONS.items():
        for pace, options in {"fast": FAST_OPTIONS, "live": LIVE_OPTIONS}.items():
            name = f"talks, {condition}, {pace}"
            errors[name] = await _errors(session, name, talks, options, change)
    name = "sessions, live"
    errors[name] = await _errors(session, name, sessions, LIVE_OPTIONS, CONDITIONS["clean"])
    return Figure(
        name="completeness",
        measures=tuple(measure for name, found in errors.items() for measure in _measures(name, found)),
        notes=(f"texts compared after {normaliser_name()}",),
        errors=tuple(line for name, found in errors.items() for line in _lines(name, found)),
        details={name: {"words": it.num_words, "errors": it.num_errors} for name, it in errors.items()},
    )


async def _errors(
    session: BenchSession,
    name: str,
    talks: Sequence[Talk],
    options: StreamOptions,
    change: Callable[[Samples], Samples],
) -> WordErrors:
    session.progress(f"transcribing {len(talks)} {name}")
    return total(
        [
            word_errors(it.name, it.text, await session.text(with_trailing_quiet(change(it.samples)), options))
            for it in talks
        ]
    )


def _measures(name: str, errors: WordErrors) -> tuple[Measure, ...]:
    lost = [it for it in errors.differences if is_lost(it)]
    invented = [it for it in errors.differences if is_invented(it)]
    return (
        Measure(
            name=f"lost, {name}",
            value=len(lost),
            unit="runs",
            target=Target("<=", 0),
            method=f"of {LOST_WORDS} words or more; {errors.num_words} words, WER {errors.percent:.1f} %",
        ),
        Measure(
            name=f"invented, {name}",
            value=len(invented),
            unit="runs",
            target=Target("<=", 0) if name.startswith("sessions") else None,
            method=f"of {INVENTED_WORDS} words or more",
        ),
    )


def is_lost(difference: Difference) -> bool:
    """Whether the engine lost a run of words."""
    _, reference, hypothesis = difference
    return len(reference.split()) - len(hypothesis.split()) >= LOST_WORDS


def is_invented(difference: Difference) -> bool:
    """Whether the engine invented a run of words."""
    _, reference, hypothesis = difference
    num_more = len(hypothesis.split()) - len(reference.split())
    return num_more >= (LOST_WORDS if reference else INVENTED_WORDS)


def _lines(name: str, errors: WordErrors) -> list[str]:
    lines = []
    for difference in errors.differences:
        if is_lost(difference) or is_invented(difference):
            where, reference, hypothesis = difference
            kind = "lost" if is_lost(difference) else "invented"
            lines.append(f"{name}: {where}: {kind}: {reference or '(nothing)'} -> {hypothesis or '(nothing)'}")
    return lines


async def measure_numbers(session: BenchSession) -> Figure:
    """Transcribe each prompt from each start."""
    prompts = await _prompts(session)
    num_starts = NUM_QUICK_STARTS if session.is_quick else NUM_STARTS
    language = session.corpus.language
    options = session.in_language(LIVE_OPTIONS, language)
    found = []
    for number, (prompt, samples) in enumerate(prompts, start=1):
        session.progress(f"{prompt.name}, prompt {number} of {len(prompts)}: {num_starts} starts")
        plays = []
        for start in range(num_starts):
            audio = with_trailing_quiet(np.concatenate([quiet(STEP_S * start), samples]))
            name = f"{prompt.name} after {1000 * STEP_S * start:.0f} ms"
            plays.append(word_errors(name, prompt.text, await session.text(audio, options), language=language))
        found.append(repeated(plays))
    errors = total(found)
    invented = [it for it in errors.differences if has_invented_number(it)]
    return Figure(
        name="numbers",
        measures=(
            Measure(
                name="invented numbers, live",
                value=len(invented),
                unit="numbers",
                target=Target("<=", 0),
                method=f"{len(prompts)} prompts from {num_starts} starts {1000 * STEP_S:.0f} ms apart",
            ),
            Measure(
                name="word error rate of these",
                value=errors.percent,
                unit="%",
                method=f"{errors.num_errors} of {errors.num_words} words",
                data="words",
            ),
        ),
        notes=(f"corpus {session.corpus.name}", f"texts compared after {normaliser_name(language)}"),
        errors=tuple(f"{where}: {spoken or '(nothing)'} -> {written}" for where, spoken, written in invented),
        details={"prompts": [prompt.name for prompt, _ in prompts], "words": errors.counts},
    )


def has_invented_number(difference: Difference) -> bool:
    """Whether the text has more digits than were spoken there."""
    _, spoken, written = difference
    return sum(map(str.isdigit, written)) > sum(map(str.isdigit, spoken))


async def _prompts(session: BenchSession) -> list[tuple[CorpusUtterance, Samples]]:
    """The first prompts that fit.

    Raises:
        ConfigError: The corpus has none.
    """
    found: list[tuple[CorpusUtterance, Samples]] = []
    for utterance in session.corpus.utterances:
        words = utterance.text.lower().split()
        if len(found) < NUM_PROMPTS and words[:1] == [FIRST_WORD] and any(map(str.isdigit, utterance.text)):
            samples = await samples_of(utterance.path)
            if len(samples) <= MAX_PROMPT_S * SAMPLE_RATE_HZ:
                found.append((utterance, samples))
    if not found:
        raise ConfigError(
            f"corpus {session.corpus.name!r} has no prompt that begins with {FIRST_WORD!r} and has a digit; "
            "use --corpus prompts-en"
        )
    return found
