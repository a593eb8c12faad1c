"""Checkpoints with real names, layouts and formats but random weights, and `transformers` as the reference."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import VoxtralRealtimeConfig, VoxtralRealtimeFeatureExtractor, VoxtralRealtimeForConditionalGeneration

from voxtide.types import Samples
from voxtide.voxtral.config import BOS, NUM_DRAIN_TOKENS, NUM_LEFT_PAD_TOKENS, PAD, SAMPLES_PER_TOKEN

Model = VoxtralRealtimeForConditionalGeneration
VOCAB_SIZE = 1200
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Shape:
    """The shape of a small model."""

    audio_dim: int = 48
    audio_layers: int = 2
    audio_heads: int = 3
    audio_head_dim: int = 16
    audio_hidden: int = 80
    audio_window: int = 750
    dim: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 24
    hidden: int = 96
    window: int = 8192


GROUPED = Shape()
WIDE = Shape(audio_dim=40, audio_heads=2, audio_head_dim=32, dim=32, heads=6, kv_heads=1, head_dim=16, layers=3)
EVEN = Shape(audio_layers=1, dim=96, heads=2, kv_heads=2, head_dim=32, hidden=64)
SHORT = Shape(audio_window=40, window=50)
"""Windows that a few seconds of audio fill several times."""


def random_model(shape: Shape, seed: int = 0, dtype: torch.dtype = torch.float32) -> Model:
    """A model whose activations are lively enough that mistakes show."""
    torch.manual_seed(seed)
    config = VoxtralRealtimeConfig(
        audio_config={
            "hidden_size": shape.audio_dim,
            "intermediate_size": shape.audio_hidden,
            "num_hidden_layers": shape.audio_layers,
            "num_attention_heads": shape.audio_heads,
            "head_dim": shape.audio_head_dim,
            "sliding_window": shape.audio_window,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
        text_config={
            "vocab_size": VOCAB_SIZE,
            "hidden_size": shape.dim,
            "intermediate_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head_dim,
            "sliding_window": shape.window,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        },
    )
    model = Model(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                gain = 4.0 if "mlp" in name else 3.0 if "self_attn" in name else 1.4
                parameter.normal_(0.0, gain / parameter[0].numel() ** 0.5)
            else:
                parameter.normal_(0.0 if name.endswith("bias") else 1.0, 0.1)
    return model.to(dtype)


def write_hugging_face(model: Model, directory: Path, **options: Any) -> Path:
    """As transformers saves it."""
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory, **options)
    return directory


_RENAMED = (
    (r"^language_model\.embed_tokens", "mm_streams_embeddings.embedding_module.tok_embeddings"),
    (r"^language_model\.norm", "norm"),
    (r"^language_model\.", ""),
    (r"^audio_tower\.embedder\.conv1", "E.conv_layers.0.conv"),
    (r"^audio_tower\.embedder\.conv2", "E.conv_layers.1.conv"),
    (r"^audio_tower\.", "E.transformer."),
    (r"^multi_modal_projector\.linear_1", "mm_streams_embeddings.embedding_module.audio_language_projection.0"),
    (r"^multi_modal_projector\.linear_2", "mm_streams_embeddings.embedding_module.audio_language_projection.2"),
    (r"self_attn\.(.)_proj", r"attention.w\1"),
    (r"self_attn_layer_norm|input_layernorm", "attention_norm"),
    (r"final_layer_norm|post_attention_layernorm", "ffn_norm"),
    (r"mlp\.gate_proj", "feed_forward.w1"),
    (r"mlp\.down_proj", "feed_forward.w2"),
    (r"mlp\.up_proj", "feed_forward.w3"),
    (r"ada_rms_norm\.linear1", "ada_rms_norm_t_cond.0"),
    (r"ada_rms_norm\.linear2", "ada_rms_norm_t_cond.2"),
    (r"^E\.", "mm_streams_embeddings.embedding_module.whisper_encoder."),
)


def mistral_tensors(model: Model) -> dict[str, torch.Tensor]:
    """The same numbers under Mistral's names and in Mistral's order of rows. Independent of the code it tests."""
    audio, text = model.config.audio_config, model.config.text_config
    tensors = {}
    for name, tensor in model.model.state_dict().items():
        new = name
        for pattern, replacement in _RENAMED:
            new = re.sub(pattern, replacement, new)
        if re.search(r"attention\.w[qk]\.", new):
            heads = audio.num_attention_heads if "whisper" in new else text.num_attention_heads
            if "whisper" not in new and ".wk." in new:
                heads = text.num_key_value_heads
            tensor = tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
        tensors[new] = tensor.contiguous().clone()
    return tensors


def write_mistral(model: Model, directory: Path) -> Path:
    """As Mistral publishes it: params.json and one file."""
    directory.mkdir(parents=True, exist_ok=True)
    audio, text = model.config.audio_config, model.config.text_config
    encoder_args = {
        "dim": audio.hidden_size,
        "n_layers": audio.num_hidden_layers,
        "head_dim": audio.head_dim,
        "hidden_dim": audio.intermediate_size,
        "n_heads": audio.num_attention_heads,
        "rope_theta": 1e6,
        "sliding_window": audio.sliding_window,
        "causal": True,
        "use_biases": True,
        "audio_encoding_args": {"sampling_rate": 16000, "frame_rate": 12.5, "global_log_mel_max": 1.5},
    }
    params = {
        "dim": text.hidden_size,
        "n_layers": text.num_hidden_layers,
        "head_dim": text.head_dim,
        "hidden_dim": text.intermediate_size,
        "n_heads": text.num_attention_heads,
        "n_kv_heads": text.num_key_value_heads,
        "norm_eps": 1e-5,
        "vocab_size": text.vocab_size,
        "rope_theta": 1e6,
        "sliding_window": str(text.sliding_window),  # published as text
        "ada_rms_norm_t_cond": True,
        "ada_rms_norm_t_cond_dim": 32,
        "multimodal": {
            "whisper_model_args": {
                "encoder_args": encoder_args,
                "downsample_args": {"downsample_factor": 4},
            }
        },
    }
    (directory / "params.json").write_text(json.dumps(params), "utf-8")
    save_file(mistral_tensors(model), directory / "consolidated.safetensors")
    return directory


def padded(audio: Samples, delay_tokens: int) -> Samples:
    """A whole recording as the reference pads it."""
    align = -len(audio) % SAMPLES_PER_TOKEN
    num_right = align + (delay_tokens + NUM_DRAIN_TOKENS) * SAMPLES_PER_TOKEN
    left = np.zeros(NUM_LEFT_PAD_TOKENS * SAMPLES_PER_TOKEN, np.float32)
    return np.concatenate((left, audio, np.zeros(num_right, np.float32)))


def features(padded_audio: Samples) -> torch.Tensor:
    """The reference's mel frames of a whole padded recording, [1, 128, n]."""
    extractor = VoxtralRealtimeFeatureExtractor(feature_size=128, n_fft=400)
    return extractor(padded_audio, sampling_rate=16000, center=True, return_tensors="pt")["input_features"]


