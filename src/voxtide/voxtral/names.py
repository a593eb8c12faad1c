"""Names of tensors. In: a config. Out: every tensor of a checkpoint, by its name in both formats.

The formats differ in the names and in the row order of query and key weights: Mistral's files have the two halves of a
rotary pair side by side, the Hugging Face files have all first halves, then all second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voxtide.voxtral.config import ENCODER_FRAMES_PER_TOKEN, KERNEL, NUM_MELS, TransformerConfig, VoxtralConfig

_STREAMS = "mm_streams_embeddings.embedding_module."
_WHISPER = f"{_STREAMS}whisper_encoder."

EMBEDDINGS = f"{_STREAMS}tok_embeddings.weight"
STEM = f"{_WHISPER}conv_layers."
ENCODER_NORM = f"{_WHISPER}transformer.norm.weight"
ADAPTER = f"{_STREAMS}audio_language_projection."
DECODER_NORM = "norm.weight"

TIED = ("lm_head.weight", "language_model.lm_head.weight")
"""Some Hugging Face files also hold the output layer, which is the embedding; it is skipped."""


@dataclass(frozen=True, slots=True)
class Named:
    """One tensor.

    Attributes:
        name: Its name in Mistral's files, which is the one we use.
        hugging_face: Its name in the other format, as returned by `canonical`.
        shape: Its required shape.
        num_heads: Number of heads whose rows are rotary pairs; 0 if both formats have the same row order.
    """

    name: str
    hugging_face: str
    shape: tuple[int, ...]
    num_heads: int = 0


def canonical(hugging_face_name: str) -> str:
    """Normalise a name: versions of transformers differ."""
    name = hugging_face_name.removeprefix("model.")
    return name.replace("language_model.model.", "language_model.", 1)


def tensors(config: VoxtralConfig) -> list[Named]:
    """All tensors of a checkpoint; 711 for the published model."""
    dim, audio_dim = config.decoder.dim, config.encoder.dim
    tower, text, projector = "audio_tower.", "language_model.", "multi_modal_projector."
    return [
        Named(EMBEDDINGS, f"{text}embed_tokens.weight", (config.vocab_size, dim)),
        Named(f"{STEM}0.conv.weight", f"{tower}embedder.conv1.weight", (audio_dim, NUM_MELS, KERNEL)),
        Named(f"{STEM}0.conv.bias", f"{tower}embedder.conv1.bias", (audio_dim,)),
        Named(f"{STEM}1.conv.weight", f"{tower}embedder.conv2.weight", (audio_dim, audio_dim, KERNEL)),
        Named(f"{STEM}1.conv.bias", f"{tower}embedder.conv2.bias", (audio_dim,)),
        *_encoder_layers(config.encoder),
        Named(ENCODER_NORM, f"{tower}norm.weight", (audio_dim,)),
        Named(f"{ADAPTER}0.weight", f"{projector}linear_1.weight", (dim, ENCODER_FRAMES_PER_TOKEN * audio_dim)),
        Named(f"{ADAPTER}2.weight", f"{projector}linear_2.weight", (dim, dim)),
        *_decoder_layers(config.decoder, config.ada_dim),
        Named(DECODER_NORM, f"{text}norm.weight", (dim,)),
    ]


def encoder_prefix(layer: int) -> str:
    """How the names of an encoder layer begin."""
    return f"{_WHISPER}transformer.layers.{layer}."


def decoder_prefix(layer: int) -> str:
    """How the names of a decoder layer begin."""
    return f"layers.{layer}."


def _encoder_layers(config: TransformerConfig) -> Iterator[Named]:
    names = ("self_attn_layer_norm", "final_layer_norm")
    for layer in range(config.num_layers):
        here, there = encoder_prefix(layer), f"audio_tower.layers.{layer}."
        yield from _layer(config, here, there, names)
        width, dim = config.num_heads * config.head_dim, config.dim
        yield Named(f"{here}attention.wq.bias", f"{there}self_attn.q_proj.bias", (width,), config.num_heads)
        yield Named(f"{here}attention.wv.bias", f"{there}self_attn.v_proj.bias", (width,))
        yield Named(f"{here}attention.wo.bias", f"{there}self_attn.o_proj.bias", (dim,))
        yield Named(f"{here}feed_forward.w2.bias", f"{there}mlp.down_proj.bias", (dim,))


def _decoder_layers(config: TransformerConfig, ada_dim: int) -> Iterator[Named]:
    names = ("input_layernorm", "post_attention_layernorm")
    for layer in range(config.num_layers):
        here, there = decoder_prefix(layer), f"language_model.layers.{layer}."
        yield from _layer(config, here, there, names)
        ada = f"{here}ada_rms_norm_t_cond."
        yield Named(f"{ada}0.weight", f"{there}ada_rms_norm.linear1.weight", (ada_dim, config.dim))
        yield Named(f"{ada}2.weight", f"{there}ada_rms_norm.linear2.weight", (config.dim, ada_dim))


def _layer(config: TransformerConfig, here: str, there: str, norms: tuple[str, str]) -> Iterator[Named]:
    dim, hidden = config.dim, config.hidden_dim
    width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    attention, ffn = f"{here}attention.", f"{here}feed_forward."
    yield Named(f"{here}attention_norm.weight", f"{there}{norms[0]}.weight", (dim,))
    yield Named(f"{attention}wq.weight", f"{there}self_attn.q_proj.weight", (width, dim), config.num_heads)
    yield Named(f"{attention}wk.weight", f"{there}self_attn.k_proj.weight", (kv_width, dim), config.num_kv_heads)
    yield Named(f"{attention}wv.weight", f"{there}self_attn.v_proj.weight", (kv_width, dim))
    yield Named(f"{attention}wo.weight", f"{there}self_attn.o_proj.weight", (dim, width))
    yield Named(f"{here}ffn_norm.weight", f"{there}{norms[1]}.weight", (dim,))
    yield Named(f"{ffn}w1.weight", f"{there}mlp.gate_proj.weight", (hidden, dim))
    yield Named(f"{ffn}w3.weight", f"{there}mlp.up_proj.weight", (hidden, dim))
    yield Named(f"{ffn}w2.weight", f"{there}mlp.down_proj.weight", (dim, hidden))
