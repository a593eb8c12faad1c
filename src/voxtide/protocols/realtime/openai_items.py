"""The items of an OpenAI session: audio pieces and their text. In: commits, text. Out: items. Knows no messages."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.pending_text import PendingText

MAX_PENDING_ITEMS = 256
"""Items committed or cleared but not yet transcribed. A client with more is in a loop."""


@dataclass(slots=True)
class Item:
    """One piece of audio that is transcribed as a whole. The text of a cleared item is not sent."""

    item_id: str
    pending_text: PendingText = field(default_factory=lambda: PendingText(strip_leading_space=True))
    is_cleared: bool = False

    def as_fields(self) -> Message:
        """The conversation item, without its text."""
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }

    def result_fields(self, duration_s: float, language: str | None) -> Message:
        """The fields of `completed`."""
        fields: Message = {
            "transcript": self.pending_text.text,
            "usage": {"type": "duration", "seconds": duration_s},
        }
        if language is not None:
            fields["languages"] = [{"code": language}]
        if self.pending_text.num_omitted_chars:
            fields["omitted_chars"] = self.pending_text.num_omitted_chars
        return fields


class Items:
    """The items of one session that await their text.

    Attributes:
        open: The item that receives audio.
        has_audio: Whether the open item has audio.
        pending: Ended items, in order.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._num_items = 0
        self._committed_id: str | None = None
        self.pending: deque[Item] = deque()
        self.open = self._new()
        self.has_audio = False

    @property
    def next_to_complete(self) -> Item:
        """The item that new stable text belongs to."""
        return self.pending[0] if self.pending else self.open

    def check_capacity(self) -> None:
        """Check that one more item may end.

        Raises:
            RequestRefusedError: Too many items are pending.
        """
        if len(self.pending) >= MAX_PENDING_ITEMS:
            raise RequestRefusedError(
                f"{MAX_PENDING_ITEMS} items await their text; wait for some of them",
                code="rate_limit_exceeded",
                status=429,
            )

    def commit(self, item: Item) -> str | None:
        """Add an item to the conversation; returns the id of the previous one."""
        previous_id, self._committed_id = self._committed_id, item.item_id
        return previous_id

    def end(self) -> None:
        """End the open item and open another."""
        self.pending.append(self.open)
        self.open = self._new()
        self.has_audio = False

    def _new(self) -> Item:
        self._num_items += 1
        return Item(f"item_{self._session_id}_{self._num_items}")
