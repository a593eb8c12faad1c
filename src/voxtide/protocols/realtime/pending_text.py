"""The text between two answers. In: stable text and segments as they are told. Out: both together, bounded in size."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from voxtide.types import Segment

MAX_TEXT_BYTES = 400_000
"""Of a message's text, and of its segments: the Mistral SDK drops the connection at a frame of 1 MiB. More than six
hours of English without a flush."""

MAX_PIECE_CHARS = 30_000
"""Of one delta, and of what is told of one segment. JSON escapes a character in at most 12 bytes."""

Item = TypeVar("Item")


class PendingText:
    """What was said since the last answer. Beyond `MAX_TEXT_BYTES` its beginning is dropped, and counted."""

    def __init__(self, *, begins_with_text: bool = False) -> None:
        """Begin. `begins_with_text` leaves the space out that parts its first word from the utterance before it."""
        self._begins_with_text = begins_with_text
        self._deltas: _Tail[str] = _Tail(MAX_TEXT_BYTES)
        self._segments: _Tail[Segment] = _Tail(MAX_TEXT_BYTES)
        self._last_end_s = -1.0
        self.num_omitted_chars = 0
        """How much of the beginning `text` lacks. It was told by deltas."""

    @property
    def text(self) -> str:
        """The joined deltas, without surrounding white space."""
        return "".join(self._deltas).strip()

    @property
    def segments(self) -> list[Segment]:
        """The complete segments, the latest if there are too many for one message."""
        return list(self._segments)

    def add(self, text: str) -> list[str]:
        """Take stable text. Returns it in pieces that fit into a message each."""
        if self._begins_with_text and not self._deltas:
            text = text.lstrip()
        pieces = [text[at : at + MAX_PIECE_CHARS] for at in range(0, len(text), MAX_PIECE_CHARS)]
        for piece in pieces:
            dropped = self._deltas.add(piece, len(json.dumps(piece)))
            self.num_omitted_chars += sum(map(len, dropped))
        return pieces

    def add_segment(self, segment: Segment) -> bool:
        """Take a segment, once: an engine tells one as it ends, and again with the flush. Returns whether it is new."""
        if segment.end_s <= self._last_end_s:
            return False
        self._last_end_s = segment.end_s
        self._segments.add(segment, len(json.dumps(segment.text[-MAX_PIECE_CHARS:])) + _SEGMENT_FIELDS_BYTES)
        return True

    def clear(self) -> None:
        """It has been answered; the next one begins."""
        self._deltas.clear()
        self._segments.clear()
        self.num_omitted_chars = 0


_SEGMENT_FIELDS_BYTES = 150
"""A segment's names, numbers and brackets in JSON."""


class _Tail(Generic[Item]):
    """The last items that fit."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return (item for item, _ in self._items)

    def add(self, item: Item, num_bytes: int) -> list[Item]:
        """Take one. Returns those at the beginning that had to go."""
        self._items.append((item, num_bytes))
        self._num_bytes += num_bytes
        dropped = []
        while self._num_bytes > self._max_bytes:
            first, num_first_bytes = self._items.popleft()
            self._num_bytes -= num_first_bytes
            dropped.append(first)
        return dropped

    def clear(self) -> None:
        self._items.clear()
        self._num_bytes = 0
