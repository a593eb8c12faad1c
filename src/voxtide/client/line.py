"""A connection at work: which utterance is on it and what was asked. In: what is heard. Out: the same, for whom it is.

Knows when what is heard answers what was asked, and when it is only said twice.
"""

from __future__ import annotations

import asyncio
from collections import deque

from voxtide.client.utterance import Utterance
from voxtide.client.wire import Loss, Wire
from voxtide.client.wording import Done, Heard, Text

_NUM_DONES_KEPT = 16
"""Answers of a connection that are remembered: a repeat comes soon after what it repeats, or never."""


class Line:
    """One wire in use.

    Attributes:
        wire: The connection.
        utterance: Whose audio it carries, so whose text it tells; None behind the last one.
        is_asked: Whether its final text was asked for.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.utterance: Utterance | None = None
        self.is_asked = False
        self._origin_s: float | None = None
        self._began_at_s = 0.0
        self._heard_at_s = 0.0
        self._dones: deque[Done] = deque(maxlen=_NUM_DONES_KEPT)
        self._has_text = False  # of this server it is known that it tells text before it is final

    def take(self, utterance: Utterance) -> None:
        """Carry this utterance next."""
        if self._origin_s is None:
            self._origin_s = utterance.start_s
        self.is_asked = False
        utterance.num_sent_bytes = 0
        self._began_at_s = _now_s()
        if utterance is not self.utterance:
            self.utterance = utterance
            utterance.hearing.restart(self._origin_s)

    def lose(self, loss: Loss) -> None:
        """The wire is gone."""
        self.wire.loss = self.wire.loss or loss
        if self.utterance is not None:
            self.utterance.wake()

    def is_answer(self, heard: Heard) -> bool:
        """Take note of what was heard; whether it is the final text that was asked for."""
        self._heard_at_s = _now_s()
        if isinstance(heard, Text):
            self._has_text |= bool(heard.text.strip())
        return isinstance(heard, Done) and self.is_asked and not self.is_repeat(heard)

    def is_repeat(self, heard: Heard) -> bool:
        """Whether this is a `Done` that no words and no question stand behind: one that was sent twice.

        A repeat of a server that tells its text before it is final need not be exact in its times and costs.
        """
        if not isinstance(heard, Done) or self.utterance is None or self.utterance.hearing.has_text_of(heard):
            return False
        if self.is_asked:
            return self._has_text and bool(heard.text.strip()) and heard.text in (done.text for done in self._dones)
        return heard in list(self._dones)[-1:] or self._has_text or not heard.text.strip()

    def note_answer(self, done: Done | None, following: Utterance | None) -> None:
        """The utterance has its final text; what is heard before the next is taken belongs to that one."""
        if done is not None:
            self._dones.append(done)
        self.is_asked = False
        self.utterance = following
        if following is not None and self._origin_s is not None:
            following.hearing.restart(self._origin_s)

    def seconds_left(self, asked_at_s: float, timeout_s: float) -> float:
        """Until an answer is overdue: counted from the question or from the last words, whichever was later.

        Audio that was sent faster than it is spoken may take as long as it lasts.
        """
        duration_s = self.utterance.duration_s if self.utterance else 0.0
        head_start_s = max(0.0, duration_s - (asked_at_s - self._began_at_s))
        return max(asked_at_s + head_start_s, self._heard_at_s) + timeout_s - _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
