"""The model's shape and constants. In: params.json or config.json, parsed. Out: a frozen config. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from voxtide.errors import ModelCorruptError, UnsupportedOptionError

SAMPLES_PER_TOKEN = 1280
"""One step of the model: 80 ms of audio become one audio embedding and one token."""

TOKEN_MS = 80
MEL_FRAMES_PER_TOKEN = 8
ENCODER_FRAMES_PER_TOKEN = 4
NUM_MELS = 128

NUM_LEFT_PAD_TOKENS = 32
"""Tokens of silence before every recording (`streaming_n_left_pad_tokens` of tekken.json)."""

NUM_PREFIX_TOKENS = NUM_LEFT_PAD_TOKENS - 1
"""Tokens that are the same for every stream: the last one of the left pad already sees 40 samples of the recording."""

NUM_DRAIN_TOKENS = 11
"""Tokens of silence after the delay's own that a finish needs at most (mistral-common: one, and ten for late words)."""

DELAYS_TOKENS: tuple[int, ...] = (*range(1, 16), 30)
"""The delays the model was trained for, in tokens: 80 to 1200 ms in steps of 80, and 2400 ms (model card)."""

DEFAULT_DELAY_TOKENS = 6

MAX_AHEAD_TOKENS = max(DELAYS_TOKENS) + 1 + NUM_DRAIN_TOKENS
"""How far one pass, or a flush that is undone later, may run ahead of a slot; the rings keep this much slack."""

AUDIO_CELLS = 64
"""Audio embeddings a slot can hold: the maximum that is encoded and not decoded yet."""

CELLS_PER_PAGE = 256
"""What a paged attention kernel reads at a time: FlashAttention-2 wants multiples of it. A page may begin anywhere."""

KERNEL = 3
"""Width of both of the stem's convolutions, in frames."""

_MAX_SIZE = 100_000
"""Upper bound of all sizes of a stack, so that a damaged file cannot make us list tensors for hours."""

BOS, EOS, PAD, WORD = 1, 2, 32, 33
"""Begin, end, no text in this frame, a group of words begins."""

NUM_SPECIAL_TOKENS = 1000
"""Ids below are never text; id - 1000 is the row in tekken.json's vocabulary."""


def delay_tokens(delay_ms: int) -> int:
    """The delay in tokens.

    Raises:
        UnsupportedOptionError: The model was not trained for this delay.
    """
    if delay_ms % TOKEN_MS or delay_ms // TOKEN_MS not in DELAYS_TOKENS:
        raise UnsupportedOptionError(
            f"delay of {delay_ms} ms: the model was trained for 80 to 1200 ms in steps of 80, and 2400 ms"
        )
    return delay_ms // TOKEN_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """The shape of one stack of layers.

    Attributes:
        window: How many positions a query sees, itself included.
    """

    dim: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    hidden_dim: int
    window: int
    rope_theta: float = 1e6
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("dim", "num_layers", "num_heads", "num_kv_heads", "head_dim", "hidden_dim", "window"):
            if not 1 <= getattr(self, name) <= _MAX_SIZE:
                problem = f"{name} = {getattr(self, name)}, not 1 to {_MAX_SIZE}"
                raise ModelCorruptError(f"the model's configuration has {problem}")
        for name in ("rope_theta", "norm_eps"):
            if not getattr(self, name) > 0.0:
                raise ModelCorruptError(
                    f"the model's configuration has {name} = {getattr(self, name)}, not more than 0"
                )
        if self.num_heads % self.num_kv_heads or self.head_dim % 2:
            raise ModelCorruptError(
                f"the model's configuration has {self.num_heads} heads over {self.num_kv_heads} key heads of width "
                f"{self.head_dim}; the heads must be a multiple and the width even"
            )

    @property
    def kv_values_per_position(self) -> int:
        """Values that one position takes in the ring, over all layers."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim


REAL_ENCODER = TransformerConfig(
    dim=1280, num_layers=32, num_heads=32, num_kv_heads=32, head_dim=64, hidden_dim=5120, window=750
)
REAL_DECODER = TransformerConfig(
    dim=3072, num_layers=26, num_heads=32, num_kv_heads=8, head_dim=128, hidden_dim=9216, window=8192
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxtralConfig:
    """The whole model's shape. The defaults are those of Voxtral-Mini-4B-Realtime-2602."""

    encoder: TransformerConfig = field(default=REAL_ENCODER)
    decoder: TransformerConfig = field(default=REAL_DECODER)
    vocab_size: int = 131_072
    ada_dim: int = 32
    log_mel_max: float = 1.5

    def __post_init__(self) -> None:
        if self.vocab_size <= NUM_SPECIAL_TOKENS:
            problem = f"vocab_size = {self.vocab_size}, but {NUM_SPECIAL_TOKENS} tokens are no text"
            raise ModelCorruptError(f"the model's configuration has {problem}")

    @classmethod
    def from_mistral(cls, params: Mapping[str, Any]) -> Self:
        """Read the parsed params.json.

        Raises:
            ModelCorruptError: A field is missing or invalid; the message names it.
        """
        whisper = _section(_section(params, "multimodal"), "whisper_model_args")
        audio = _section(whisper, "encoder_args")
        audio_encoding = _section(audio, "audio_encoding_args") if "audio_encoding_args" in audio else {}
        return cls(
            encoder=_mistral_stack(audio, REAL_ENCODER.window),
            decoder=_mistral_stack(params, REAL_DECODER.window),
            vocab_size=_integer(params, "vocab_size"),
            ada_dim=_integer(params, "ada_rms_norm_t_cond_dim", cls().ada_dim),
            log_mel_max=_number(audio_encoding, "global_log_mel_max", cls().log_mel_max),
        )

    @classmethod
    def from_hugging_face(cls, config: Mapping[str, Any]) -> Self:
        """Read the parsed config.json.

        Raises:
            ModelCorruptError: A field is missing or invalid; the message names it.
        """
        text = _section(config, "text_config")
        return cls(
            encoder=_hugging_face_stack(_section(config, "audio_config"), REAL_ENCODER.window),
            decoder=_hugging_face_stack(text, REAL_DECODER.window),
            vocab_size=_integer(text, "vocab_size"),
        )

    def to_hugging_face(self) -> dict[str, Any]:
        """The inverse of `from_hugging_face`, with the settings that transformers needs."""
        text = _to_hugging_face(self.decoder) | {"vocab_size": self.vocab_size}
        return {"audio_config": _to_hugging_face(self.encoder), "text_config": text}

    def encoder_cells(self) -> int:
        """Positions a slot's encoder ring holds: the window and what a chunk or a fork may run ahead."""
        return self.encoder.window + ENCODER_FRAMES_PER_TOKEN * MAX_AHEAD_TOKENS

    def decoder_cells(self, window: int | None = None) -> int:
        """Positions a slot's decoder ring holds, for a window of at most the model's own."""
        return (window or self.decoder.window) + MAX_AHEAD_TOKENS

    def slot_bytes(self, element_bytes: int, decoder_window: int | None = None) -> int:
        """Size of one slot's keys and values, in bytes."""
        encoder = self.encoder_cells() * self.encoder.kv_values_per_position
        decoder = self.decoder_cells(decoder_window) * self.decoder.kv_values_per_position
        return element_bytes * (encoder + decoder)

    def shared_bytes(self, element_bytes: int) -> int:
        """Size of what all slots share: the pages before and after them, and what `Slots.save_prefix` keeps."""
        encoder = 2 * CELLS_PER_PAGE + ENCODER_FRAMES_PER_TOKEN * NUM_PREFIX_TOKENS
        decoder = 2 * CELLS_PER_PAGE + len(DELAYS_TOKENS) * NUM_PREFIX_TOKENS
        held = encoder * self.encoder.kv_values_per_position + decoder * self.decoder.kv_values_per_position
        return element_bytes * held


def _mistral_stack(args: Mapping[str, Any], window: int) -> TransformerConfig:
    num_heads = _integer(args, "n_heads")
    return TransformerConfig(
        dim=_integer(args, "dim"),
        num_layers=_integer(args, "n_layers"),
        num_heads=num_heads,
        num_kv_heads=_integer(args, "n_kv_heads", num_heads),
        head_dim=_integer(args, "head_dim"),
        hidden_dim=_integer(args, "hidden_dim"),
        window=_integer(args, "sliding_window", window),
        rope_theta=_number(args, "rope_theta", 1e6),
        norm_eps=_number(args, "norm_eps", 1e-5),
    )


def _hugging_face_stack(config: Mapping[str, Any], window: int) -> TransformerConfig:
    rope = _section(config, "rope_parameters") if config.get("rope_parameters") else config
    num_heads = _integer(config, "num_attention_heads")
    return TransformerConfig(
        dim=_integer(config, "hidden_size"),
        num_layers=_integer(config, "num_hidden_layers"),
        num_heads=num_heads,
        num_kv_heads=_integer(config, "num_key_value_heads", num_heads),
        head_dim=_integer(config, "head_dim"),
        hidden_dim=_integer(config, "intermediate_size"),
        window=_integer(config, "sliding_window", window),
        rope_theta=_number(rope, "rope_theta", 1e6),
        norm_eps=_number(config, "rms_norm_eps", 1e-5),
    )


def _to_hugging_face(stack: TransformerConfig) -> dict[str, Any]:
    return {
        "hidden_size": stack.dim,
        "num_hidden_layers": stack.num_layers,
        "num_attention_heads": stack.num_heads,
        "num_key_value_heads": stack.num_kv_heads,
        "head_dim": stack.head_dim,
        "intermediate_size": stack.hidden_dim,
        "sliding_window": stack.window,
        "rope_parameters": {"rope_type": "default", "rope_theta": stack.rope_theta},
        "rms_norm_eps": stack.norm_eps,
    }


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    if not isinstance(section, Mapping):
        raise ModelCorruptError(f"the model's configuration has no section {name!r}; is it a Voxtral Realtime model?")
    return section


def _integer(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A field that may be a number in quotes, as some published files have it."""
    value: Any = config.get(name)
    if value is None and default is not None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ModelCorruptError(f"the model's configuration has {name} = {value!r}; it must be a number") from None


def _number(config: Mapping[str, Any], name: str, default: float) -> float:
    value = config.get(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ModelCorruptError(f"the model's configuration has {name} = {value!r}; it must be a number")
    return number
