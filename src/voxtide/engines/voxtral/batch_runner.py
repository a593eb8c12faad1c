"""One step of the model for all streams at once. In: a request per stream. Out: a token in each. Knows no streams.

All methods but `take_slot` and `release_slot` run on one thread, which drives the device.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from voxtide.engines.voxtral.graphs import Steps, best_steps
from voxtide.errors import CapacityError, EngineFailedError
from voxtide.types import Samples
from voxtide.voxtral.config import DEFAULT_DELAY_TOKENS, PAD
from voxtide.voxtral.model import VoxtralModel
from voxtide.voxtral.slots import Slots, SlotSnapshot

_log = logging.getLogger("voxtide.engines")

NEVER = float("-inf")
"""A logit bias that forbids a token."""


@dataclass(slots=True)
class StepRequest:
    """One stream's input to the next step, and the step's output. Each stream has one and reuses it.

    Attributes:
        slot: The stream's slot.
        window: Audio to encode first, or None.
        forced: The input token, or FREE.
        pad_bias, eos_bias: Added to the logits of PAD and EOS.
        token: Output: the decoded token.
        pad_margin: Output: PAD's logit minus the best other logit, before the biases.
    """

    slot: int
    window: Samples | None = field(default=None, repr=False)
    forced: int = PAD
    pad_bias: float = 0.0
    eos_bias: float = NEVER
    token: int = PAD
    pad_margin: float = 0.0


class BatchRunner:
    """A model with a fixed number of slots, and the requests for its next step."""

    def __init__(
        self,
        model: VoxtralModel,
        num_slots: int,
        *,
        decoder_window: int | None = None,
        make_steps: Callable[[VoxtralModel, Slots], Steps] = best_steps,
    ) -> None:
        self.num_slots = num_slots
        self._model = model
        self._slots = model.new_slots(num_slots, decoder_window=decoder_window)
        self._steps = make_steps(model, self._slots)
        self._requests: list[StepRequest] = []
        self._lock = threading.Lock()  # guards `_free_slots`: streams open and close on other threads
        self._free_slots = list(reversed(range(num_slots)))
        self.on_failure: Callable[[EngineFailedError], None] = _raise
        self.num_steps = 0
        self._is_closed = False
        model.open(self._slots, 0, DEFAULT_DELAY_TOKENS)  # compute the common prefix before the first stream

    def take_slot(self) -> int:
        """Reserve a free slot.

        Raises:
            CapacityError: All slots are in use.
        """
        with self._lock:
            if not self._free_slots:
                raise CapacityError(f"all {self.num_slots} slots of the model are in use; close a stream first")
            return self._free_slots.pop()

    def release_slot(self, slot: int) -> None:
        """Free a slot. A step in flight may still write to it; the next stream's `open` resets it."""
        with self._lock:
            self._free_slots.append(slot)

    def close(self) -> None:
        """Release the model and all slots. No step may run any more."""
        if not self._is_closed:
            self._is_closed = True
            del self._steps, self._slots, self._model

    def open(self, slot: int, delay_tokens: int) -> None:
        """Prepare a slot for a new stream."""
        self._model.open(self._slots, slot, delay_tokens)

    def snapshot(self, slot: int) -> SlotSnapshot:
        """Save a slot's state for `restore`."""
        return self._slots.snapshot(slot)

    def restore(self, slot: int, snapshot: SlotSnapshot) -> None:
        """Restore a slot's state."""
        self._slots.restore(slot, snapshot)

    def submit(self, request: StepRequest) -> None:
        """Take part in the next step; at most once per step."""
        self._requests.append(request)

    def step(self) -> None:
        """Run one step for all requests submitted since the last one; a no-op without any.

        One tick of the engine: its `BatchWorker` first calls `VoxtralRecogniser.step` of every stream that has work,
        which reads the token of its last request and submits the next one; then it calls this method once. A token is
        therefore read at the next tick. Failures of the device go to `on_failure`, which ends all streams.
        """
        requests = self._schedule()
        if not requests:
            return
        try:
            tokens, margins = self._run(requests)
            self._route(requests, tokens, margins)
        except Exception as error:
            _log.exception("a step of the Voxtral model failed")
            self.on_failure(EngineFailedError(f"engine 'voxtral' failed on {self._model.device}: {_reason(error)}"))

    def _schedule(self) -> list[StepRequest]:
        """All submitted requests: every stream has a slot, so none has to wait for a later step."""
        requests, self._requests = self._requests, []
        return requests

    def _run(self, requests: list[StepRequest]) -> tuple[list[int], list[float]]:
        """Encode the windows and decode one token per request; returns the tokens and PAD's margins."""
        for slots, windows in _windows_by_length(requests):
            self._steps.encode(slots, windows)
        forced = np.fromiter((request.forced for request in requests), np.int64, len(requests))
        biases = np.array([(request.pad_bias, request.eos_bias) for request in requests], np.float32)
        return self._steps.decode([request.slot for request in requests], forced, biases)

    def _route(self, requests: list[StepRequest], tokens: list[int], margins: list[float]) -> None:
        """Store each output in its stream's request."""
        for request, token, margin in zip(requests, tokens, margins, strict=True):
            request.token, request.pad_margin, request.window = token, margin, None
        self.num_steps += 1


def _windows_by_length(
    requests: Iterable[StepRequest],
) -> list[tuple[list[int], np.ndarray[tuple[int, int], np.dtype[np.float32]]]]:
    """The slots and windows of each encoder pass; a pass takes windows of one length."""
    by_length: dict[int, list[tuple[int, Samples]]] = {}
    for request in requests:
        if request.window is not None:
            by_length.setdefault(len(request.window), []).append((request.slot, request.window))
    return [([slot for slot, _ in group], np.stack([window for _, window in group])) for group in by_length.values()]


def _reason(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "out of memory" in text.lower():
        return f"{text}; allow fewer streams (--streams) or a smaller window (--window-minutes)"
    return text


def _raise(error: EngineFailedError) -> None:
    raise error
