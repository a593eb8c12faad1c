"""Word error rates. In: the recordings, clean, in noise, over the telephone. Out: rates and every error.

The rate is the minimal number of words substituted, deleted and inserted, divided by the number of reference words,
over the whole set. Both texts are normalised by `EnglishTextNormalizer` of OpenAI's Whisper (package
whisper-normalizer), which removes case, punctuation, hesitations and spelling variants such as "ten" and "10". Every
recording is followed by a second of quiet.

- live: the final text of a live stream after `finish`. Audio is fed as fast as the engine takes it. Each recording is
  played up to four times, after 0 to 3 times 96 ms of quiet: where in a word an update falls is chance, and moves the
  rate by up to a percent. The clean set is also played once in real time; "text that differs" counts the differing
  words.
- fast: the text of a stream at pace `fast`.
- noise: pink noise 10 dB below the recording's mean power; one fixed seed per start.
- telephone: 8 kHz G.711 mu-law and back; not in the size `quick`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS, BenchSession, Size
from voxtide.bench.load.variants import over_telephone, quiet, with_noise, with_trailing_quiet
from voxtide.bench.load.word_timeline import num_differing, words_of
from voxtide.bench.word_errors import WordErrors, normaliser_name, repeated, total, word_errors
from voxtide.types import Samples, StreamOptions

SNR_DB = 10.0
NUM_STARTS: dict[Size, int] = {"quick": 1, "standard": 2, "full": 4}
"""Plays per recording, so that one unlucky start or noise does not decide."""
START_S = 0.096
"""Between two starts: a quarter of the 384 ms between two decisions of `moonshine`."""

Variant: TypeAlias = Callable[[Samples], Samples]

CLEAN, NOISE, TELEPHONE = Target("<=", 3.5), Target("<=", 8.0), Target("<=", 5.0)


async def measure(session: BenchSession) -> Figure:
    """Measure all sets, live and fast."""
    starts = range(NUM_STARTS[session.size])
    sets: dict[str, list[Variant]] = {
        "clean": [partial(_started, start=start) for start in starts],
        "noise": [partial(_in_noise, start=start) for start in starts],
    }
    if not session.is_quick:
        sets["telephone"] = [partial(_by_telephone, start=start) for start in starts]
    targets: dict[str, Target] = {"clean": CLEAN, "noise": NOISE, "telephone": TELEPHONE}
    paced, num_unlike = await _paced(session)
    scores: dict[str, tuple[WordErrors, Target | None]] = {"clean, live, real time": (paced, CLEAN)}
    for name, variants in sets.items():
        for pace, options in {"live": LIVE_OPTIONS, "fast": FAST_OPTIONS}.items():
            target = targets[name] if pace == "live" or name == "clean" else None
            scores[f"{name}, {pace}"] = (await _score(session, f"{name}, {pace}", variants, options), target)
    return Figure(
        name="accuracy",
        measures=(*(_measure(name, *score) for name, score in scores.items()), _unlike(num_unlike)),
        notes=(f"texts compared after {normaliser_name()}",),
        errors=tuple(line for name, (errors, _) in scores.items() for line in _error_lines(name, errors)),
        details={name: it.counts for name, (it, _) in scores.items()},
    )


def _started(samples: Samples, start: int) -> Samples:
    """The samples after some quiet."""
    return np.concatenate([quiet(start * START_S), samples])


def _in_noise(samples: Samples, start: int) -> Samples:
    return with_noise(_started(samples, start), snr_db=SNR_DB, seed=start)


def _by_telephone(samples: Samples, start: int) -> Samples:
    return over_telephone(_started(samples, start))


async def _paced(session: BenchSession) -> tuple[WordErrors, int]:
    """Errors in real time, and the words that differ when the same audio is fed as fast as possible."""
    parts, num_unlike = [], 0
    for recording, played in await session.paced():
        text = await session.text(with_trailing_quiet(recording.samples), LIVE_OPTIONS)
        num_unlike += num_differing(words_of(text), words_of(played.transcript.text))
        parts.append(word_errors(recording.name, recording.text, played.transcript.text))
    return total(parts), num_unlike


async def _score(session: BenchSession, name: str, variants: list[Variant], options: StreamOptions) -> WordErrors:
    session.progress(f"transcribing the set: {name}")
    parts = []
    for recording in session.recordings:
        plays = [variant(with_trailing_quiet(recording.samples)) for variant in variants]
        texts = [await session.text(samples, options) for samples in plays]
        parts.append(repeated([word_errors(recording.name, recording.text, text) for text in texts]))
    return total(parts)


def _measure(name: str, errors: WordErrors, target: Target | None) -> Measure:
    return Measure(
        name=f"WER, {name}",
        value=errors.percent,
        unit="%",
        target=target,
        method=f"{errors.num_errors} words substituted, deleted or inserted, of {errors.num_words}",
        data=name,
    )


def _unlike(num_words: int) -> Measure:
    return Measure(
        name="text that differs, real time or not",
        value=num_words,
        unit="words",
        target=Target("<=", 0),
        method="clean set, live: final text in real time against the same audio as fast as the engine takes it",
    )


def _error_lines(name: str, errors: WordErrors) -> list[str]:
    return [
        f"{name}: {recording}: {reference or '(nothing)'} -> {hypothesis or '(nothing)'}"
        for recording, reference, hypothesis in errors.differences
    ]
