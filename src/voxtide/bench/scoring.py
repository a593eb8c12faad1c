"""Word error rate. In: what was said and what was written. Out: the errors, by name. The only module that knows jiwer.

Both texts go through the normaliser of OpenAI's Whisper first (package whisper-normalizer, `EnglishTextNormalizer`),
which removes case, punctuation, hesitations, and differences of spelling such as "ten" and "10". The rate is the least
number of words substituted, deleted and inserted, divided by the number of words said, over all texts together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from voxtide.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Errors in one text or several.

    Attributes:
        num_words: Words said.
        num_errors: Words substituted, deleted and inserted.
        differences: Each run of errors: the text's name, what was said, what was written; either may be empty.
    """

    num_words: int
    num_errors: int
    differences: tuple[tuple[str, str, str], ...]

    @property
    def percent(self) -> float:
        """The word error rate in percent."""
        return 100 * self.num_errors / self.num_words


def total(parts: Sequence[WordErrors]) -> WordErrors:
    """All parts as one."""
    return WordErrors(
        num_words=sum(part.num_words for part in parts),
        num_errors=sum(part.num_errors for part in parts),
        differences=tuple(difference for part in parts for difference in part.differences),
    )


def word_errors(name: str, said: str, written: str) -> WordErrors:
    """Compare two texts; `name` is theirs.

    Raises:
        ValueError: Nothing was said.
        MissingExtraError: The bench extra is not installed.
    """
    jiwer, normalise = _libraries()
    reference, hypothesis = normalise(said), normalise(written)
    if not reference.strip():
        raise ValueError(f"the text to compare with has no words: {said!r}")
    output = jiwer.process_words(reference, hypothesis)
    said_words, written_words = output.references[0], output.hypotheses[0]
    differences = tuple(
        (
            name,
            " ".join(said_words[run.ref_start_idx : run.ref_end_idx]),
            " ".join(written_words[run.hyp_start_idx : run.hyp_end_idx]),
        )
        for run in output.alignments[0]
        if run.type != "equal"
    )
    num_errors = output.substitutions + output.deletions + output.insertions
    return WordErrors(len(said_words), num_errors, differences)


def normaliser_name() -> str:
    """The normaliser with its version."""
    return f"whisper-normalizer {version('whisper-normalizer')} EnglishTextNormalizer"


def _libraries() -> tuple[Any, Callable[[str], str]]:
    try:
        import jiwer
    except ModuleNotFoundError as error:
        raise MissingExtraError("jiwer", "bench", "the word error rate") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # version 0.1.15 has an invalid escape in a docstring
            from whisper_normalizer.english import EnglishTextNormalizer
    except ModuleNotFoundError as error:
        raise MissingExtraError("whisper-normalizer", "bench", "the word error rate") from error
    return jiwer, EnglishTextNormalizer()
