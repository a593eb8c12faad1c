"""Subtitle cues. In: segments with word times. Out: cues of a few short lines. Knows no file format.

segments -> tokens (each with its own time) -> cues (a few tokens) -> lines (balanced)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, zip_longest
from typing import TypeAlias

from voxtide.errors import ConfigError
from voxtide.types import Segment

LINE_LENGTH = 42
"""Columns of a line in most broadcasters' subtitle guides; a Chinese, Japanese or Korean character takes two."""

MAX_LINES = 2
"""More than two lines cover the picture."""

LINE_LENGTHS = range(8, 201)
"""Shorter lines split most words; longer ones fit no screen."""

LINE_COUNTS = range(1, 11)
"""More lines than ten fit no screen."""

MIN_CUE_S = 5 / 6
"""A shorter cue cannot be read (5/6 of a second: Netflix, Timed Text Style Guide)."""

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


@dataclass(frozen=True, slots=True)
class CueShape:
    """The size of a cue: `max_lines` lines of `line_length` columns at most.

    Raises:
        ConfigError: A value is not in `LINE_LENGTHS` or `LINE_COUNTS`.
    """

    line_length: int = LINE_LENGTH
    max_lines: int = MAX_LINES

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("line_length", self.line_length, LINE_LENGTHS),
            ("max_lines", self.max_lines, LINE_COUNTS),
        ):
            if value not in allowed:
                raise ConfigError(f"{name} must be {allowed[0]} to {allowed[-1]}, not {value}")


_Split: TypeAlias = tuple[int, tuple[int, ...]]
"""Lines of the leading tokens: the sum of their squared lengths, least for equal lines, and where they end."""


def split_cues(segments: Iterable[Segment], shape: CueShape | None = None) -> list[Cue]:
    """Cues for all text of `segments`, in order, without overlaps, each with a positive duration.

    A cue ends with its words, or lasts `MIN_CUE_S` if the pause after it is long enough, or up to the next cue.
    """
    cues = spoken_cues(segments, shape)
    return [_lengthened(cue, following) for cue, following in zip_longest(cues, cues[1:])]


def spoken_cues(segments: Iterable[Segment], shape: CueShape | None = None) -> list[Cue]:
    """As `split_cues`, but every cue ends with its words: for live text, whose next pause is not known."""
    shape = shape or CueShape()
    cues: list[Cue] = []
    for segment in segments:
        tokens = [piece for token in _tokens(segment) for piece in _wrapped(token, shape.line_length)]
        for group in _groups(tokens, shape):
            cues.append(_cue(group, shape, after_ms=cues[-1].end_ms if cues else 0))
    return cues


def num_columns(text: str) -> int:
    """The width of `text`: an East Asian wide character (UAX 11) takes two columns, a combining mark none."""
    return sum(map(_char_columns, text))


def _char_columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _lengthened(cue: Cue, following: Cue | None) -> Cue:
    end_ms = max(cue.end_ms, cue.start_ms + round(MIN_CUE_S * 1000))
    return replace(cue, end_ms=end_ms if following is None else min(end_ms, max(cue.end_ms, following.start_ms)))


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


def _wrapped(token: _Token, line_length: int) -> Iterator[_Token]:
    """The token, split if it is longer than a line: a URL, or a language without spaces."""
    text = " ".join(token.text.split())
    if num_columns(text) <= line_length:
        yield replace(token, text=text)
        return
    pieces = [piece for piece in map(str.strip, _chopped(text, line_length)) if piece]
    step_s = (token.end_s - token.start_s) / len(pieces)
    for number, piece in enumerate(pieces):
        start_s = token.start_s + number * step_s
        yield _Token(piece, start_s, start_s + step_s, has_space=token.has_space and number == 0)


def _chopped(text: str, line_length: int) -> list[str]:
    """Pieces of at most `line_length` columns. A combining mark stays with its character."""
    pieces, num_used = [""], 0
    for char in text:
        width = _char_columns(char)
        if num_used + width > line_length:
            pieces.append("")
            num_used = 0
        pieces[-1] += char
        num_used += width
    return pieces


def _groups(tokens: Sequence[_Token], shape: CueShape) -> Iterator[Sequence[_Token]]:
    """Split tokens into groups that fit one cue each, preferably after a sentence or a clause."""
    rest = tokens
    while rest:
        num_fitting = _num_fitting(rest, shape)
        if num_fitting < len(rest):
            num_fitting = _good_break(rest[:num_fitting])
        yield rest[:num_fitting]
        rest = rest[num_fitting:]


def _num_fitting(tokens: Sequence[_Token], shape: CueShape) -> int:
    """Number of leading tokens, at least one, that fit one cue: lines, duration, no long pause."""
    num_lines, num_used = 1, num_columns(tokens[0].text)
    for number, (before, token) in enumerate(pairwise(tokens), start=1):
        width = num_columns(token.text)
        num_used += token.has_space + width
        if num_used > shape.line_length:
            num_lines, num_used = num_lines + 1, width
        is_too_long = num_lines > shape.max_lines or token.end_s - tokens[0].start_s > MAX_CUE_S
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


def _cue(tokens: Sequence[_Token], shape: CueShape, after_ms: int) -> Cue:
    start_ms = max(after_ms, round(tokens[0].start_s * 1000))
    end_ms = max(start_ms + _MIN_CUE_MS, round(tokens[-1].end_s * 1000))
    return Cue(start_ms, min(end_ms, start_ms + round(MAX_CUE_S * 1000)), _lines(tokens, shape))


def _lines(tokens: Sequence[_Token], shape: CueShape) -> tuple[str, ...]:
    """The fewest lines that fit, as equal in length as possible."""
    ends = [0, *accumulate(token.has_space + num_columns(token.text) for token in tokens)]
    starts = [end + token.has_space for end, token in zip(ends, tokens, strict=False)]  # a line begins without a space
    splits: dict[int, _Split] = {0: (0, (0,))}
    for _ in range(shape.max_lines):
        splits = dict(_with_one_line_more(splits, starts, ends, shape.line_length))
        if len(tokens) in splits:
            break
    _, breaks = splits[len(tokens)]
    return tuple(_joined(tokens[start:end]) for start, end in pairwise(breaks))


def _with_one_line_more(
    splits: dict[int, _Split], starts: Sequence[int], ends: Sequence[int], line_length: int
) -> Iterator[tuple[int, _Split]]:
    """For each number of leading tokens the best split that has one line more than `splits`.

    `starts` and `ends` are the columns where a line may start and end if all tokens were in one line.
    """
    for end in range(1, len(ends)):
        best: _Split | None = None
        for start in range(end - 1, -1, -1):
            width = ends[end] - starts[start]
            if width > line_length:
                break
            if start in splits and (best is None or splits[start][0] + width**2 <= best[0]):
                best = (splits[start][0] + width**2, (*splits[start][1], end))
        if best is not None:
            yield end, best


def _joined(tokens: Sequence[_Token]) -> str:
    return "".join(" " * token.has_space + token.text for token in tokens).lstrip()
