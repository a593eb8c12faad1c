"""The text since the last answer. In: stable text and segments as they arrive. Out: both joined, bounded in size."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from voxtide.types import Segment

MAX_TEXT_BYTES = 400_000
"""Limit of a message's text, and of its segments: the Mistral SDK drops the connection at a frame of 1 MiB. It is over
six hours of English without a flush."""

MAX_PIECE_CHARS = 30_000
"""Limit of one delta, and of one segment's text. JSON needs at most 12 bytes per character."""

Item = TypeVar("Item")


class PendingText:
    """Text since the last answer. Beyond `MAX_TEXT_BYTES` its beginning is dropped and counted."""

    def __init__(self, *, strip_leading_space: bool = False) -> None:
        """Start empty. `strip_leading_space` drops the space before the first word after an answer."""
        self._begins_with_text = strip_leading_space
        self._deltas: _LastItems[str] = _LastItems(MAX_TEXT_BYTES)
        self._segments: _LastItems[Segment] = _LastItems(MAX_TEXT_BYTES)
        self._last_end_s = -1.0
        self.num_omitted_chars = 0
        """Characters dropped from the beginning of `text`. The client has them from deltas."""

    @property
    def text(self) -> str:
        """The joined deltas, without surrounding whitespace."""
        return "".join(self._deltas).strip()

    @property
    def segments(self) -> list[Segment]:
        """The complete segments; only the latest if they exceed one message."""
        return list(self._segments)

    def add(self, text: str) -> list[str]:
        """Append stable text. Returns it in pieces that each fit into a message."""
        if self._begins_with_text and not self._deltas:
            text = text.lstrip()
        pieces = [text[at : at + MAX_PIECE_CHARS] for at in range(0, len(text), MAX_PIECE_CHARS)]
        for piece in pieces:
            dropped = self._deltas.add(piece, len(json.dumps(piece)))
            self.num_omitted_chars += sum(map(len, dropped))
        return pieces

    def add_segment(self, segment: Segment) -> bool:
        """Add a segment; returns whether it is new. Engines report one when it ends and again with the flush."""
        if segment.end_s <= self._last_end_s:
            return False
        self._last_end_s = segment.end_s
        self._segments.add(segment, len(json.dumps(segment.text[-MAX_PIECE_CHARS:])) + _SEGMENT_FIELDS_BYTES)
        return True

    def clear(self) -> None:
        """Start over after an answer."""
        self._deltas.clear()
        self._segments.clear()
        self.num_omitted_chars = 0


_SEGMENT_FIELDS_BYTES = 150
"""JSON size of a segment's keys, numbers and brackets."""


class _LastItems(Generic[Item]):
    """The last items that fit into `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._num_bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return (item for item, _ in self._items)

    def add(self, item: Item, num_bytes: int) -> list[Item]:
        """Append an item. Returns the items dropped from the beginning."""
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
