"""What streams ask of the model, done for all of them at once. In: asks. Out: a token in each. Knows no streams.

One thread, the device's, calls everything but `take_row` and `give_row`.
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
from voxtide.voxtral.rows import Rows, RowSnapshot

_log = logging.getLogger("voxtide.engines")

NEVER = float("-inf")
"""A bias that forbids a token."""


@dataclass(slots=True)
class Ask:
    """What one stream wants of the next step, and what the step said. Each stream has one and uses it again.

    Attributes:
        row: Where the stream lives.
        window: Audio to encode first, or None.
        forced: The input token, or FREE.
        pad_bias, eos_bias: Added to the scores of PAD and EOS.
        said: The token.
        pad_margin: By how much PAD led the best other token, before the bias.
    """

    row: int
    window: Samples | None = field(default=None, repr=False)
    forced: int = PAD
    pad_bias: float = 0.0
    eos_bias: float = NEVER
    said: int = PAD
    pad_margin: float = 0.0


class Runner:
    """A model with a fixed number of rows."""

    def __init__(
        self,
        model: VoxtralModel,
        num_rows: int,
        *,
        decoder_window: int | None = None,
        make_steps: Callable[[VoxtralModel, Rows], Steps] = best_steps,
    ) -> None:
        self.num_rows = num_rows
        self._model = model
        self._rows = model.new_rows(num_rows, decoder_window=decoder_window)
        self._steps = make_steps(model, self._rows)
        self._asks: list[Ask] = []
        self._lock = threading.Lock()  # guards the free rows: streams come and go on other threads
        self._free_rows = list(reversed(range(num_rows)))
        self.on_failure: Callable[[EngineFailedError], None] = _raise
        self.num_steps = 0
        self._is_closed = False
        model.open(self._rows, 0, DEFAULT_DELAY_TOKENS)  # the first stream shall not wait for the common prefix

    def take_row(self) -> int:
        """A free row.

        Raises:
            CapacityError: There is none.
        """
        with self._lock:
            if not self._free_rows:
                raise CapacityError(f"all {self.num_rows} rows of the model are taken; close a stream first")
            return self._free_rows.pop()

    def give_row(self, row: int) -> None:
        """Put a row back. What a step in flight still does to it, the next stream's `open` undoes."""
        with self._lock:
            self._free_rows.append(row)

    def close(self) -> None:
        """Free the model and all rows. No step may run any more."""
        if not self._is_closed:
            self._is_closed = True
            del self._steps, self._rows, self._model

    def open(self, row: int, delay_tokens: int) -> None:
        """Make a row ready for a new stream."""
        self._model.open(self._rows, row, delay_tokens)

    def snapshot(self, row: int) -> RowSnapshot:
        """What `restore` needs."""
        return self._rows.snapshot(row)

    def restore(self, row: int, snapshot: RowSnapshot) -> None:
        """Make a row what it was."""
        self._rows.restore(row, snapshot)

    def ask(self, ask: Ask) -> None:
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

    def _step(self, asks: list[Ask]) -> None:
        for rows, windows in _passes(asks):
            self._steps.encode(rows, windows)
        forced = np.fromiter((ask.forced for ask in asks), np.int64, len(asks))
        biases = np.array([(ask.pad_bias, ask.eos_bias) for ask in asks], np.float32)
        said, margins = self._steps.decode([ask.row for ask in asks], forced, biases)
        for ask, token, margin in zip(asks, said, margins, strict=True):
            ask.said, ask.pad_margin, ask.window = token, margin, None
        self.num_steps += 1


def _passes(asks: Iterable[Ask]) -> list[tuple[list[int], np.ndarray[tuple[int, int], np.dtype[np.float32]]]]:
    """Windows of one length go together."""
    by_length: dict[int, list[Ask]] = {}
    for ask in asks:
        if ask.window is not None:
            by_length.setdefault(len(ask.window), []).append(ask)
    return [([ask.row for ask in group], np.stack([ask.window for ask in group])) for group in by_length.values()]  # type: ignore[misc]  # none is None


def _reason(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "out of memory" in text.lower():
        return f"{text}; allow fewer streams (--streams) or a smaller window (--window-minutes)"
    return text


def _raise(error: EngineFailedError) -> None:
    raise error