@torch.inference_mode()
def audio_embeddings(model: Model, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The reference's encoder frames [n, audio_dim] and audio embeddings [n / 4, dim]."""
    frames = model.model.audio_tower(mel.to(model.dtype)).last_hidden_state
    four = frames.reshape(1, -1, 4 * frames.shape[-1])
    return frames[0], model.model.multi_modal_projector(four)[0]


@torch.inference_mode()
def greedy(model: Model, audio: torch.Tensor, delay_tokens: int) -> tuple[list[int], torch.Tensor]:
    """The reference's tokens for these audio embeddings [n, dim], and the logits of each."""
    text = model.model.language_model
    num_prompt = 1 + NUM_LEFT_PAD_TOKENS + delay_tokens
    prompt = torch.tensor([BOS] + [PAD] * (num_prompt - 1))
    condition = model.model.time_embedding(torch.full((1,), float(delay_tokens), dtype=model.dtype))[None]
    inputs = text.embed_tokens(prompt) + audio[:num_prompt]
    cache, tokens, logits = None, [], []
    for position in range(num_prompt, len(audio) + 1):
        out = text(inputs_embeds=inputs[None], past_key_values=cache, use_cache=True, t_cond=condition)
        cache = out.past_key_values
        logits.append(model.lm_head(out.last_hidden_state[0, -1]))
        tokens.append(int(logits[-1].argmax()))
        if position < len(audio):
            inputs = text.embed_tokens(torch.tensor(tokens[-1:])) + audio[position : position + 1]
    return tokens, torch.stack(logits)
