"""The model against the reference: activations, logits, tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.voxtral_driving import Stream, transcribe
from tests.support.voxtral_oracle import (
    CPU,
    EVEN,
    GROUPED,
    SHORT,
    WIDE,
    Model,
    Shape,
    audio_embeddings,
    features,
    greedy,
    padded,
    random_model,
    write_hugging_face,
    write_mistral,
)
from voxtide.types import Samples
from voxtide.voxtral.attention import Masked
from voxtide.voxtral.config import AUDIO_CELLS, BOS, NUM_PREFIX_TOKENS, PAD
from voxtide.voxtral.loading import Weights, load
from voxtide.voxtral.model import VoxtralModel

TOLERANCE = 1e-4


@pytest.mark.parametrize("shape", [GROUPED, WIDE, EVEN, SHORT], ids=["grouped", "wide", "even", "short windows"])
@pytest.mark.parametrize("write", [write_mistral, write_hugging_face])
def test_activations_are_the_references(
    shape: Shape, write: Callable[[Model, Path], Path], speech: Samples, tmp_path: Path
) -> None:
    reference = random_model(shape, seed=1)
    model = load(write(reference, tmp_path), device=CPU, weights="fp32")
    whole = padded(speech[:60_000], 6)
    frames, audio = audio_embeddings(reference, features(whole))
    stream = Stream(model, model.new_slots(1), 0, 6)
    found, ours = run(stream, speech[:60_000])
    assert_near(encoder_frames(model, whole), frames)
    assert_near(ours, audio)
    tokens, logits = greedy(reference, audio, 6)
    assert_near(forced_logits(model, audio, tokens, 6), logits)
    assert found == tokens


@pytest.mark.parametrize(("delay_tokens", "length_s"), [(1, 32), (6, 60), (30, 32)])
def test_tokens_are_the_references(
    delay_tokens: int, length_s: int, reference: Model, model: VoxtralModel, speech: Samples
) -> None:
    """The encoder's window is 15 s."""
    samples = np.tile(speech, 2)[: length_s * 16_000]
    _, audio = audio_embeddings(reference, features(padded(samples, delay_tokens)))
    tokens, _ = greedy(reference, audio, delay_tokens)
    assert len(set(tokens)) > 50  # the model is not stuck, so agreement is significant
    assert transcribe(model, [samples], delay_tokens) == tokens


def test_both_formats_give_equal_logits(mistral_dir: Path, hugging_face_dir: Path, speech: Samples) -> None:
    logits = []
    for directory in (mistral_dir, hugging_face_dir):
        model = load(directory, device=CPU, weights="fp32")
        stream = Stream(model, model.new_slots(1), 0, 6)
        _, audio = run(stream, speech[:40_000])
        logits.append(forced_logits(model, audio, [PAD] * 10, 6))
    assert torch.equal(*logits)


@pytest.mark.parametrize(("weights", "audio_bound", "logit_bound"), [("bf16", 1.25, 0.12), ("int8", 3.0, 0.25)])
def test_the_error_of_smaller_weights_is_bounded(
    weights: Weights, audio_bound: float, logit_bound: float, reference: Model, mistral_dir: Path, speech: Samples
) -> None:
    """Mean errors: of audio embeddings in units of the reference's own in bf16, of logits in their deviations."""
    mel = features(padded(speech[:60_000], 6))
    exact = audio_embeddings(reference, mel)[1]
    their_error = (audio_embeddings(random_model(GROUPED, dtype=torch.bfloat16), mel)[1] - exact).abs().mean()
    tokens, logits = greedy(reference, exact, 6)
    model = load(mistral_dir, device=CPU, weights=weights)
    _, audio = run(Stream(model, model.new_slots(1), 0, 6), speech[:60_000])
    assert (audio - exact).abs().mean() < audio_bound * their_error
    ours = forced_logits(model, audio, tokens, 6)
    assert (ours - logits).abs().mean() < logit_bound * logits.std()


def test_one_shape_for_all_slots_gives_the_same_tokens(mistral_dir: Path, model: VoxtralModel, speech: Samples) -> None:
    masked = load(mistral_dir, device=CPU, weights="fp32", attention=Masked())
    audio = speech[:80_000]
    assert transcribe(masked, [audio], 6) == transcribe(model, [audio], 6)


