"""Invented numbers after "press". In: prompts of a corpus that start so. Out: live texts with a number nobody said.

"Press 1 to ..." tempts a model to go on with a telephone number: it does so on the first words alone, before it has the
rest. Where the updates fall decides what it sees, so each prompt is transcribed live from many starts that are one
step apart, fed as fast as the engine takes it. A number is invented if a run of the alignment (word_errors.py) has more
digits in the text than in the reference.
"""

from __future__ import annotations

import numpy as np

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.corpora.corpus import samples_of
from voxtide.bench.load.corpora.layouts import CorpusUtterance
from voxtide.bench.load.session import LIVE_OPTIONS, BenchSession
from voxtide.bench.load.variants import quiet, with_trailing_quiet
from voxtide.bench.word_errors import Difference, normaliser_name, total, word_errors
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples

FIRST_WORD = "press"
NUM_PROMPTS = 6
NUM_STARTS, NUM_QUICK_STARTS = 25, 5
STEP_S = 0.016
"""A number of steps covers the time between two updates evenly: 12 steps in 192 ms."""

MAX_PROMPT_S = 12.0
"""Longer prompts take long and tempt no more."""


async def measure(session: BenchSession) -> Figure:
    """Transcribe each prompt from each start."""
    prompts = await _prompts(session)
    num_starts = NUM_QUICK_STARTS if session.is_quick else NUM_STARTS
    found = []
    for number, (prompt, samples) in enumerate(prompts, start=1):
        session.progress(f"{prompt.name}, prompt {number} of {len(prompts)}: {num_starts} starts")
        for start in range(num_starts):
            audio = with_trailing_quiet(np.concatenate([quiet(STEP_S * start), samples]))
            text = await session.text(audio, LIVE_OPTIONS)
            name = f"{prompt.name} after {1000 * STEP_S * start:.0f} ms"
            found.append(word_errors(name, prompt.text, text, language=session.corpus.language))
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
        notes=(f"corpus {session.corpus.name}", f"texts compared after {normaliser_name(session.corpus.language)}"),
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
