"""Bounded buffer of audio without a final text. In: audio bytes, flushes. Out: utterances, in order. No sockets.

An utterance is the audio between two flushes. It is kept until its final text arrives, so that it can be replayed.
Callers call `wait_for_space` before `put`. An utterance that reaches half of the limit without a flush is cut at the
next pause, and at three quarters in any case. The cut depends only on the audio, not on its chunking.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto

import numpy as np

from voxtide.audio.encodings import PcmDecoder
from voxtide.audio.pcm import PcmFormat
from voxtide.client.transport.dedupe import UtteranceText

PAUSE_FRAME_S = 0.08
"""Frame length of the pause detection: a short pause between two words."""

QUIET_LEVEL = 0.01
"""RMS below which a frame is a pause: -40 dBFS, a quiet room, well below speech."""

MAX_UTTERANCES = 1024
"""Limit of unanswered utterances, against a caller that flushes in a loop."""


class Ending(Enum):
    """Why an utterance ended."""

    FLUSH = auto()
    CUT = auto()  # by the client, at the length limit
    FINISH = auto()


class Utterance:
    """One utterance: its audio and its text.

    Attributes:
        start_s: Start of its audio, in seconds of the caller's audio.
        audio: Its audio so far.
        ending: Why it ended; None while it is open.
        text: Its text.
        is_answered: Whether its final text has arrived.
        is_detached: Whether a task of its own waits for its text, apart from the socket that receives new audio.
        num_sends: How often it has been sent, at least in part.
        num_sent_bytes: Bytes sent in the last attempt.
    """

    def __init__(self, start_bytes: int, pcm: PcmFormat) -> None:
        self.start_s = start_bytes / pcm.bytes_per_s
        self.audio = bytearray()
        self.ending: Ending | None = None
        self.text = UtteranceText(self.start_s)
        self.is_answered = False
        self.is_detached = False
        self.num_sends = 0
        self.num_sent_bytes = 0
        self._start_bytes = start_bytes
        self._bytes_per_s = pcm.bytes_per_s
        self._changed = asyncio.Event()

    @property
    def duration_s(self) -> float:
        """Length of its audio."""
        return len(self.audio) / self._bytes_per_s

    @property
    def end_s(self) -> float:
        """End of its audio so far, in seconds of the caller's audio."""
        return (self._start_bytes + len(self.audio)) / self._bytes_per_s

    @property
    def sent_to_s(self) -> float:
        """End of the audio sent in the last attempt, in seconds of the caller's audio."""
        return (self._start_bytes + self.num_sent_bytes) / self._bytes_per_s

    @property
    def is_empty(self) -> bool:
        """Whether it ended without audio, so that no request is needed."""
        return self.ending is not None and not self.audio

    def notify(self) -> None:
        """Wake up the task that awaits `changed`."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait for the next change. Changes before the call do not count: check the state first."""
        self._changed.clear()
        await self._changed.wait()