def test_invalid_calls_are_refused(model: VoxtralModel) -> None:
    slots = model.new_slots(2)
    batch = slots.batch([0])
    with pytest.raises(ValueError, match="are not 1 windows"):
        model.encode(slots, batch, torch.zeros(1, 1500))
    with pytest.raises(ValueError, match=r"slots \[0\] have no 1 audio embeddings"):
        model.decode(slots, batch, torch.tensor([PAD]), torch.zeros(1, 2))
    for _ in range(AUDIO_CELLS // 32):
        model.encode(slots, batch, torch.zeros(1, 32 * 1280 + 240))
    with pytest.raises(ValueError, match="a slot cannot hold 1 more tokens"):
        model.encode(slots, batch, torch.zeros(1, 1520))


def test_a_bias_forbids_and_prefers(model: VoxtralModel, speech: Samples) -> None:
    stream = Stream(model, model.new_slots(1), 0, 1)
    stream.framer.push(speech[:20_000])
    stream.encode(10)
    batch = stream.slots.batch([0])
    before = stream.slots.snapshot(0)
    results = []
    for bias in (0.0, 1e4, float("-inf")):
        decoded = model.decode(stream.slots, batch, torch.tensor([PAD]), torch.tensor([[bias, 0.0]]))
        results.append((int(decoded.tokens[0]), float(decoded.pad_margins[0])))
        stream.slots.restore(0, before)
    assert results[1][0] == PAD
    assert results[2][0] != PAD
    assert results[0][1] == results[1][1] == results[2][1]  # the margin is without the bias
    assert (results[0][0] == PAD) == (results[0][1] >= 0.0)


@torch.inference_mode()
def run(stream: Stream, audio: Samples) -> tuple[list[int], Tensor]:
    """All tokens, and all audio embeddings from the first token of the padded recording on."""
    slots, slot = stream.slots, stream.slot
    embeddings = [slots.audio[slot, :NUM_PREFIX_TOKENS].clone()]
    stream.framer.push(audio)
    stream.framer.push_silence(stream.delay_tokens + 11)
    while num_tokens := min(stream.framer.num_ready, 7):
        cells = [cell % AUDIO_CELLS for cell in range(slots.num_encoded[slot], slots.num_encoded[slot] + num_tokens)]
        stream.encode(num_tokens)
        embeddings.append(slots.audio[slot, cells])
        stream.decode(num_tokens)
    return stream.tokens, torch.cat(embeddings)


@torch.inference_mode()
def encoder_frames(model: VoxtralModel, whole: Samples) -> Tensor:
    """The encoder alone over a padded recording, in passes of three tokens."""
    slots = model.new_slots(1)
    index, mel_context, stem_context = torch.tensor([0]), slots.mel_contexts[:1], slots.stem_contexts[:1]
    mel = model.mel(torch.from_numpy(np.pad(whole, 200))[None])[:, : len(whole) // 160]
    found: list[Tensor] = []
    for part in mel.split(24, 1):
        frames, mel_context, stem_context = model.encoder.stem(part, mel_context, stem_context)
        begin = sum(map(len, found))
        positions = torch.arange(begin, begin + frames.shape[1])[None]
        reach = model.encoder.stack.attention.reach(slots.encoder_ring, [(0, begin + frames.shape[1])])
        found.append(model.encoder.stack(frames[0], slots.encoder_ring, index, positions, reach))
    return torch.cat(found)


@torch.inference_mode()
def forced_logits(model: VoxtralModel, audio: Tensor, tokens: list[int], delay_tokens: int) -> Tensor:
    """Logits of every position from the last of the prompt on, with exactly these tokens as input."""
    slots = model.new_slots(1)
    slots.reset(0, delay_tokens)
    batch = slots.batch([0])
    num_prompt = 33 + delay_tokens
    inputs = [BOS, *[PAD] * (num_prompt - 1), *tokens[:-1]]
    logits = []
    for begin in range(0, len(inputs), 32):
        part = torch.tensor(inputs[begin : begin + 32])[None]
        end = begin + part.shape[1]
        slots.audio[0, [position % AUDIO_CELLS for position in range(begin, end)]] = audio[begin:end].to(model.dtype)
        slots.num_encoded[0] = end
        reach = model.decoder_reach(slots, batch, part.shape[1])
        logits.append(model.decoder.head(model.advance_on_device(slots, batch.index, part, reach)))
        slots.count_decoded(batch, part.shape[1])
    return torch.cat(logits)[num_prompt - 1 :]


def assert_near(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < TOLERANCE
