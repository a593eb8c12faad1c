"""The model. In: windows of samples for some slots. Out: one token for each. Knows no streams and no schedule.

    encode: samples -> mel -> stem -> encoder -> adapter -> the slot's audio embeddings
    decode: audio embedding + embedding of the token before -> decoder -> logits -> token

`encode` and `decode` keep the host's counts. What they do on the device is in `encode_on_device` and
`decode_on_device`, which never synchronise with the device, so that they can be captured in a graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voxtide.voxtral.attention import Reach
from voxtide.voxtral.config import (
    AUDIO_CELLS,
    BOS,
    EOS,
    MAX_AHEAD_TOKENS,
    NUM_PREFIX_TOKENS,
    PAD,
    SAMPLES_PER_TOKEN,
    VoxtralConfig,
)
from voxtide.voxtral.config import ENCODER_FRAMES_PER_TOKEN as FRAMES
from voxtide.voxtral.decoder import Decoder
from voxtide.voxtral.encoder import Encoder
from voxtide.voxtral.framing import window_samples
from voxtide.voxtral.mel import LogMel
from voxtide.voxtral.slots import BatchSlots, Slots

FREE = -1
"""In `forced`: the slot takes the token it produced itself."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of one step, on the device; no call waits for it.

    Attributes:
        tokens: [B] int64.
        pad_margins: [B] float32, by how much PAD leads the best other token (negative where another leads), before its
            bias.
    """

    tokens: Tensor
    pad_margins: Tensor


@dataclass(frozen=True, slots=True)
class VoxtralModel:
    """The weights, ready to run on one device. Calls are not thread-safe: one thread owns the device."""

    config: VoxtralConfig
    mel: LogMel
    encoder: Encoder
    decoder: Decoder
    dtype: torch.dtype
    device: torch.device

    def new_slots(self, num_slots: int, *, decoder_window: int | None = None) -> Slots:
        """Allocate state for this many slots. A smaller window than the model's own saves memory and forgets earlier.

        Raises:
            CapacityError: The device has not that much memory.
            ValueError: No slots, or the window is not between 1 and the model's own.
        """
        return Slots(self.config, num_slots, decoder_window=decoder_window, dtype=self.dtype, device=self.device)

    def open(self, slots: Slots, slot: int, delay_tokens: int) -> None:
        """Prepare a slot for a new stream: NUM_PREFIX_TOKENS of silence are encoded and decoded already.

        They are computed once for each delay and copied in after that. The slot's first window is then the first one of
        a new `Framer`.
        """
        slots.reset(slot, delay_tokens)
        if slots.copy_prefix(slot):
            return
        batch = slots.batch([slot])
        self.encode(slots, batch, torch.zeros((1, window_samples(NUM_PREFIX_TOKENS)), device=self.device))
        prompt = torch.full((1, NUM_PREFIX_TOKENS), PAD, dtype=torch.int64, device=self.device)
        prompt[0, 0] = BOS
        self.prefill(slots, batch, prompt)
        slots.save_prefix(slot)

    @torch.inference_mode()
    def encode(self, slots: Slots, batch: BatchSlots, samples: Tensor) -> None:
        """Make the audio embeddings of the next n tokens of each slot, in one pass.

        Args:
            slots: The state; the batch's slots advance by n tokens.
            batch: Which slots.
            samples: float32 [B, window_samples(n)], 1 <= n <= config.MAX_AHEAD_TOKENS, on the device; padding may
                hold any finite values.

        Raises:
            ValueError: The shape is wrong, or a slot cannot hold n more embeddings.
        """
        num_tokens = samples.shape[1] // SAMPLES_PER_TOKEN
        if samples.shape != (len(batch.index), window_samples(num_tokens)) or not 1 <= num_tokens <= MAX_AHEAD_TOKENS:
            raise ValueError(f"samples of shape {tuple(samples.shape)} are not {len(batch.index)} windows")
        if any(slots.num_encoded[slot] + num_tokens - slots.num_decoded[slot] > AUDIO_CELLS for slot in batch.slots):
            raise ValueError(f"a slot cannot hold {num_tokens} more tokens: decode first")
        self.encode_on_device(slots, batch.index, samples, self.encoder_reach(slots, batch, num_tokens))
        slots.count_encoded(batch, num_tokens)

    @torch.inference_mode()
    def decode(self, slots: Slots, batch: BatchSlots, forced: Tensor, bias: Tensor) -> Decoded:
        """Decode one token of each slot: each must have an audio embedding that was not decoded.

        The token is kept as the slot's next input. Where the position still belongs to the prompt (before
        config.NUM_LEFT_PAD_TOKENS + 1 + delay), the caller forces PAD.

        Args:
            slots: The state; the batch's slots advance by one position.
            batch: Which slots.
            forced: int64 [B], the input token of this position, or FREE for the slot's previous token.
            bias: float32 [B, 2], added to the logits of PAD and EOS before the choice; -inf forbids.

        Raises:
            ValueError: A slot has nothing to decode.
        """
        self._check_encoded(slots, batch, 1)
        decoded = self.decode_on_device(slots, batch.index, forced, bias, self.decoder_reach(slots, batch, 1))
        slots.count_decoded(batch, 1)
        return decoded

    @torch.inference_mode()
    def prefill(self, slots: Slots, batch: BatchSlots, tokens: Tensor) -> None:
        """Take T positions whose input tokens are known, [B, T], in one pass, without output."""
        num_tokens = tokens.shape[1]
        self._check_encoded(slots, batch, num_tokens)
        self.advance_on_device(slots, batch.index, tokens, self.decoder_reach(slots, batch, num_tokens))
        slots.count_decoded(batch, num_tokens)

    def encoder_reach(self, slots: Slots, batch: BatchSlots, num_tokens: int) -> Reach:
        """What `encode_on_device` needs from the host's counts; equal for equal shapes."""
        ends = [(slot, FRAMES * (slots.num_encoded[slot] + num_tokens)) for slot in batch.slots]
        return self.encoder.stack.attention.reach(slots.encoder_ring, ends)

    def decoder_reach(self, slots: Slots, batch: BatchSlots, num_tokens: int) -> Reach:
        """What `decode_on_device` needs from the host's counts; equal for equal shapes."""
        ends = [(slot, slots.num_decoded[slot] + num_tokens) for slot in batch.slots]
        return self.decoder.stack.attention.reach(slots.decoder_ring, ends)

    def encode_on_device(self, slots: Slots, index: Tensor, samples: Tensor, reach: Reach) -> None:
        """The device's part of `encode`."""
        mel = self.mel(samples).to(self.dtype)  # [B, 8 n, mels]
        frames, slots.mel_contexts[index], slots.stem_contexts[index] = self.encoder.stem(
            mel, slots.mel_contexts[index], slots.stem_contexts[index]
        )
        num_frames = frames.shape[1]
        first = slots.encoded[index]  # [B]
        positions = FRAMES * first[:, None] + torch.arange(num_frames, device=self.device)
        x = self.encoder.stack(frames.flatten(0, 1), slots.encoder_ring, index, positions, reach)
        audio = self.encoder.adapter(x)  # [B * n, dim]
        cells = _audio_cells(index, first, num_frames // FRAMES)
        slots.audio.flatten(0, 1).index_copy_(0, cells, audio)
        slots.encoded[index] = first + num_frames // FRAMES

    def decode_on_device(self, slots: Slots, index: Tensor, forced: Tensor, bias: Tensor, reach: Reach) -> Decoded:
        """The device's part of `decode`."""
        tokens = torch.where(forced == FREE, slots.tokens[index], forced)
        logits = self.decoder.head(self.advance_on_device(slots, index, tokens[:, None], reach)).float()
        pad = logits[:, PAD].clone()
        logits[:, PAD] = float("-inf")
        logits[:, EOS] += bias[:, 1]
        best, others = logits.max(1)
        chosen = torch.where(pad + bias[:, 0] >= best, PAD, others)
        slots.tokens[index] = chosen
        return Decoded(chosen, pad - best)

    def advance_on_device(self, slots: Slots, index: Tensor, tokens: Tensor, reach: Reach) -> Tensor:
        """Run the decoder over tokens [B, T] and as many audio embeddings; [B * T, dim]."""
        num_tokens = tokens.shape[1]
        first = slots.decoded[index]  # [B]
        positions = first[:, None] + torch.arange(num_tokens, device=self.device)
        audio = slots.audio.flatten(0, 1)[_audio_cells(index, first, num_tokens)]
        scales = self.decoder.scales[slots.delay_numbers[index]].repeat_interleave(num_tokens, 0)
        x = audio + self.decoder.embed(tokens.flatten())
        x = self.decoder.stack(x, slots.decoder_ring, index, positions, reach, scales)
        slots.decoded[index] = first + num_tokens
        return x

    @staticmethod
    def _check_encoded(slots: Slots, batch: BatchSlots, num_tokens: int) -> None:
        if empty := [slot for slot in batch.slots if slots.num_encoded[slot] - slots.num_decoded[slot] < num_tokens]:
            raise ValueError(f"slots {empty} have no {num_tokens} audio embeddings to decode")


def _audio_cells(index: Tensor, first: Tensor, num_tokens: int) -> Tensor:
    """Cells of the embeddings of the tokens from `first` [B] on: [B * num_tokens]."""
    tokens = first[:, None] + torch.arange(num_tokens, device=index.device)
    return (index[:, None] * AUDIO_CELLS + tokens % AUDIO_CELLS).flatten()