class ReplayBuffer:
    """The utterances without a final text, in order. The last one is open until `close_last(FINISH)`."""

    def __init__(self, pcm: PcmFormat, max_s: float) -> None:
        frame_bytes = max(1, round(PAUSE_FRAME_S * pcm.sample_rate_hz)) * pcm.encoding.num_bytes * pcm.channels
        self._pcm = pcm
        self._frame_bytes = frame_bytes
        self._max_bytes = int(max_s * pcm.bytes_per_s)
        self._cut_from_bytes = self._max_bytes // 2 // frame_bytes * frame_bytes
        self._cut_by_bytes = max(frame_bytes, self._max_bytes * 3 // 4 // frame_bytes * frame_bytes)
        self._num_put_bytes = 0
        self._space_freed = asyncio.Event()
        self._is_closed = False
        self.is_finished = False
        """Whether the audio has ended."""
        self._num_kept_bytes = 0
        self.utterances: deque[Utterance] = deque([Utterance(0, pcm)])
        """The first ones may be detached."""

    @property
    def last(self) -> Utterance:
        """The open utterance, or the final one."""
        return self.utterances[-1]

    @property
    def next_to_send(self) -> Utterance | None:
        """The first utterance that is neither answered nor detached, or None."""
        return next((it for it in self.utterances if not (it.is_answered or it.is_detached)), None)

    @property
    def put_s(self) -> float:
        """Total audio put so far, in seconds."""
        return self.seconds_of(self._num_put_bytes)

    @property
    def unsent_s(self) -> float:
        """Audio not yet sent, in seconds; 0 after `close`."""
        num_bytes = sum(len(it.audio) - it.num_sent_bytes for it in self.utterances)
        return 0.0 if self._is_closed else self.seconds_of(num_bytes)

    def seconds_of(self, num_bytes: int) -> float:
        """Duration of `num_bytes` of audio."""
        return num_bytes / self._pcm.bytes_per_s

    def following(self, utterance: Utterance) -> Utterance | None:
        """The utterance after this one, or None."""
        index = self.utterances.index(utterance) + 1
        return self.utterances[index] if index < len(self.utterances) else None

    def has_space(self, num_bytes: int) -> bool:
        """Whether `num_bytes` fit. Any size fits into an empty buffer."""
        is_within = self._num_kept_bytes + num_bytes <= self._max_bytes or not self._num_kept_bytes
        return is_within and len(self.utterances) < MAX_UTTERANCES

    def put(self, payload: bytes) -> None:
        """Append audio to the open utterance; cut it at the length limit."""
        view = memoryview(payload)
        while view:
            utterance = self.last
            piece = view[: self._next_check_bytes(len(utterance.audio)) - len(utterance.audio)]
            utterance.audio += piece
            self._num_put_bytes += len(piece)
            self._num_kept_bytes += len(piece)
            view = view[len(piece) :]
            utterance.notify()
            if self._is_cut_point(utterance):
                self.close_last(Ending.CUT)

    def close_last(self, ending: Ending) -> Utterance:
        """End the open utterance and open the next, unless `ending` is FINISH."""
        utterance = self.last
        utterance.ending = ending
        self.is_finished = ending is Ending.FINISH
        if not self.is_finished:
            self.utterances.append(Utterance(self._num_put_bytes, self._pcm))
        utterance.notify()
        return utterance

    def drop(self, utterance: Utterance) -> None:
        """Remove an answered utterance."""
        self.utterances.remove(utterance)
        self._num_kept_bytes -= len(utterance.audio)
        self._space_freed.set()

    async def wait_for_space(self, num_bytes: int) -> None:
        """Wait until `num_bytes` fit or the buffer is closed."""
        while not (self._is_closed or self.has_space(num_bytes)):
            self._space_freed.clear()
            await self._space_freed.wait()

    def close(self) -> None:
        """Release all tasks in `wait_for_space`. No more audio will be put or sent."""
        self._is_closed = True
        self._space_freed.set()

    def _next_check_bytes(self, num_bytes: int) -> int:
        """Length of the utterance, after `num_bytes`, at which to check for a cut point."""
        next_frame = (num_bytes // self._frame_bytes + 1) * self._frame_bytes
        return min(max(next_frame, self._cut_from_bytes), max(next_frame, self._cut_by_bytes))

    def _is_cut_point(self, utterance: Utterance) -> bool:
        num_bytes = len(utterance.audio)
        if num_bytes < self._cut_from_bytes or num_bytes % self._frame_bytes:
            return False
        return num_bytes >= self._cut_by_bytes or self._is_quiet(bytes(utterance.audio[-self._frame_bytes :]))

    def _is_quiet(self, frame: bytes) -> bool:
        samples = PcmDecoder(self._pcm.encoding, self._pcm.channels).feed(frame)
        return float(np.sqrt(np.mean(np.square(samples)))) < QUIET_LEVEL
