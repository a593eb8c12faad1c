"""Slots: streams in one batch, chunks of any size, rings that wrap, and rollback."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.voxtral_driving import Stream, transcribe
from tests.support.voxtral_oracle import CPU, SHORT, random_model, write_mistral
from voxtide.errors import CapacityError
from voxtide.types import Samples
from voxtide.voxtral.attention import Attention, Masked, Paged
from voxtide.voxtral.config import (
    CELLS_PER_PAGE,
    ENCODER_FRAMES_PER_TOKEN,
    MAX_AHEAD_TOKENS,
    NUM_PREFIX_TOKENS,
    VoxtralConfig,
)
from voxtide.voxtral.framing import window_samples
from voxtide.voxtral.layers import rotate
from voxtide.voxtral.loading import load
from voxtide.voxtral.model import FREE, VoxtralModel


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> VoxtralModel:
    """Windows of 40 frames and 50 tokens; rings of 208 and 92 cells, which 8 s of audio fill."""
    return load(write_mistral(random_model(SHORT), tmp_path_factory.mktemp("short")), device=CPU, weights="fp32")


@pytest.fixture(scope="module")
def expected(short: VoxtralModel, speech: Samples) -> list[int]:
    return transcribe(short, [speech[:50_000]], 3)


@given(cuts=st.lists(st.integers(0, 50_000), max_size=8))
@settings(max_examples=15, deadline=None)
def test_every_chunking_gives_the_same_tokens(
    cuts: list[int], short: VoxtralModel, speech: Samples, expected: list[int]
) -> None:
    chunks = np.split(speech[:50_000], sorted(cuts))
    assert transcribe(short, chunks, 3) == expected


def test_a_ring_that_wraps_equals_one_that_does_not(short: VoxtralModel, speech: Samples) -> None:
    """27 s: the encoder's ring of 208 cells goes round seven times, the decoder's of 92 four times."""
    audio = speech[: 27 * 16_000]
    roomy = dataclasses.replace(short, config=_Roomy(**_fields(short.config)))
    assert short.new_slots(1).decoder_ring.num_cells < 27 * 12.5
    assert roomy.new_slots(1).encoder_ring.num_cells > 27 * 50 + 512
    assert transcribe(short, [audio], 6) == transcribe(roomy, [audio], 6)


class _Roomy(VoxtralConfig):
    """The same model with rings that never wrap in these tests."""

    def encoder_cells(self) -> int:
        return 4096

    def decoder_cells(self, window: int | None = None) -> int:
        return 1024


def _fields(config: VoxtralConfig) -> dict[str, object]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


@pytest.mark.parametrize("num_tokens", [126 * 1196, 10**9 // 1196 * 1196])  # 1196 tokens fill both rings wholly
def test_positions_beyond_131072_change_nothing(num_tokens: int, short: VoxtralModel, speech: Samples) -> None:
    """A slot moved far on decodes the same tokens: only distances matter, and angles stay exact."""
    tokens = []
    for moved in (0, num_tokens):
        stream = Stream(short, short.new_slots(1), 0, 6)
        stream.push(speech[:100_000])
        move_on(stream, moved)
        stream.push(speech[100_000:200_000])
        tokens.append(stream.tokens)
    assert tokens[0] == tokens[1]


def move_on(stream: Stream, num_tokens: int) -> None:
    """Advance a slot as if it had run for long, and rotate its keys by as much."""
    slots, slot = stream.slots, stream.slot
    for ring, stack, per_token in (
        (slots.encoder_ring, stream.model.encoder.stack, ENCODER_FRAMES_PER_TOKEN),
        (slots.decoder_ring, stream.model.decoder.stack, 1),
    ):
        assert num_tokens * per_token % ring.num_cells == 0
        angles = stack.rotary(torch.tensor([num_tokens * per_token]))
        for keys in ring.keys:
            part = keys[ring.first_cell(slot) : ring.first_cell(slot + 1)]
            part.copy_(rotate(part, *angles))
    slots.num_encoded[slot] += num_tokens
    slots.num_decoded[slot] += num_tokens
    slots.encoded[slot] += num_tokens
    slots.decoded[slot] += num_tokens


def test_streams_in_a_batch_equal_streams_alone(short: VoxtralModel, speech: Samples) -> None:
    delays, begins = (1, 6, 30), (0, 70_000, 300_000)
    alone = []
    for delay_tokens, begin in zip(delays, begins, strict=True):
        stream = Stream(short, short.new_slots(1), 0, delay_tokens)
        stream.push(speech[begin : begin + 90_000])
        alone.append(stream.tokens)
    slots = short.new_slots(4)
    streams = [Stream(short, slots, slot, delay) for slot, delay in zip((3, 0, 2), delays, strict=True)]
    for stream, begin in zip(streams, begins, strict=True):
        stream.framer.push(speech[begin : begin + 90_000])
    together(short, streams)
    assert [stream.tokens for stream in streams] == alone


def together(model: VoxtralModel, streams: list[Stream]) -> None:
    """Batched steps, with a padding entry."""
    slots = streams[0].slots
    batch = slots.batch([stream.slot for stream in streams], size=4)
    windows = torch.zeros(4, window_samples(1))
    while all(stream.framer.num_ready for stream in streams):
        for i, stream in enumerate(streams):
            windows[i] = torch.from_numpy(stream.framer.take(1))
        model.encode(slots, batch, windows)
        forced = torch.tensor([32 if in_prompt(stream) else FREE for stream in streams] + [FREE])
        counts = [slots.num_decoded[stream.slot] >= 32 + stream.delay_tokens for stream in streams]
        tokens = model.decode(slots, batch, forced, torch.zeros(4, 2)).tokens.tolist()
        for stream, token, is_counted in zip(streams, tokens, counts, strict=False):
            stream.tokens += [token] * is_counted


def in_prompt(stream: Stream) -> bool:
    return stream.slots.num_decoded[stream.slot] <= 32 + stream.delay_tokens


@given(flushes=st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, MAX_AHEAD_TOKENS - 1)), max_size=6))
@example(flushes=[(30_000, MAX_AHEAD_TOKENS), (45_000, MAX_AHEAD_TOKENS)])
@settings(max_examples=12, deadline=None)
def test_a_look_ahead_that_is_rolled_back_leaves_no_trace(
    flushes: list[tuple[int, int]], short: VoxtralModel, speech: Samples, expected: list[int]
) -> None:
    stream = Stream(short, short.new_slots(1), 0, 3)
    begin = 0
    for end, num_ahead in sorted(flushes):
        stream.push(speech[begin : min(end, 50_000)])
        begin = min(end, 50_000)
        run_ahead_and_back(stream, num_ahead)
    stream.push(speech[begin:50_000])
    assert stream.finish() == expected


def run_ahead_and_back(stream: Stream, num_tokens: int) -> None:
    before, framer, tokens = stream.slots.snapshot(stream.slot), stream.framer, list(stream.tokens)
    stream.framer = framer.fork()
    stream.framer.push(np.full(num_tokens * 1280, 0.3, np.float32))
    num_ready = min(stream.framer.num_ready, MAX_AHEAD_TOKENS)
    if num_ready:
        stream.encode(num_ready)
        stream.decode(num_ready)
    stream.slots.restore(stream.slot, before)
    stream.framer, stream.tokens = framer, tokens


def test_the_silence_before_a_stream_is_computed_once_for_each_delay(
    short: VoxtralModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots, computed = short.new_slots(3), []
    prefill = VoxtralModel.prefill
    monkeypatch.setattr(VoxtralModel, "prefill", lambda *args: computed.append(slots.delays[:3]) or prefill(*args))
    for slot, delay_tokens in ((0, 6), (1, 6), (2, 1), (0, 1), (1, 6)):
        short.open(slots, slot, delay_tokens)
    assert len(computed) == 2


def test_a_reused_slot_is_like_new(short: VoxtralModel, speech: Samples, expected: list[int]) -> None:
    slots = short.new_slots(1)
    transcribe(short, [speech[100_000:400_000]], 15, slots)
    assert transcribe(short, [speech[:50_000]], 3, slots) == expected  # computes the prefix of another delay
    assert transcribe(short, [speech[:50_000]], 3, slots) == expected  # copies it


@pytest.mark.parametrize("way", [Masked(), Paged()])
def test_a_pass_reads_nothing_back_and_makes_no_tensor_elsewhere(
    way: Attention, mistral_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device `meta` reading a number raises, and so does a tensor of the CPU's."""
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", lambda query, *args, **kwargs: query.clone())
    device = torch.device("meta")
    model = load(mistral_dir, device=device, weights="bf16", attention=way)
    slots = model.new_slots(3)
    for slot, delay_tokens in ((0, 6), (0, 6), (1, 1)):
        model.open(slots, slot, delay_tokens)
    before = slots.snapshot(0)
    batch = slots.batch([1, 0], size=3)
    model.encode(slots, batch, torch.zeros((3, window_samples(4)), device=device))
    for _ in range(4):
        forced, bias = torch.full((3,), FREE, device=device), torch.zeros((3, 2), device=device)
        decoded = model.decode(slots, batch, forced, bias)
    slots.restore(0, before)
    assert (decoded.tokens.device, decoded.pad_margins.device) == (device, device)
    assert slots.num_decoded[:2] == [NUM_PREFIX_TOKENS, NUM_PREFIX_TOKENS + 4]


