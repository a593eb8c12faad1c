"""One stream of Voxtral: who asks for what next. In: samples, flush, finish, and what the model said. Out: events.

A flush runs ahead on a fork of the line: the audio that was begun is filled up with silence, and the tokens the model
would say to it are told for good. Then the row is put back as it was, bit for bit. When the line itself comes to those
frames, with real audio, it says the same tokens over, untold: so the model goes on from what the caller was told.
A glimpse does the same and commits to nothing; its text is interim.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

from voxtide.engines.voxtral.batch_runner import NEVER, BatchRunner, StepRequest
from voxtide.engines.voxtral.blank_loop import BlankLoopDetector
from voxtide.engines.voxtral.decode_state import DecodedToken, DecodeState
from voxtide.engines.voxtral.final_text import VoxtralFinalText
from voxtide.engines.voxtral.speech_events import SpeechEventDetector
from voxtide.transcript.events import BlankLoopDetected, Finished, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples
from voxtide.voxtral.config import EOS, MAX_AHEAD_TOKENS, NUM_DRAIN_TOKENS, PAD, SAMPLES_PER_TOKEN, TOKEN_MS
from voxtide.voxtral.slots import SlotSnapshot
from voxtide.voxtral.tokenizer import TextDecoder, Vocabulary

_BEGUN_TOKENS = 2
"""Tokens that silence completes, at most: the one begun, and the one whose look-ahead of 40 samples is missing."""

NUM_LAST_PADS = 2
"""PADs in a row behind the last of the audio that mean that all is said."""


class Aim(Enum):
    """What a run ahead is for."""

    COMMIT = auto()
    PEEK = auto()
    FINISH = auto()


@dataclass(slots=True)
class LookAhead:
    """A run into silence, to the end of what was fed.

    Attributes:
        aim: What it is for.
        num_frames: Frames of the caller's audio, the begun one counted.
        undo: Puts the row back; None where nothing follows.
        said: What it said so far, behind what was told before.
        num_pads: PADs in a row, up to now.
    """

    aim: Aim
    num_frames: int
    undo: SlotSnapshot | None
    said: list[tuple[DecodedToken, TextDecoder]] = field(default_factory=list)
    num_pads: int = 0

    def is_over(self, said: DecodedToken) -> bool:
        """Note a token; True when all is said."""
        self.num_pads = self.num_pads + 1 if said.token == PAD else 0
        return said.token == EOS or (said.frame >= self.num_frames and self.num_pads >= NUM_LAST_PADS)


class VoxtralRecogniser:
    """A stream's state; see `Recogniser` for what is called when. Its steps all run on the device's thread."""

    def __init__(
        self,
        runner: BatchRunner,
        vocabulary: Vocabulary,
        *,
        delay_tokens: int,
        listener: SpeechEventDetector | None = None,
        peek_frames: int = 0,
    ) -> None:
        self._runner = runner
        self._delay_tokens = delay_tokens
        self._listener = listener
        self._peek_frames = peek_frames
        self._ask: StepRequest | None = StepRequest(runner.take_slot())
        self._is_open = False
        self._is_asking = False
        self._line = self._main = DecodeState(delay_tokens, vocabulary)
        self._ahead: LookAhead | None = None
        self._spoken = VoxtralFinalText()
        self._guard = BlankLoopDetector()
        self._commands: deque[int | None] = deque()  # flush ids; None is the finish. One at a time, in truth
        self._num_fed_samples = 0
        self._num_done_samples = 0
        self._num_flushed_samples = 0
        self._peeked_frame = 0
        self._is_finished = False

    @property
    def num_done_samples(self) -> int:
        return self._num_done_samples

    @property
    def audio_s(self) -> float:
        """Length of the audio fed so far."""
        return self._num_fed_samples / SAMPLE_RATE_HZ

    def feed(self, samples: Samples) -> None:
        self._main.framer.push(samples)
        self._num_fed_samples += len(samples)
        if self._listener is not None:
            self._listener.feed(samples)

    def flush(self, flush_id: int) -> None:
        self._commands.append(flush_id)

    def finish(self) -> None:
        self._commands.append(None)

    def close(self) -> None:
        ask, self._ask = self._ask, None
        if ask is not None:
            self._runner.release_slot(ask.slot)

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        ask = self._ask
        if ask is None or self._is_finished:
            return None
        events = self._hear(ask) if self._is_asking else []
        if not self._line.has_work and self._ahead is None:
            events += self._turn(ask.slot, is_behind=is_behind)
        self._is_asking = self._line.has_work and not self._is_finished
        if self._is_asking:
            self._ask_for(ask)
        return events if self._is_asking or events else None

    def _ask_for(self, ask: StepRequest) -> None:
        """Ask for the line's next token."""
        if not self._is_open:
            self._runner.open(ask.slot, self._delay_tokens)
            self._is_open = True
        ask.window, ask.forced = self._line.take_window(), self._line.input_token
        ask.pad_bias = self._guard.pad_bias
        ask.eos_bias = NEVER if self._ahead is None else 0.0  # a stream that lives does not end
        self._runner.submit(ask)

    def _hear(self, ask: StepRequest) -> list[TranscriptEvent]:
        """Take what the model said to the last ask."""
        said = self._line.take(ask.token)
        if self._ahead is None:
            return self._hear_live(said, ask.pad_margin)
        return self._hear_ahead(ask.slot, self._ahead, said)

    def _hear_live(self, said: DecodedToken | None, pad_margin: float) -> list[TranscriptEvent]:
        num_heard_samples = self._main.num_decoded_frames * SAMPLES_PER_TOKEN
        self._num_done_samples = max(self._num_done_samples, min(num_heard_samples, self._num_fed_samples))
        events = self._listener.listen(num_heard_samples) if self._listener else []
        if said is not None and said.is_new:
            is_speech = self._listener.is_speech if self._listener else None
            if self._guard.push(said.frame, said.token, pad_margin=pad_margin, is_speech=is_speech):
                events.append(BlankLoopDetected(min((said.frame + 1) * TOKEN_MS / 1000, self.audio_s)))
            events += self._spoken.push(said.frame, said.token, said.text, self.audio_s)
        return events

    def _hear_ahead(self, slot: int, ahead: LookAhead, said: DecodedToken | None) -> list[TranscriptEvent]:
        is_over = not self._line.has_work
        if said is not None:
            is_over |= ahead.is_over(said)
            if said.is_new:
                ahead.said.append((said, self._line.text.fork()))
        return self._return(slot, ahead) if is_over else []

    # Running ahead, and coming back.

    def _turn(self, slot: int, *, is_behind: bool) -> list[TranscriptEvent]:
        """All audio is decoded: what now?"""
        if self._commands:
            flush_id = self._commands[0]
            if self._num_flushed_samples < self._num_fed_samples:
                self._run_ahead(slot, Aim.FINISH if flush_id is None else Aim.COMMIT)
                return []
            return self._answer()
        frames = self._main.next_frame - self._peeked_frame
        if self._peek_frames and not is_behind and frames >= self._peek_frames and not self._main.forced:
            self._peeked_frame = self._main.next_frame
            self._run_ahead(slot, Aim.PEEK)
        return []

    def _run_ahead(self, slot: int, aim: Aim) -> None:
        if not self._is_open:
            self._runner.open(slot, self._delay_tokens)
            self._is_open = True
        undo = None if aim is Aim.FINISH else self._runner.snapshot(slot)
        self._line = self._main if aim is Aim.FINISH else self._main.fork()
        num_tokens = min(self._delay_tokens + NUM_DRAIN_TOKENS, MAX_AHEAD_TOKENS - _BEGUN_TOKENS)
        self._line.framer.push_silence(num_tokens)
        self._ahead = LookAhead(aim, -(-self._num_fed_samples // SAMPLES_PER_TOKEN), undo)

    def _return(self, slot: int, ahead: LookAhead) -> list[TranscriptEvent]:
        """The run is over: put the row back, and do what the run was for."""
        self._ahead = None
        if ahead.undo is not None:
            self._runner.restore(slot, ahead.undo)
        self._line = self._main
        if ahead.aim is Aim.PEEK:
            tail = "".join(said.text for said, _ in ahead.said)
            return [*self._spoken.show(tail, self.audio_s)]
        is_last = ahead.aim is Aim.FINISH
        events = self._commit(ahead.said, is_last=is_last)
        self._num_flushed_samples = self._num_done_samples = self._num_fed_samples
        return events + self._answer()

    def _commit(self, run: list[tuple[DecodedToken, TextDecoder]], *, is_last: bool) -> list[TranscriptEvent]:
        """Tell what a run said, up to its last whole character, and bind the line to it."""
        num_told = max((place for place, (said, _) in enumerate(run, 1) if said.text), default=0)
        events: list[TranscriptEvent] = []
        for said, text in run[:num_told]:
            events += self._spoken.push(said.frame, said.token, said.text, self.audio_s)
            self._guard.push(said.frame, said.token, pad_margin=math.inf, is_speech=False)  # text is text: no rut
            if not is_last:
                self._main.forced.append(said.token)
                self._main.text = text
        return events

    def _answer(self) -> list[TranscriptEvent]:
        """Answer the oldest command; nothing that was fed is unsaid."""
        flush_id = self._commands.popleft()
        if flush_id is not None:
            return self._spoken.answer(flush_id, self.audio_s)
        self._is_finished = True
        rest = self._spoken.push(self._main.next_frame, PAD, self._main.text.finish(), self.audio_s)
        ended = self._spoken.end_segment(self.audio_s)
        return [*rest, *ended, *self._spoken.show("", self.audio_s), Finished(self.audio_s)]
