"""What streams ask of the model, done for all of them at once. In: asks. Out: a token in each. Knows no streams.

One thread, the device's, calls everything but `take_slot` and `release_slot`.
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
"""A bias that forbids a token."""


@dataclass(slots=True)
class StepRequest:
    """What one stream wants of the next step, and what the step said. Each stream has one and uses it again.

    Attributes:
        row: Where the stream lives.
        window: Audio to encode first, or None.
        forced: The input token, or FREE.
        pad_bias, eos_bias: Added to the scores of PAD and EOS.
        said: The token.
        pad_margin: By how much PAD led the best other token, before the bias.
    """

    slot: int
    window: Samples | None = field(default=None, repr=False)
    forced: int = PAD
    pad_bias: float = 0.0
    eos_bias: float = NEVER
    said: int = PAD
    pad_margin: float = 0.0


class BatchRunner:
    """A model with a fixed number of rows."""

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
        self._asks: list[StepRequest] = []
        self._lock = threading.Lock()  # guards the free rows: streams come and go on other threads
        self._free_slots = list(reversed(range(num_slots)))
        self.on_failure: Callable[[EngineFailedError], None] = _raise
        self.num_steps = 0
        self._is_closed = False
        model.open(self._slots, 0, DEFAULT_DELAY_TOKENS)  # the first stream shall not wait for the common prefix

    def take_slot(self) -> int:
        """A free row.

        Raises:
            CapacityError: There is none.
        """
        with self._lock:
            if not self._free_slots:
                raise CapacityError(f"all {self.num_slots} rows of the model are taken; close a stream first")
            return self._free_slots.pop()

    def release_slot(self, slot: int) -> None:
        """Put a row back. What a step in flight still does to it, the next stream's `open` undoes."""
        with self._lock:
            self._free_slots.append(slot)

    def close(self) -> None:
        """Free the model and all rows. No step may run any more."""
        if not self._is_closed:
            self._is_closed = True
            del self._steps, self._slots, self._model

    def open(self, slot: int, delay_tokens: int) -> None:
        """Make a row ready for a new stream."""
        self._model.open(self._slots, slot, delay_tokens)

    def snapshot(self, slot: int) -> SlotSnapshot:
        """What `restore` needs."""
        return self._slots.snapshot(slot)

    def restore(self, slot: int, snapshot: SlotSnapshot) -> None:
        """Make a row what it was."""
        self._slots.restore(slot, snapshot)

    def ask(self, ask: StepRequest) -> None:
        """Take part in the next step; at most once."""
        self._asks.append(ask)

    def serve(self) -> None:
        """One step for all who asked. Whatever goes wrong with the device is told to `on_failure`."""
        asks, self._asks = self._asks, []
        if not asks:
            return
        try:
            self._step(asks)
        except Exception as error:
            _log.exception("a step of the Voxtral model failed")
            self.on_failure(EngineFailedError(f"engine 'voxtral' failed on {self._model.device}: {_reason(error)}"))

    def _step(self, asks: list[StepRequest]) -> None:
        for slots, windows in _passes(asks):
            self._steps.encode(slots, windows)
        forced = np.fromiter((ask.forced for ask in asks), np.int64, len(asks))
        biases = np.array([(ask.pad_bias, ask.eos_bias) for ask in asks], np.float32)
        said, margins = self._steps.decode([ask.slot for ask in asks], forced, biases)
        for ask, token, margin in zip(asks, said, margins, strict=True):
            ask.said, ask.pad_margin, ask.window = token, margin, None
        self.num_steps += 1


def _passes(asks: Iterable[StepRequest]) -> list[tuple[list[int], np.ndarray[tuple[int, int], np.dtype[np.float32]]]]:
    """Windows of one length go together."""
    by_length: dict[int, list[StepRequest]] = {}
    for ask in asks:
        if ask.window is not None:
            by_length.setdefault(len(ask.window), []).append(ask)
    return [([ask.slot for ask in group], np.stack([ask.window for ask in group])) for group in by_length.values()]  # type: ignore[misc]  # none is None


def _reason(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "out of memory" in text.lower():
        return f"{text}; allow fewer streams (--streams) or a smaller window (--window-minutes)"
    return text


def _raise(error: EngineFailedError) -> None:
    raise error
