"""One stream of Voxtral. In: samples, flush, finish, and the decoded tokens. Out: events, and requests for steps.

A flush looks ahead on a fork of the decode state: silence completes the last frame, and the tokens decoded from it
become final text. Then the slot is restored, bit for bit. When the stream's own state reaches those frames with real
audio, it is forced to the same tokens and does not emit them again, so the model continues from the text that the
caller has. A peek is a look-ahead whose text is interim: it forces nothing.
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

_PARTIAL_TOKENS = 2
"""Tokens that silence completes, at most: the partial one, and the one that lacks its look-ahead of 40 samples."""

NUM_END_PADS = 2
"""PADs in a row after the end of the audio that end a look-ahead."""


class Purpose(Enum):
    """What a look-ahead is for."""

    FLUSH = auto()
    PEEK = auto()
    FINISH = auto()


@dataclass(slots=True)
class LookAhead:
    """A run into silence, past the end of the audio fed so far.

    Attributes:
        purpose: Why the run was made.
        num_frames: Frames of the caller's audio, the partial one included.
        snapshot: Restores the slot; None if the stream ends.
        decoded: The new tokens, and the state of the text after each.
        num_pads: PADs in a row, up to now.
    """

    purpose: Purpose
    num_frames: int
    snapshot: SlotSnapshot | None
    decoded: list[tuple[DecodedToken, TextDecoder]] = field(default_factory=list)
    num_pads: int = 0

    def update(self, token: DecodedToken) -> bool:
        """Count a token; True if it ends the look-ahead."""
        self.num_pads = self.num_pads + 1 if token.token == PAD else 0
        return token.token == EOS or (token.frame >= self.num_frames and self.num_pads >= NUM_END_PADS)


class VoxtralRecogniser:
    """A stream's state; `Recogniser` defines the order of calls. Its steps all run on the device's thread."""

    def __init__(
        self,
        runner: BatchRunner,
        vocabulary: Vocabulary,
        *,
        delay_tokens: int,
        speech_detector: SpeechEventDetector | None = None,
        peek_frames: int = 0,
    ) -> None:
        self._runner = runner
        self._delay_tokens = delay_tokens
        self._speech_detector = speech_detector
        self._peek_frames = peek_frames
        self._request: StepRequest | None = StepRequest(runner.take_slot())
        self._is_open = False
        self._is_submitted = False
        self._state = self._main = DecodeState(delay_tokens, vocabulary)  # `_state` may be a fork, while looking ahead
        self._look_ahead: LookAhead | None = None
        self._final_text = VoxtralFinalText()
        self._blank_loop = BlankLoopDetector()
        self._commands: deque[int | None] = deque()  # flush ids; None is the finish. Holds one at most in practice
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
        if self._speech_detector is not None:
            self._speech_detector.feed(samples)

    def flush(self, flush_id: int) -> None:
        self._commands.append(flush_id)

    def finish(self) -> None:
        self._commands.append(None)

    def close(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._runner.release_slot(request.slot)

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        """Read the token of the last request, then submit the next one; see `BatchRunner.step`."""
        request = self._request
        if request is None or self._is_finished:
            return None
        events = self._take_token(request) if self._is_submitted else []
        if not self._state.has_work and self._look_ahead is None:
            events += self._when_drained(request.slot, is_behind=is_behind)
        self._is_submitted = self._state.has_work and not self._is_finished
        if self._is_submitted:
            self._submit(request)
        return events if self._is_submitted or events else None

    def _submit(self, request: StepRequest) -> None:
        """Request the next token."""
        self._open_once(request.slot)
        request.window, request.forced = self._state.take_window(), self._state.input_token
        request.pad_bias = self._blank_loop.pad_bias
        request.eos_bias = NEVER if self._look_ahead is None else 0.0  # only a look-ahead may end
        self._runner.submit(request)

    def _open_once(self, slot: int) -> None:
        if not self._is_open:
            self._runner.open(slot, self._delay_tokens)
            self._is_open = True

    def _take_token(self, request: StepRequest) -> list[TranscriptEvent]:
        """Read the token of the last request."""
        token = self._state.advance(request.token)
        if self._look_ahead is None:
            return self._on_live_token(token, request.pad_margin)
        return self._on_look_ahead_token(request.slot, self._look_ahead, token)

    def _on_live_token(self, token: DecodedToken | None, pad_margin: float) -> list[TranscriptEvent]:
        num_decoded_samples = self._main.num_decoded_frames * SAMPLES_PER_TOKEN
        self._num_done_samples = max(self._num_done_samples, min(num_decoded_samples, self._num_fed_samples))
        events = self._speech_detector.detect(num_decoded_samples) if self._speech_detector else []
        if token is not None and token.is_new:
            is_speech = self._speech_detector.is_speech if self._speech_detector else None
            if self._blank_loop.update(token.frame, token.token, pad_margin=pad_margin, is_speech=is_speech):
                events.append(BlankLoopDetected(min((token.frame + 1) * TOKEN_MS / 1000, self.audio_s)))
            events += self._final_text.push(token.frame, token.token, token.text, self.audio_s)
        return events

    def _on_look_ahead_token(
        self, slot: int, look_ahead: LookAhead, token: DecodedToken | None
    ) -> list[TranscriptEvent]:
        is_over = not self._state.has_work
        if token is not None:
            is_over |= look_ahead.update(token)
            if token.is_new:
                look_ahead.decoded.append((token, self._state.text.fork()))
        return self._end_look_ahead(slot, look_ahead) if is_over else []

    # Looking ahead, and returning.

    def _when_drained(self, slot: int, *, is_behind: bool) -> list[TranscriptEvent]:
        """All audio is decoded: run the oldest command, or peek if it is due."""
        if self._commands:
            flush_id = self._commands[0]
            if self._num_flushed_samples < self._num_fed_samples:
                self._start_look_ahead(slot, Purpose.FINISH if flush_id is None else Purpose.FLUSH)
                return []
            return self._answer_command()
        frames = self._main.next_frame - self._peeked_frame
        if self._peek_frames and not is_behind and frames >= self._peek_frames and not self._main.forced:
            self._peeked_frame = self._main.next_frame
            self._start_look_ahead(slot, Purpose.PEEK)
        return []

    def _start_look_ahead(self, slot: int, purpose: Purpose) -> None:
        self._open_once(slot)
        is_last = purpose is Purpose.FINISH
        snapshot = None if is_last else self._runner.snapshot(slot)
        self._state = self._main if is_last else self._main.fork()
        num_tokens = min(self._delay_tokens + NUM_DRAIN_TOKENS, MAX_AHEAD_TOKENS - _PARTIAL_TOKENS)
        self._state.framer.push_silence(num_tokens)
        self._look_ahead = LookAhead(purpose, -(-self._num_fed_samples // SAMPLES_PER_TOKEN), snapshot)

    def _end_look_ahead(self, slot: int, look_ahead: LookAhead) -> list[TranscriptEvent]:
        """Restore the slot, then emit the result."""
        self._look_ahead = None
        if look_ahead.snapshot is not None:
            self._runner.restore(slot, look_ahead.snapshot)
        self._state = self._main
        if look_ahead.purpose is Purpose.PEEK:
            interim = "".join(token.text for token, _ in look_ahead.decoded)
            return [*self._final_text.show(interim, self.audio_s)]
        events = self._finalise(look_ahead.decoded, is_last=look_ahead.purpose is Purpose.FINISH)
        self._num_flushed_samples = self._num_done_samples = self._num_fed_samples
        return events + self._answer_command()

    def _finalise(self, decoded: list[tuple[DecodedToken, TextDecoder]], *, is_last: bool) -> list[TranscriptEvent]:
        """Make a look-ahead's tokens final, up to its last whole character, and force them on the main state."""
        num_final = max((number for number, (token, _) in enumerate(decoded, 1) if token.text), default=0)
        events: list[TranscriptEvent] = []
        for token, text in decoded[:num_final]:
            events += self._final_text.push(token.frame, token.token, token.text, self.audio_s)
            self._blank_loop.update(token.frame, token.token, pad_margin=math.inf, is_speech=False)  # text resets it
            if not is_last:
                self._main.forced.append(token.token)
                self._main.text = text
        return events

    def _answer_command(self) -> list[TranscriptEvent]:
        """Answer the oldest command; the text of all audio has been emitted."""
        flush_id = self._commands.popleft()
        if flush_id is not None:
            return self._final_text.answer(flush_id, self.audio_s)
        self._is_finished = True
        rest = self._final_text.push(self._main.next_frame, PAD, self._main.text.finish(), self.audio_s)
        ended = self._final_text.end_segment(self.audio_s)
        return [*rest, *ended, *self._final_text.show("", self.audio_s), Finished(self.audio_s)]
