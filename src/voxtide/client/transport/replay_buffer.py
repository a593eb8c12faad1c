"""Audio that waits for its final text. In: the caller's bytes and marks. Out: utterances, in order. No sockets.

An utterance is what lies between two flushes. Its audio is kept until its final text has come, so that it can be sent
again. What is kept is bounded: `has_space` says whether more may be put. One that nobody flushes is cut at a quiet
place, or at the latest where three quarters of the bound are full, at the same place however the audio came in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto

import numpy as np

from voxtide.audio.encodings import PcmDecoder
from voxtide.audio.pcm import PcmFormat
from voxtide.client.transport.dedupe import UtteranceText

FRAME_S = 0.08
"""Length of the places that are looked at for quiet: a short pause between two words."""

QUIET_LEVEL = 0.01
"""Root mean square of a quiet place, 40 dB under full scale: a quiet room, well under speech."""

MAX_UTTERANCES = 1024
"""Utterances that wait for their text. Who flushes more often than this without an answer is in a loop."""


class Ending(Enum):
    """What closed an utterance."""

    FLUSH = auto()
    CUT = auto()  # by us, because it grew too long
    FINISH = auto()


class Utterance:
    """One utterance: its audio, and what has been heard of it.

    Attributes:
        start_s: Where its audio begins, in seconds of the caller's audio.
        audio: All of it so far.
        ending: What closed it; None while audio may still come.
        hearing: Its text.
        is_answered: Whether its final text has come.
        is_handed_over: Whether what gets its text is no longer the connection that takes audio.
        num_carries: How often its audio has been begun to be sent.
        num_sent_bytes: How much of it went out the last time.
    """

    def __init__(self, start_bytes: int, pcm: PcmFormat) -> None:
        self.start_s = start_bytes / pcm.bytes_per_s
        self.audio = bytearray()
        self.ending: Ending | None = None
        self.hearing = UtteranceText(self.start_s)
        self.is_answered = False
        self.is_handed_over = False
        self.num_carries = 0
        self.num_sent_bytes = 0
        self._start_bytes = start_bytes
        self._bytes_per_s = pcm.bytes_per_s
        self._news = asyncio.Event()

    @property
    def duration_s(self) -> float:
        """The length of its audio."""
        return len(self.audio) / self._bytes_per_s

    @property
    def end_s(self) -> float:
        """Where its audio ends so far."""
        return (self._start_bytes + len(self.audio)) / self._bytes_per_s

    @property
    def sent_to_s(self) -> float:
        """Where the audio ends that went out the last time."""
        return (self._start_bytes + self.num_sent_bytes) / self._bytes_per_s

    @property
    def is_empty(self) -> bool:
        """Whether it closed without any audio, so that there is nothing to ask the server."""
        return self.ending is not None and not self.audio

    def wake(self) -> None:
        """Let whoever waits for news look again."""
        self._news.set()

    async def news(self) -> None:
        """Wait for the next change. Look first: what changed before the call is not told."""
        self._news.clear()
        await self._news.wait()


class ReplayBuffer:
    """The utterances whose final text has not come, in order. The last one is open until `close_last(FINISH)`."""

    def __init__(self, pcm: PcmFormat, max_s: float) -> None:
        frame_bytes = max(1, round(FRAME_S * pcm.sample_rate_hz)) * pcm.encoding.num_bytes * pcm.channels
        self._pcm = pcm
        self._frame_bytes = frame_bytes
        self._max_bytes = int(max_s * pcm.bytes_per_s)
        self._cut_from_bytes = self._max_bytes // 2 // frame_bytes * frame_bytes
        self._cut_by_bytes = max(frame_bytes, self._max_bytes * 3 // 4 // frame_bytes * frame_bytes)
        self._num_put_bytes = 0
        self._room = asyncio.Event()
        self._is_closed = False
        self.is_finished = False
        """Whether no more audio may come."""
        self._num_kept_bytes = 0
        self.utterances: deque[Utterance] = deque([Utterance(0, pcm)])
        """Those kept. The first ones may be on connections that are about to end."""

    @property
    def last(self) -> Utterance:
        """The one that takes audio, or the one that ended all."""
        return self.utterances[-1]

    @property
    def next_to_carry(self) -> Utterance | None:
        """The first that has no final text and nobody who gets it; None when all is finished."""
        return next((it for it in self.utterances if not (it.is_answered or it.is_handed_over)), None)

    @property
    def put_s(self) -> float:
        """All audio put so far, in seconds."""
        return self.seconds_of(self._num_put_bytes)

    @property
    def unsent_s(self) -> float:
        """Audio that is to be sent and on no connection yet, in seconds."""
        num_bytes = sum(len(it.audio) - it.num_sent_bytes for it in self.utterances)
        return 0.0 if self._is_closed else self.seconds_of(num_bytes)

    def seconds_of(self, num_bytes: int) -> float:
        """How long so much audio lasts."""
        return num_bytes / self._pcm.bytes_per_s

    def following(self, utterance: Utterance) -> Utterance | None:
        """The utterance behind one that is kept; None behind the last."""
        place = self.utterances.index(utterance) + 1
        return self.utterances[place] if place < len(self.utterances) else None

    def has_space(self, num_bytes: int) -> bool:
        """Whether so much audio may be put; a little always may where nothing is kept."""
        is_within = self._num_kept_bytes + num_bytes <= self._max_bytes or not self._num_kept_bytes
        return is_within and len(self.utterances) < MAX_UTTERANCES

    def put(self, payload: bytes) -> None:
        """Append audio to the open utterance, and cut it where that has become necessary."""
        view = memoryview(payload)
        while view:
            utterance = self.last
            piece = view[: self._next_look(len(utterance.audio)) - len(utterance.audio)]
            utterance.audio += piece
            self._num_put_bytes += len(piece)
            self._num_kept_bytes += len(piece)
            view = view[len(piece) :]
            utterance.wake()
            if self._is_place_to_cut(utterance):
                self.close_last(Ending.CUT)

    def close_last(self, ending: Ending) -> Utterance:
        """Close the open utterance; another follows unless all is finished."""
        utterance = self.last
        utterance.ending = ending
        self.is_finished = ending is Ending.FINISH
        if not self.is_finished:
            self.utterances.append(Utterance(self._num_put_bytes, self._pcm))
        utterance.wake()
        return utterance

    def drop(self, utterance: Utterance) -> None:
        """Forget an utterance whose text has come."""
        self.utterances.remove(utterance)
        self._num_kept_bytes -= len(utterance.audio)
        self._room.set()

    async def wait_for_space(self, num_bytes: int) -> None:
        """Wait until so much audio may be put, or until the journal is closed."""
        while not (self._is_closed or self.has_space(num_bytes)):
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Nothing more will be put or sent; nobody waits for room any more."""
        self._is_closed = True
        self._room.set()

    def _next_look(self, num_bytes: int) -> int:
        """Where, in an utterance, the next look for a place to cut is due."""
        next_frame = (num_bytes // self._frame_bytes + 1) * self._frame_bytes
        return min(max(next_frame, self._cut_from_bytes), max(next_frame, self._cut_by_bytes))

    def _is_place_to_cut(self, utterance: Utterance) -> bool:
        num_bytes = len(utterance.audio)
        if num_bytes < self._cut_from_bytes or num_bytes % self._frame_bytes:
            return False
        return num_bytes >= self._cut_by_bytes or self._is_quiet(bytes(utterance.audio[-self._frame_bytes :]))

    def _is_quiet(self, frame: bytes) -> bool:
        samples = PcmDecoder(self._pcm.encoding, self._pcm.channels).feed(frame)
        return float(np.sqrt(np.mean(np.square(samples)))) < QUIET_LEVEL
