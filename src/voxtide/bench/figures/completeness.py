"""Text lost or invented in long audio. In: shuffled talks, live sessions. Out: how many runs of words, and each run.

Both texts are normalised and aligned as for the word error rate. A run is a maximal part of the alignment in which the
texts differ. It is lost if it has at least `LOST_WORDS` more words in the reference than in the engine's text. It is
invented if it has at least `INVENTED_WORDS` words and none in the reference, or `LOST_WORDS` more than the reference.

- talks: two minutes of the test set's phrases, cut at their pauses and joined in drawn order with drawn pauses; live
  and fast; clean, in pink noise, and over the telephone.
- sessions: six whole recordings, drawn, in one live stream.

All audio is fed as fast as the engine takes it, which changes no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.figures.accuracy import SNR_DB
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS, BenchSession
from voxtide.bench.load.talks import Talk, conversation, phrases_of, talk
from voxtide.bench.load.variants import over_telephone, with_noise, with_trailing_quiet
from voxtide.bench.word_errors import Difference, WordErrors, normaliser_name, total, word_errors
from voxtide.types import Samples, StreamOptions

LOST_WORDS = 4
INVENTED_WORDS = 2
NUM_TALKS, NUM_QUICK_TALKS = 30, 3
TALK_S = 120.0
NUM_SESSIONS, NUM_QUICK_SESSIONS = 100, 10
NUM_UTTERANCES = 6

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
