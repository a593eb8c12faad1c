"""Subtitle cues. In: segments with word times. Out: cues of at most two lines. Knows no file format.

segments -> tokens (each with its own time) -> cues (a few tokens) -> lines (balanced)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from voxtide.types import Segment

MAX_LINE_CHARS = 42
"""Maximum line length in most broadcasters' subtitle guides."""

MAX_LINES = 2
"""More than two lines cover the picture."""

MAX_CUE_S = 7.0
"""Maximum duration of a cue; two full lines are read well before that."""

MAX_GAP_S = 1.5
"""A longer pause starts a new cue, so that words do not show before they are spoken."""

_SENTENCE_ENDS = ".?!…。？！"  # full-width marks for Chinese and Japanese
_CLAUSE_ENDS = ",;:，；："  # as above
_MIN_CUE_MS = 1  # a cue must not end where it starts


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: its time in milliseconds of the audio, and its lines."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """An unbreakable piece of a line. `has_space`: a space precedes it."""

    text: str
    start_s: float
    end_s: float
    has_space: bool = True


def split_cues(segments: Iterable[Segment]) -> list[Cue]:
    """Cues for all text of `segments`, in order, without overlaps, each with a positive duration."""
    cues: list[Cue] = []
    for segment in segments:
        tokens = [piece for token in _tokens(segment) for piece in _wrapped(token)]
        for group in _groups(tokens):
            cues.append(_cue(group, after_ms=cues[-1].end_ms if cues else 0))
    return cues


def _tokens(segment: Segment) -> list[_Token]:
    """The segment's words, spaced as in its text. If the words do not match the text, `_spread` it instead."""
    tokens: list[_Token] = []
    at = 0
    for word in segment.words:
        found = segment.text.find(word.text, at)
        gap = segment.text[at:found]
        if found < 0 or not word.text.strip() or gap.strip():
            return _spread(segment)
        tokens.append(_Token(word.text, word.start_s, word.end_s, has_space=bool(gap)))
        at = found + len(word.text)
    return tokens if not segment.text[at:].strip() else _spread(segment)


def _spread(segment: Segment) -> list[_Token]:
    """The text's words with times proportional to their characters."""
    texts = segment.text.split()
    num_chars = sum(map(len, texts))
    duration_s = max(0.0, segment.end_s - segment.start_s)
    tokens: list[_Token] = []
    start_s, num_done = segment.start_s, 0
    for text in texts:
        num_done += len(text)
        end_s = segment.start_s + duration_s * num_done / num_chars
        tokens.append(_Token(text, start_s, end_s))
        start_s = end_s
    return tokens


def _wrapped(token: _Token) -> Iterator[_Token]:
    """The token, split if it is longer than a line: a URL, or a language without spaces."""
    text = " ".join(token.text.split())
    if len(text) <= MAX_LINE_CHARS:
        yield replace(token, text=text)
        return
    pieces = [text[at : at + MAX_LINE_CHARS] for at in range(0, len(text), MAX_LINE_CHARS)]
    step_s = (token.end_s - token.start_s) / len(pieces)
    for number, piece in enumerate(pieces):
        start_s = token.start_s + number * step_s
        yield _Token(piece, start_s, start_s + step_s, has_space=token.has_space and number == 0)


def _groups(tokens: Sequence[_Token]) -> Iterator[Sequence[_Token]]:
    """Split tokens into groups that fit one cue each, preferably after a sentence or a clause."""
    rest = tokens
    while rest:
        num_fitting = _num_fitting(rest)
        if num_fitting < len(rest):
            num_fitting = _good_break(rest[:num_fitting])
        yield rest[:num_fitting]
        rest = rest[num_fitting:]


def _num_fitting(tokens: Sequence[_Token]) -> int:
    """Number of leading tokens, at least one, that fit one cue: lines, duration, no long pause."""
    num_lines, num_chars = 1, len(tokens[0].text)
    for number, (before, token) in enumerate(pairwise(tokens), start=1):
        num_chars += token.has_space + len(token.text)
        if num_chars > MAX_LINE_CHARS:
            num_lines, num_chars = num_lines + 1, len(token.text)
        is_too_long = num_lines > MAX_LINES or token.end_s - tokens[0].start_s > MAX_CUE_S
        if is_too_long or token.start_s - before.end_s > MAX_GAP_S:
            return number
    return len(tokens)


def _good_break(tokens: Sequence[_Token]) -> int:
    """Number of tokens for a cue: up to a sentence end past a third of them, or a clause end past half of them."""
    for ends, at_least in ((_SENTENCE_ENDS, len(tokens) // 3), (_CLAUSE_ENDS, len(tokens) // 2)):
        for number in range(len(tokens), at_least, -1):
            if tokens[number - 1].text[-1:] in ends:
                return number
    return len(tokens)


def _cue(tokens: Sequence[_Token], after_ms: int) -> Cue:
    start_ms = max(after_ms, round(tokens[0].start_s * 1000))
    end_ms = max(start_ms + _MIN_CUE_MS, round(tokens[-1].end_s * 1000))
    return Cue(start_ms, min(end_ms, start_ms + round(MAX_CUE_S * 1000)), _lines(tokens))


def _lines(tokens: Sequence[_Token]) -> tuple[str, ...]:
    """One line if it fits, else the two most balanced lines that do."""
    whole = _joined(tokens)
    if len(whole) <= MAX_LINE_CHARS:
        return (whole,)
    splits = [(_joined(tokens[:at]), _joined(tokens[at:])) for at in range(1, len(tokens))]
    return min(splits, key=lambda lines: (max(map(len, lines)) > MAX_LINE_CHARS, abs(len(lines[0]) - len(lines[1]))))


def _joined(tokens: Sequence[_Token]) -> str:
    return "".join(" " * token.has_space + token.text for token in tokens).lstrip()
