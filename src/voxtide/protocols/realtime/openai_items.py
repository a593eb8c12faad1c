"""The items of an OpenAI session: stretches of audio, each with its text. In: their ends, their text. Out: items.

Knows what an item looks like in a message, and no message.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.pending_text import PendingText

MAX_PENDING_ITEMS = 256
"""Items committed or cleared and not yet transcribed. A client that is this far ahead is in a loop."""


@dataclass(slots=True)
class Item:
    """One stretch of audio that is transcribed as a whole. Nothing is told of the text of cleared audio."""

    item_id: str
    utterance: PendingText = field(default_factory=lambda: PendingText(begins_with_text=True))
    is_cleared: bool = False

    def as_fields(self) -> Message:
        """The item of a conversation, before there is text."""
        return {
            "id": self.item_id,
            "object": "realtime.item",
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }

    def result_fields(self, duration_s: float, language: str | None) -> Message:
        """Its text, and what it took."""
        fields: Message = {
            "transcript": self.utterance.text,
            "usage": {"type": "duration", "seconds": duration_s},
        }
        if language is not None:
            fields["languages"] = [{"code": language}]
        if self.utterance.num_omitted_chars:
            fields["omitted_chars"] = self.utterance.num_omitted_chars
        return fields


class Items:
    """The items of one session whose text is still to come.

    Attributes:
        open: The one that takes audio.
        has_audio: Whether it has any.
        pending: Those that have ended, in order.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._num_items = 0
        self._committed_id: str | None = None
        self.pending: deque[Item] = deque()
        self.open = self._new()
        self.has_audio = False

    @property
    def next_with_text(self) -> Item:
        """The one that stable text belongs to."""
        return self.pending[0] if self.pending else self.open

    def check_room(self) -> None:
        """See whether one more may end.

        Raises:
            Refusal: Too many wait for their text.
        """
        if len(self.pending) >= MAX_PENDING_ITEMS:
            raise RequestRefusedError(
                f"{MAX_PENDING_ITEMS} items wait for their text; wait for some of them",
                code="rate_limit_exceeded",
                status=429,
            )

    def commit(self, item: Item) -> str | None:
        """Make an item part of the conversation; returns the id of the one before it there."""
        previous_id, self._committed_id = self._committed_id, item.item_id
        return previous_id

    def end(self) -> None:
        """End the open item; another opens."""
        self.pending.append(self.open)
        self.open = self._new()
        self.has_audio = False

    def _new(self) -> Item:
        self._num_items += 1
        return Item(f"item_{self._session_id}_{self._num_items}")
