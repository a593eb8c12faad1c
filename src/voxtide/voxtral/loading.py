"""A checkpoint becomes a model. In: a directory, a device, a kind of weights. Out: a `VoxtralModel`.

Weights are copied from the mapped files one by one into fused tensors: queries, keys and values; both halves of the
gate. The peak memory is that of the model and one tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from voxtide.errors import CapacityError, ConfigError
from voxtide.voxtral import names
from voxtide.voxtral.attention import Attention, EachSlot, Masked
from voxtide.voxtral.checking import working_paged
from voxtide.voxtral.checkpoint import Checkpoint, open_checkpoint
from voxtide.voxtral.config import TransformerConfig
from voxtide.voxtral.decoder import Decoder, delay_embeddings, delay_scales
from voxtide.voxtral.encoder import Adapter, Encoder, Stem
from voxtide.voxtral.layers import Dense, Int8, Linear, Packed, Rotary, can_pack
from voxtide.voxtral.mel import LogMel
from voxtide.voxtral.model import VoxtralModel
from voxtide.voxtral.transformer import Layer, Stack

Weights: TypeAlias = Literal["bf16", "fp16", "fp32", "int8"]
"""How weights are held; `int8` computes in bf16."""

DTYPES: dict[Weights, torch.dtype] = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp32": torch.float32,
    "int8": torch.bfloat16,
}


@torch.inference_mode()
def load(
    directory: Path, *, device: torch.device, weights: Weights, attention: Attention | None = None
) -> VoxtralModel:
    """Load a model.

    Args:
        directory: A checkpoint in Mistral's or the Hugging Face format.
        device: Where it runs.
        weights: How the weights are held.
        attention: The attention; None for the best for the device.

    Raises:
        ModelMissingError: The directory holds no model.
        ModelCorruptError: A file or tensor is invalid; the message names it.
        ConfigError: The device does not support this kind of weights.
        CapacityError: The device has too little memory.
    """
    check_weights(weights, device)
    try:
        return build(open_checkpoint(directory), device=device, weights=weights, attention=attention)
    except torch.OutOfMemoryError as error:
        raise CapacityError(
            f"not enough memory on {device} for {directory} in {weights}; choose another device or smaller weights"
        ) from error


def check_weights(weights: Weights, device: torch.device) -> None:
    """Check that a device supports a kind of weights.

    Raises:
        ConfigError: It does not; the message names the alternatives.
    """
    if weights == "int8" and device.type != "cpu":
        raise ConfigError(f"weights of int8 run on a CPU only, not on {device}; choose bf16")
    if weights == "fp16" and device.type == "cpu":
        raise ConfigError("weights of fp16 do not run on a CPU; choose bf16, fp32 or int8")


@torch.inference_mode()
def build(
    checkpoint: Checkpoint, *, device: torch.device, weights: Weights, attention: Attention | None = None
) -> VoxtralModel:
    """Make a model of a checked checkpoint."""
    return _Builder(checkpoint, device, weights, attention or best_attention(device, DTYPES[weights])).model()


def best_attention(device: torch.device, dtype: torch.dtype) -> Attention:
    """The best attention for a device."""
    if device.type == "cpu":
        return EachSlot()
    paged = working_paged(device, dtype) if device.type == "cuda" and dtype.itemsize == 2 else None
    return paged or Masked()


@dataclass(frozen=True, slots=True)
class _Builder:
    checkpoint: Checkpoint
    device: torch.device
    weights: Weights
    attention: Attention

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.weights]

    def model(self) -> VoxtralModel:
        config = self.checkpoint.config
        return VoxtralModel(
            config=config,
            mel=LogMel(config.log_mel_max, self.device),
            encoder=self._encoder(),
            decoder=self._decoder(),
            dtype=self.dtype,
            device=self.device,
        )

    def _encoder(self) -> Encoder:
        stem, adapter = names.STEM, names.ADAPTER
        return Encoder(
            stem=Stem(
                self._linear(f"{stem}0.conv.weight", bias=f"{stem}0.conv.bias"),
                self._linear(f"{stem}1.conv.weight", bias=f"{stem}1.conv.bias"),
            ),
            stack=self._stack(self.checkpoint.config.encoder, names.encoder_prefix, names.ENCODER_NORM),
            adapter=Adapter(self._linear(f"{adapter}0.weight"), self._linear(f"{adapter}2.weight")),
        )

    def _decoder(self) -> Decoder:
        config = self.checkpoint.config.decoder
        embeddings = self.checkpoint.tensors[names.EMBEDDINGS]
        if self.device.type == "cpu":  # one row is read per token: it may stay in the mapped file
            head = self._kind()(self._copy([names.EMBEDDINGS]))
        else:
            embeddings = self._copy([names.EMBEDDINGS])
            head = Dense(embeddings)
        delays = delay_embeddings(config.dim, self.dtype, self.device)
        scales = [
            delay_scales(delays, self._copy([f"{ada}0.weight"]), self._copy([f"{ada}2.weight"]))
            for ada in (f"{names.decoder_prefix(n)}ada_rms_norm_t_cond." for n in range(config.num_layers))
        ]
        stack = self._stack(config, names.decoder_prefix, names.DECODER_NORM)
        return Decoder(embeddings, stack, head, torch.stack(scales, 1))

    def _stack(self, config: TransformerConfig, prefix: Callable[[int], str], norm: str) -> Stack:
        layers = tuple(self._layer(prefix(number)) for number in range(config.num_layers))
        rotary = Rotary(config.head_dim, config.rope_theta, self.device)
        return Stack(config, layers, self._copy([norm]), rotary, self.attention)

    def _layer(self, prefix: str) -> Layer:
        attention, ffn = f"{prefix}attention.", f"{prefix}feed_forward."
        qkv = [f"{attention}w{part}.weight" for part in "qkv"]
        return Layer(
            attention_norm=self._copy([f"{prefix}attention_norm.weight"]),
            qkv=self._kind()(self._copy(qkv), self._qkv_bias(attention)),
            out=self._linear(f"{attention}wo.weight", bias=f"{attention}wo.bias"),
            ffn_norm=self._copy([f"{prefix}ffn_norm.weight"]),
            gate_up=self._kind()(self._copy([f"{ffn}w1.weight", f"{ffn}w3.weight"])),
            down=self._linear(f"{ffn}w2.weight", bias=f"{ffn}w2.bias"),
        )

    def _qkv_bias(self, attention: str) -> Tensor | None:
        """The encoder's queries and values have a bias, its keys have none."""
        tensors = self.checkpoint.tensors
        if f"{attention}wq.bias" not in tensors:
            return None
        width = len(tensors[f"{attention}wk.weight"])
        no_bias = torch.zeros(width, dtype=self.dtype, device=self.device)
        return torch.cat((self._copy([f"{attention}wq.bias"]), no_bias, self._copy([f"{attention}wv.bias"])))

    def _linear(self, weight: str, bias: str | None = None) -> Linear:
        has_bias = bias is not None and bias in self.checkpoint.tensors
        return self._kind()(self._copy([weight]).flatten(1), self._copy([bias]) if bias and has_bias else None)

    def _kind(self) -> Callable[..., Linear]:
        if self.weights == "int8":
            return Int8
        return Packed if self.device.type == "cpu" and can_pack(self.dtype) else Dense

    def _copy(self, parts: Sequence[str]) -> Tensor:
        """The tensors of these names, concatenated by rows, in our type and row order, on the device."""
        tensors = [self.checkpoint.tensors[name] for name in parts]
        total = sum(len(tensor) for tensor in tensors)
        copy = torch.empty((total, *tensors[0].shape[1:]), dtype=self.dtype, device=self.device)
        for name, tensor, place in zip(
            parts, tensors, torch.split(copy, [len(tensor) for tensor in tensors]), strict=True
        ):
            num_heads = self.checkpoint.num_heads[name]
            if num_heads and self.checkpoint.is_interleaved:
                pairs = (num_heads, len(tensor) // num_heads // 2, 2, -1)
                place.view(num_heads, 2, pairs[1], -1).copy_(tensor.view(pairs).transpose(1, 2))
            else:
                place.copy_(tensor)
        return copy
