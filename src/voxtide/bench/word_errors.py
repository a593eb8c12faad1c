"""Word errors of texts. In: reference and hypothesis. Out: counts, every difference, rates with intervals.

Both texts are normalised: English by `EnglishTextNormalizer` of OpenAI's Whisper (package whisper-normalizer), other
languages by its `BasicTextNormalizer` without diacritics, after which the words for 0 to 9 become digits. The only
module that knows jiwer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.errors import MissingExtraError

Difference: TypeAlias = tuple[str, str, str]
"""The text's name, the reference words and the hypothesis words; either may be empty."""

NUM_DRAWS = 1_000
"""Resamples of a bootstrap: its 95 % interval then moves by a few percent of its width."""

_DIGITS = {
    "fr": "zero un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "ru": "ноль один два три четыре пять шесть семь восемь девять",
}


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Errors in one text or several.

    Attributes:
        num_words: Words of the reference.
        num_errors: Words substituted, deleted and inserted.
        differences: Each maximal run of errors.
        parts: Words and errors of each part of the reference, which a bootstrap draws. Parts may be fewer than were
            given: the normaliser joins numbers across parts.
    """

    num_words: int
    num_errors: int
    differences: tuple[Difference, ...]
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def percent(self) -> float:
        """The word error rate in percent."""
        return 100 * self.num_errors / self.num_words

    @property
    def counts(self) -> dict[str, Any]:
        """For JSON: words and errors, in all and by part."""
        return {"words": self.num_words, "errors": self.num_errors, "parts": self.parts}

    def counts_above(self, other: WordErrors) -> dict[str, Any]:
        """For JSON: the same of this text minus another of the same parts."""
        parts = [(words, num - num_other) for (words, num), (_, num_other) in zip(self.parts, other.parts, strict=True)]
        return {"words": self.num_words, "errors": self.num_errors - other.num_errors, "parts": parts}

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate in percent, by drawing parts with replacement."""
        words, errors = _drawn(self.parts)
        return _limits(100 * errors / words)

    def interval_above(self, other: WordErrors) -> tuple[float, float]:
        """The 95 % interval of this rate minus another of the same parts, in points."""
        words, errors = _drawn(self.parts)
        _, other_errors = _drawn(other.parts)
        return _limits(100 * (errors - other_errors) / words)


