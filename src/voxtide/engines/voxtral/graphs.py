"""A step on the device, plain or as CUDA graphs. In: slots and host arrays. Out: tokens on the host.

A step copies a few kilobytes in, runs, copies a few bytes out and waits once, at the end. In between nothing
synchronises with the device, so that the step can be captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxtide.voxtral.attention import Reach
from voxtide.voxtral.framing import window_samples
from voxtide.voxtral.model import FREE, Decoded, VoxtralModel
from voxtide.voxtral.slots import BatchSlots, Slots


class Steps(Protocol):
    """A way to run a batch."""

    def encode(self, slots: Sequence[int], windows: NDArray[np.float32]) -> None:
        """Encode the next tokens of these slots: windows [B, window_samples(n)]."""

    def decode(
        self, slots: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        """Decode one token of each slot: forced [B], biases [B, 2] -> tokens, margins of PAD."""


class PlainSteps:
    """Calls the model, with batches of any size. For CPUs, and devices without graphs."""

    def __init__(self, model: VoxtralModel, slots: Slots) -> None:
        self._model, self._slots = model, slots

    def encode(self, slots: Sequence[int], windows: NDArray[np.float32]) -> None:
        samples = torch.from_numpy(windows).to(self._model.device)
        self._model.encode(self._slots, self._slots.batch(slots), samples)

    def decode(
        self, slots: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        device = self._model.device
        decoded = self._model.decode(
            self._slots,
            self._slots.batch(slots),
            torch.from_numpy(forced).to(device),
            torch.from_numpy(biases).to(device),
        )
        return decoded.tokens.tolist(), decoded.pad_margins.tolist()


NUM_WARM_UPS = 3
"""Runs before a capture: libraries select kernels and allocate memory in the first ones."""

BATCH_SIZES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 384, 448, 512)
"""Batch sizes that are captured. At most a third of a batch is padding."""


@dataclass(frozen=True, slots=True)
class Buffers:
    """Inputs and outputs of batches of one size: on the host, pinned, and on the device.

    Each is copied at most once per step: the host's side must not be written again before the step's wait.
    """

    host: dict[str, Tensor]
    device: dict[str, Tensor]

    @classmethod
    def of(cls, size: int, scratch_slot: int, device: torch.device) -> Buffers:
        """Buffers of a batch that is all padding."""
        host = {
            "encode_index": torch.full((size,), scratch_slot, dtype=torch.int64),
            "decode_index": torch.full((size,), scratch_slot, dtype=torch.int64),
            "forced": torch.full((size,), FREE, dtype=torch.int64),
            "bias": torch.zeros((size, 2)),
            "window": torch.zeros((size, window_samples(1))),
            "tokens": torch.zeros(size, dtype=torch.int64),
            "margins": torch.zeros(size),
        }
        if device.type == "cuda":
            host = {name: tensor.pin_memory() for name, tensor in host.items()}
        return cls(host, {name: tensor.to(device) for name, tensor in host.items()})

    def put(self, name: str, values: NDArray[np.generic], rest: float) -> None:
        """Copy values for the first entries of the batch, and `rest` for the padding."""
        host = self.host[name]
        host.numpy()[: len(values)] = values
        host.numpy()[len(values) :] = rest
        self.device[name].copy_(host, non_blocking=True)


class GraphSteps:
    """Replays CUDA graphs. The longer encoder passes of a backlog call the model directly."""

    def __init__(self, model: VoxtralModel, slots: Slots) -> None:
        self._model, self._slots = model, slots
        self._plain = PlainSteps(model, slots)
        self._sizes = batch_sizes(slots.num_slots)
        self._buffers = {size: Buffers.of(size, slots.num_slots, model.device) for size in self._sizes}
        self._graphs: dict[tuple[str, int, Reach], torch.cuda.CUDAGraph] = {}
        self._pool = torch.cuda.graph_pool_handle()
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no annotation
        for size in reversed(self._sizes):  # the largest first, so that the others reuse its memory
            self._capture_all(size)

    def encode(self, slots: Sequence[int], windows: NDArray[np.float32]) -> None:
        if windows.shape[1] != window_samples(1):
            self._plain.encode(slots, windows)
            return
        batch, buffers = self._batch("encode", slots)
        buffers.put("window", windows, 0.0)
        self._graph("encode", batch, self._model.encoder_reach(self._slots, batch, 1)).replay()
        self._slots.count_encoded(batch, 1)

    def decode(
        self, slots: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        batch, buffers = self._batch("decode", slots)
        buffers.put("forced", forced, FREE)
        buffers.put("bias", biases, 0.0)
        self._graph("decode", batch, self._model.decoder_reach(self._slots, batch, 1)).replay()
        self._slots.count_decoded(batch, 1)
        for name in ("tokens", "margins"):
            buffers.host[name].copy_(buffers.device[name], non_blocking=True)
        self._copied.record()
        self._copied.synchronize()  # the one wait of a step
        tokens, margins = (buffers.host[name][: len(slots)].tolist() for name in ("tokens", "margins"))
        return tokens, margins

    def _batch(self, kind: str, slots: Sequence[int]) -> tuple[BatchSlots, Buffers]:
        size = next(size for size in self._sizes if size >= len(slots))
        buffers = self._buffers[size]
        buffers.put(f"{kind}_index", np.asarray(slots, np.int64), self._slots.num_slots)
        return BatchSlots(tuple(slots), buffers.device[f"{kind}_index"]), buffers

    def _capture_all(self, size: int) -> None:
        """Capture a size's graphs at the start of a stream. `Masked` has several reaches, captured when first used."""
        batch = BatchSlots((0,), self._buffers[size].device["encode_index"])
        self._graph("encode", batch, self._model.encoder_reach(self._slots, batch, 1))
        self._graph("decode", batch, self._model.decoder_reach(self._slots, batch, 1))

    def _graph(self, kind: str, batch: BatchSlots, reach: Reach) -> torch.cuda.CUDAGraph:
        key = kind, len(batch.index), reach
        if key not in self._graphs:
            self._graphs[key] = self._captured(
                step_on_device(self._model, self._slots, self._buffers[key[1]], kind, reach)
            )
        return self._graphs[key]

    @torch.inference_mode()
    def _captured(self, run: Callable[[], None]) -> torch.cuda.CUDAGraph:
        """Capture a step. The warm-up runs on padding only, so no stream is changed."""
        graph = torch.cuda.CUDAGraph()
        indices = [
            (index, index.clone())
            for buffers in self._buffers.values()
            for name, index in buffers.device.items()
            if name.endswith("_index")
        ]
        for index, _ in indices:
            index.fill_(self._slots.num_slots)
        torch.cuda.synchronize()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no annotation
        with torch.cuda.stream(side):
            for _ in range(NUM_WARM_UPS):
                run()
        side.synchronize()
        with torch.cuda.graph(graph, pool=self._pool):
            run()
        for index, saved in indices:
            index.copy_(saved)
        return graph


def step_on_device(model: VoxtralModel, slots: Slots, buffers: Buffers, kind: str, reach: Reach) -> Callable[[], None]:
    """The device's part of a step, over its buffers: the part that is captured."""
    on_device = buffers.device

    def encode() -> None:
        model.encode_on_device(slots, on_device["encode_index"], on_device["window"], reach)

    def decode() -> None:
        index, forced, bias = (on_device[name] for name in ("decode_index", "forced", "bias"))
        decoded: Decoded = model.decode_on_device(slots, index, forced, bias, reach)
        on_device["tokens"].copy_(decoded.tokens)
        on_device["margins"].copy_(decoded.pad_margins)

    return encode if kind == "encode" else decode


def batch_sizes(num_slots: int) -> tuple[int, ...]:
    """The batch sizes for this many slots."""
    return (*(size for size in BATCH_SIZES if size < num_slots), num_slots)


def best_steps(model: VoxtralModel, slots: Slots) -> Steps:
    """Graphs on CUDA, plain calls elsewhere."""
    return GraphSteps(model, slots) if model.device.type == "cuda" else PlainSteps(model, slots)