@pytest.mark.parametrize("slots_wanted", [[0, 0], [3], [-1]])
def test_the_slots_of_a_batch_are_checked(slots_wanted: list[int], short: VoxtralModel) -> None:
    with pytest.raises(ValueError, match="distinct and below 3"):
        short.new_slots(3).batch(slots_wanted)


@pytest.mark.parametrize(("num_slots", "window"), [(0, 50), (1, 0), (1, 51)])
def test_sizes_are_checked(num_slots: int, window: int, short: VoxtralModel) -> None:
    with pytest.raises(ValueError, match="a window of 1 to 50"):
        short.new_slots(num_slots, decoder_window=window)


def test_slots_that_do_not_fit_are_refused_with_their_size(short: VoxtralModel) -> None:
    with pytest.raises(CapacityError, match=r"no memory for 1000000000000 streams on cpu: .* GiB; allow fewer"):
        short.new_slots(10**12)


def test_the_memory_of_a_slot_is_as_the_config_states(short: VoxtralModel) -> None:
    slots = short.new_slots(5, decoder_window=20)
    for ring in (slots.encoder_ring, slots.decoder_ring):
        assert all(len(keys) == 5 * ring.num_cells + 2 * CELLS_PER_PAGE for keys in ring.keys)
    held = sum(
        2 * len(ring.keys) * ring.num_cells * ring.keys[0][0].numel() * 4
        for ring in (slots.encoder_ring, slots.decoder_ring)
    )
    assert held == short.config.slot_bytes(4, decoder_window=20)


def test_the_directory_may_be_deleted_once_the_model_is_loaded(
    tmp_path: Path, speech: Samples, short: VoxtralModel
) -> None:
    directory = write_mistral(random_model(SHORT), tmp_path / "gone")
    model = load(directory, device=CPU, weights="fp32")
    for path in directory.iterdir():
        path.unlink()
    assert transcribe(model, [speech[:20_000]], 3) == transcribe(short, [speech[:20_000]], 3)