def _drawn(parts: Sequence[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Words and errors of each draw. Equal numbers of parts are drawn equally."""
    drawn = np.random.default_rng(0).integers(len(parts), size=(NUM_DRAWS, len(parts)))
    words, errors = np.array(parts, np.int64).T
    return words[drawn].sum(axis=1), errors[drawn].sum(axis=1)


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def total(parts: Sequence[WordErrors]) -> WordErrors:
    """The sum of all parts."""
    return WordErrors(
        num_words=sum(part.num_words for part in parts),
        num_errors=sum(part.num_errors for part in parts),
        differences=tuple(difference for part in parts for difference in part.differences),
        parts=tuple(it for part in parts for it in part.parts),
    )


def repeated(plays: Sequence[WordErrors]) -> WordErrors:
    """The sum of several plays of one recording as one part, because a bootstrap needs independent parts."""
    whole = total(plays)
    return replace(whole, parts=((whole.num_words, whole.num_errors),))


def word_errors(name: str, reference: str | Sequence[str], hypothesis: str, *, language: str = "en") -> WordErrors:
    """Compare two texts; `name` labels the differences.

    Args:
        name: The text's name.
        reference: The spoken text, whole or in parts, such as utterances. An error belongs to the part of its word; an
            inserted word to that of the word after it.
        hypothesis: The text to judge.
        language: ISO 639-1 code; decides how both are normalised.

    Raises:
        ValueError: A part of the reference has no words.
        MissingExtraError: The bench extra is not installed.
    """
    jiwer, normalise = _jiwer(), _normaliser(language)
    texts = [reference] if isinstance(reference, str) else list(reference)
    parts = [normalise(text).split() for text in texts]
    if not all(parts):
        raise ValueError(f"the reference text has no words: {reference!r}")
    output = jiwer.process_words(normalise(" ".join(texts)), normalise(hypothesis))
    spoken, written = output.references[0], output.hypotheses[0]
    differences = tuple(
        (name, " ".join(spoken[reference_run]), " ".join(written[hypothesis_run]))
        for reference_run, hypothesis_run in _unequal_runs(output.alignments[0])
    )
    num_errors = output.substitutions + output.deletions + output.insertions
    return WordErrors(len(spoken), num_errors, differences, _by_part(_owners(parts, spoken), output.alignments[0]))


def has_words(text: str, language: str) -> bool:
    """Whether anything of a reference text is left to compare: "..." and, in English, "uh" have no words.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    return bool(_normaliser(language)(text).split())


def _owners(parts: Sequence[Sequence[str]], words: Sequence[str]) -> NDArray[np.int64]:
    """The part of each word of the joined text, whose normaliser may join numbers across parts."""
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    if len(words) == len(owners):
        return owners
    alignment = _jiwer().process_words(" ".join(words), " ".join(word for part in parts for word in part)).alignments
    joined = np.zeros(len(words), np.int64)
    for chunk in alignment[0]:
        run = np.arange(chunk.ref_start_idx, chunk.ref_end_idx)
        joined[run] = owners[np.minimum(run - chunk.ref_start_idx + chunk.hyp_start_idx, len(owners) - 1)]
    return joined


def _by_part(owners: NDArray[np.int64], alignment: Sequence[Any]) -> tuple[tuple[int, int], ...]:
    """Words and errors of each part."""
    errors = np.zeros(len(owners), np.int64)
    for chunk in alignment:
        if chunk.type == "insert":
            errors[min(chunk.ref_start_idx, len(owners) - 1)] += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "equal":
            errors[chunk.ref_start_idx : chunk.ref_end_idx] += 1
    num_parts = int(owners.max()) + 1
    words = np.bincount(owners, minlength=num_parts)
    sums = np.bincount(owners, weights=errors, minlength=num_parts)
    return tuple((int(num), int(sum_)) for num, sum_ in zip(words, sums, strict=True) if num)


def _unequal_runs(alignment: Sequence[Any]) -> Iterator[tuple[slice, slice]]:
    """The maximal parts of an alignment in which the texts differ, in the reference and in the hypothesis."""
    for is_equal, group in groupby(alignment, key=lambda chunk: chunk.type == "equal"):
        if not is_equal:
            chunks = list(group)
            first, last = chunks[0], chunks[-1]
            yield slice(first.ref_start_idx, last.ref_end_idx), slice(first.hyp_start_idx, last.hyp_end_idx)


def normaliser_name(language: str = "en") -> str:
    """The normaliser of a language, with its version."""
    kind = "EnglishTextNormalizer" if language == "en" else "BasicTextNormalizer without diacritics"
    digits = ", words for 0 to 9 as digits" if language in _DIGITS else ""
    return f"whisper-normalizer {version('whisper-normalizer')} {kind}{digits}"


def _jiwer() -> Any:
    try:
        import jiwer
    except ModuleNotFoundError as error:
        raise MissingExtraError("jiwer", "bench", "the word error rate") from error
    return jiwer


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # version 0.1.15 has an invalid escape in a docstring
            from whisper_normalizer.basic import BasicTextNormalizer
            from whisper_normalizer.english import EnglishTextNormalizer
    except ModuleNotFoundError as error:
        raise MissingExtraError("whisper-normalizer", "bench", "the word error rate") from error
    if language == "en":
        english: Callable[[str], str] = EnglishTextNormalizer()
        return english
    basic = BasicTextNormalizer(remove_diacritics=True)
    digits = {word: str(digit) for digit, word in enumerate(_DIGITS.get(language, "").split())}
    return lambda text: " ".join(digits.get(word, word) for word in basic(text).split())
