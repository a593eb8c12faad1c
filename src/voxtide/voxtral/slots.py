"""The state kept between steps, for a fixed number of slots. In: which slot to reset, save or restore. Out: state.

Each stream occupies one slot. Keys and values lie in rings (ring.py) and are never copied for a snapshot: it is a few
integers and small tensors, because the rings keep slack for what is written meanwhile (config.MAX_AHEAD_TOKENS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from voxtide.errors import CapacityError
from voxtide.voxtral.config import AUDIO_CELLS, DELAYS_TOKENS, NUM_MELS, NUM_PREFIX_TOKENS, PAD, VoxtralConfig
from voxtide.voxtral.config import ENCODER_FRAMES_PER_TOKEN as FRAMES
from voxtide.voxtral.encoder import MEL_CONTEXT_FRAMES, STEM_CONTEXT_FRAMES
from voxtide.voxtral.ring import Ring


@dataclass(frozen=True, slots=True)
class BatchSlots:
    """The slots that take part in one call.

    Attributes:
        slots: Distinct slots; their number may be smaller than the batch.
        index: The same on the device, [B] int64, padded with the scratch slot, whose results are unused.
    """

    slots: tuple[int, ...]
    index: Tensor


@dataclass(frozen=True, slots=True)
class SlotSnapshot:
    """A slot's state. Valid until the slot is opened again, and while it runs at most MAX_AHEAD_TOKENS ahead."""

    num_encoded: int
    num_decoded: int
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The state after the silence before every stream: the same for all streams of one delay."""

    snapshot: SlotSnapshot
    audio: Tensor  # [NUM_PREFIX_TOKENS, dim]
    encoder_cells: Tensor  # [2, layers, 4 * NUM_PREFIX_TOKENS, kv_heads, head_dim]
    decoder_cells: dict[int, Tensor]  # by delay, [2, layers, NUM_PREFIX_TOKENS, kv_heads, head_dim]


class Slots:
    """State of `num_slots` slots, allocated once. Tensors have one more, the scratch slot, which pads batches.

    Attributes:
        num_slots: The maximum number of streams.
        num_encoded: For each slot, tokens whose audio embedding was made. Kept on the host.
        num_decoded: For each slot, tokens the decoder has taken: its next position. Kept on the host.
        delays: For each slot, its delay in tokens.
        device: The device of the tensors.
    """

    def __init__(
        self,
        config: VoxtralConfig,
        num_slots: int,
        *,
        decoder_window: int | None = None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        window = config.decoder.window if decoder_window is None else decoder_window
        if num_slots < 1 or not 1 <= window <= config.decoder.window:
            raise ValueError(
                f"{num_slots} slots with a window of {window} positions: needs 1 or more slots, and a window "
                f"of 1 to {config.decoder.window}"
            )
        self.num_slots = num_slots
        self.device = device
        self.prefix: Prefix | None = None
        rings = partial(Ring, num_slots=num_slots, dtype=dtype, device=device)
        try:
            self.encoder_ring = rings(config.encoder, window=config.encoder.window, num_cells=config.encoder_cells())
            self.decoder_ring = rings(config.decoder, window=window, num_cells=config.decoder_cells(window))
        except (RuntimeError, MemoryError) as error:  # torch's out-of-memory errors are RuntimeErrors
            needed = num_slots * config.slot_bytes(dtype.itemsize, window)
            raise CapacityError(
                f"no memory for {num_slots} streams on {device}: their keys and values take {needed / 2**30:.1f} GiB; "
                "allow fewer streams or a smaller window"
            ) from error
        total = num_slots + 1
        self.num_encoded = [0] * total
        self.num_decoded = [0] * total
        self.delays = [DELAYS_TOKENS[0]] * total
        self.encoded = torch.zeros(total, dtype=torch.int64, device=device)
        self.decoded = torch.zeros(total, dtype=torch.int64, device=device)
        self.tokens = torch.full((total,), PAD, dtype=torch.int64, device=device)
        self.delay_numbers = torch.zeros(total, dtype=torch.int64, device=device)
        self.mel_contexts = torch.zeros((total, MEL_CONTEXT_FRAMES, NUM_MELS), dtype=dtype, device=device)
        self.stem_contexts = torch.zeros((total, STEM_CONTEXT_FRAMES, config.encoder.dim), dtype=dtype, device=device)
        self.audio = torch.zeros((total, AUDIO_CELLS, config.decoder.dim), dtype=dtype, device=device)

    @property
    def _state_tensors(self) -> tuple[Tensor, ...]:
        return self.encoded, self.decoded, self.tokens, self.mel_contexts, self.stem_contexts

    def batch(self, slots: Sequence[int], *, size: int | None = None) -> BatchSlots:
        """A batch of these slots, padded to `size` (a bucket of batch sizes).

        Raises:
            ValueError: A slot is named twice or does not exist, or there are more than `size`.
        """
        size = len(slots) if size is None else size
        if len(set(slots)) != len(slots) or not all(0 <= slot < self.num_slots for slot in slots) or len(slots) > size:
            raise ValueError(
                f"slots {list(slots)} in a batch of {size}: they must be distinct and below {self.num_slots}"
            )
        index = [*slots, *[self.num_slots] * (size - len(slots))]
        return BatchSlots(tuple(slots), torch.tensor(index, dtype=torch.int64).to(self.device, non_blocking=True))

    def reset(self, slot: int, delay_tokens: int) -> None:
        """Reset a slot: position 0, nothing visible, conditioned on this delay. Touches no keys and values."""
        self.num_encoded[slot] = self.num_decoded[slot] = 0
        self.delays[slot] = delay_tokens
        self.delay_numbers[slot] = DELAYS_TOKENS.index(delay_tokens)
        for tensor in self._state_tensors:
            tensor[slot] = 0

    def count_encoded(self, batch: BatchSlots, num_tokens: int) -> None:
        """Count a pass of the encoder on the host; needed by callers that replay the pass as a graph."""
        for slot in batch.slots:
            self.num_encoded[slot] += num_tokens

    def count_decoded(self, batch: BatchSlots, num_tokens: int) -> None:
        """Count a pass of the decoder on the host; needed by callers that replay the pass as a graph."""
        for slot in batch.slots:
            self.num_decoded[slot] += num_tokens

    def snapshot(self, slot: int) -> SlotSnapshot:
        """What `restore` needs to undo all that this slot does next. Requires that all encoded audio is decoded."""
        tensors = tuple(tensor[slot].clone() for tensor in self._state_tensors)
        return SlotSnapshot(self.num_encoded[slot], self.num_decoded[slot], tensors)

    def restore(self, slot: int, snapshot: SlotSnapshot) -> None:
        """Restore the slot's state, bit for bit."""
        self.num_encoded[slot], self.num_decoded[slot] = snapshot.num_encoded, snapshot.num_decoded
        for tensor, saved in zip(self._state_tensors, snapshot.tensors, strict=True):
            tensor[slot] = saved

    def save_prefix(self, slot: int) -> None:
        """Keep this slot's state after NUM_PREFIX_TOKENS tokens, for `copy_prefix`."""
        if self.prefix is None:
            audio = self.audio[slot, :NUM_PREFIX_TOKENS].clone()
            cells = self.encoder_ring.beginning(slot, FRAMES * NUM_PREFIX_TOKENS).clone()
            self.prefix = Prefix(self.snapshot(slot), audio, cells, {})
        cells = self.decoder_ring.beginning(slot, NUM_PREFIX_TOKENS)
        self.prefix.decoder_cells[self.delays[slot]] = cells.clone()

    def copy_prefix(self, slot: int) -> bool:
        """Copy the kept prefix of the slot's delay into the slot. False, and a no-op, if none is kept yet."""
        if self.prefix is None or (decoder_cells := self.prefix.decoder_cells.get(self.delays[slot])) is None:
            return False
        self.restore(slot, self.prefix.snapshot)
        self.audio[slot, :NUM_PREFIX_TOKENS] = self.prefix.audio
        self.encoder_ring.beginning(slot, FRAMES * NUM_PREFIX_TOKENS).copy_(self.prefix.encoder_cells)
        self.decoder_ring.beginning(slot, NUM_PREFIX_TOKENS).copy_(decoder_cells)
        return True
