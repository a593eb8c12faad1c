"""Voxtral's streams without threads or an event loop, and a runner with scripted tokens."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from voxtide.engines.voxtral.batch_runner import BatchRunner, StepRequest
from voxtide.engines.voxtral.recogniser import VoxtralRecogniser
from voxtide.transcript.events import Delta, Flushed, TranscriptEvent
from voxtide.types import Samples
from voxtide.voxtral.config import NUM_LEFT_PAD_TOKENS, NUM_PREFIX_TOKENS, PAD, SAMPLES_PER_TOKEN
from voxtide.voxtral.framing import window_samples
from voxtide.voxtral.model import FREE
from voxtide.voxtral.tokenizer import Vocabulary

PIECES = [b" a", b" b", b"c", b".", "é".encode()[:1], "é".encode()[1:], "字".encode(), b" "]
VOCABULARY = Vocabulary(PIECES)


@dataclass
class ScriptedBatchRunner:
    """Decodes `token_of(frame)` for each frame, and records all requests. Snapshots are counts."""

    token_of: Callable[[int], int]
    delay_tokens: int = 6
    requests: list[tuple[int, int, float, float]] = field(default_factory=list)  # position, input, PAD's and EOS's bias
    position: int = 0
    num_encoded: int = 0
    num_opened: int = 0
    num_free_slots: int = 1
    pending: StepRequest | None = None

    def take_slot(self) -> int:
        self.num_free_slots -= 1
        return 0

    def release_slot(self, slot: int) -> None:
        self.num_free_slots += 1

    def open(self, slot: int, delay_tokens: int) -> None:
        self.position = self.num_encoded = NUM_PREFIX_TOKENS
        self.num_opened += 1

    def snapshot(self, slot: int) -> tuple[int, int]:
        assert self.num_encoded == self.position, "a snapshot needs all encoded audio decoded"
        return self.position, self.num_encoded

    def restore(self, slot: int, snapshot: tuple[int, int]) -> None:
        self.position, self.num_encoded = snapshot

    def submit(self, request: StepRequest) -> None:
        assert self.pending is None, "two requests for one step"
        self.pending = request

    def step(self) -> None:
        request, self.pending = self.pending, None
        if request is None:
            return
        if request.window is not None:
            num_tokens = len(request.window) // SAMPLES_PER_TOKEN
            assert len(request.window) == window_samples(num_tokens)
            self.num_encoded += num_tokens
        assert self.num_encoded > self.position, "nothing to decode"
        self.requests.append((self.position, request.forced, request.pad_bias, request.eos_bias))
        frame = self.position - NUM_LEFT_PAD_TOKENS - self.delay_tokens
        assert request.forced == PAD or frame > 0, "the prompt is PAD"
        request.token = self.token_of(frame) if frame >= 0 else 999
        self.position += 1


@dataclass
class Driven:
    """A recogniser and its runner, run until nothing is left after each call."""

    recogniser: VoxtralRecogniser
    runner: BatchRunner | ScriptedBatchRunner
    events: list[TranscriptEvent] = field(default_factory=list)
    num_flushes: int = 0

    def feed(self, samples: Samples) -> None:
        self.recogniser.feed(samples)
        self.run()

    def flush(self) -> Flushed:
        self.num_flushes += 1
        self.recogniser.flush(self.num_flushes)
        self.run()
        answer = self.events[-1]
        assert isinstance(answer, Flushed)
        assert answer.flush_id == self.num_flushes
        return answer

    def finish(self) -> None:
        self.recogniser.finish()
        self.run()

    def run(self) -> None:
        while (events := self.recogniser.step(is_behind=False)) is not None:
            self.events += events
            self.runner.step()

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))


def run_together(*streams: Driven) -> None:
    """Ticks as in `BatchWorker`: `step` of every stream, then one step of the runner for all."""
    is_busy = True
    while is_busy:
        is_busy = False
        for stream in streams:
            if (events := stream.recogniser.step(is_behind=False)) is not None:
                stream.events += events
                is_busy = True
        streams[0].runner.step()


def driven(runner: ScriptedBatchRunner, *, peek_frames: int = 0) -> Driven:
    """A stream on a scripted runner."""
    recogniser = VoxtralRecogniser(
        runner,  # type: ignore[arg-type]  # it has all that a stream calls
        VOCABULARY,
        delay_tokens=runner.delay_tokens,
        peek_frames=peek_frames,
    )
    return Driven(recogniser, runner)


def tensors() -> list[torch.Tensor]:
    """All live tensors, except weights packed by a library."""
    gc.collect()
    return [it for it in gc.get_objects() if issubclass(type(it), torch.Tensor) and it.layout is torch.strided]


def places(tensors: list[torch.Tensor]) -> set[tuple[int, int, int]]:
    """Identity, address and size of each. Keep the tensors alive: a new one could take the address of a freed one."""
    return {(id(tensor), tensor.data_ptr(), tensor.untyped_storage().nbytes()) for tensor in tensors}


__all__ = ["FREE", "VOCABULARY", "Driven", "ScriptedBatchRunner", "driven", "places", "run_together", "tensors"]
