"""Voxtral on small random models: batches, flushes and wraps of the rings change no token; errors name the cause."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.support import voxtral_checkpoint
from tests.support.voxtral_streams import Driven, places, run_together, tensors
from voxtide.engines.local import stream as local_stream
from voxtide.engines.voxtral import load
from voxtide.engines.voxtral.batch_runner import BatchRunner
from voxtide.engines.voxtral.decode_state import DecodedToken, DecodeState
from voxtide.engines.voxtral.engine import VoxtralEngine
from voxtide.engines.voxtral.recogniser import VoxtralRecogniser
from voxtide.errors import CapacityError, ConfigError, EngineFailedError, MissingExtraError, ModelMissingError
from voxtide.transcript.events import Delta, Interim, TranscriptEvent
from voxtide.types import Samples, StreamOptions
from voxtide.voxtral import names
from voxtide.voxtral.config import PAD, SAMPLES_PER_TOKEN, WORD, TransformerConfig
from voxtide.voxtral.loading import load as load_model
from voxtide.voxtral.model import VoxtralModel
from voxtide.voxtral.tokenizer import Vocabulary

pytestmark = pytest.mark.usefixtures("one_torch_thread")

LIVELY = replace(
    voxtral_checkpoint.SMALL,
    decoder=TransformerConfig(dim=32, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=8, hidden_dim=48, window=60),
)
"""A window of 60 tokens, so that its rings wrap within half a minute."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose next token depends on all before, and which decodes text, marks and PADs."""
    tensors = voxtral_checkpoint.random_tensors(LIVELY, seed=3)
    embeddings = tensors[names.EMBEDDINGS]
    embeddings[:1000] *= 0.2
    embeddings[[PAD, WORD]] *= 8.0
    return voxtral_checkpoint.write(tmp_path_factory.mktemp("lively"), tensors, LIVELY)


@pytest.fixture(scope="module")
def model(directory: Path) -> VoxtralModel:
    return load_model(directory, device=torch.device("cpu"), weights="fp32")


@pytest.fixture(scope="module")
def vocabulary(directory: Path) -> Vocabulary:
    return Vocabulary.read(directory / "tekken.json")


@pytest.fixture
def engine(directory: Path) -> Iterator[VoxtralEngine]:
    engine = loaded(directory)
    yield engine
    asyncio.run(engine.close())


def loaded(directory: Path, **options: object) -> VoxtralEngine:
    defaults = {"model": str(directory), "store": None, "max_streams": 8, "device": "cpu", "weights": "fp32"}
    return load(**{**defaults, **options})  # type: ignore[arg-type]  # a dict of mixed types; load checks them


def noise(num_frames: float, seed: int) -> Samples:
    """Alternately loud and soft."""
    rng = np.random.default_rng(seed)
    num_samples = round(num_frames * SAMPLES_PER_TOKEN)
    level = np.repeat(rng.uniform(0.001, 0.5, num_samples // 2000 + 1), 2000)[:num_samples]
    return (level * rng.normal(0.0, 0.3, num_samples)).astype(np.float32)


LONG = noise(240, seed=7)


def stream_of(runner: BatchRunner, vocabulary: Vocabulary, *, delay_tokens: int = 6, peek_frames: int = 0) -> Driven:
    recogniser = VoxtralRecogniser(runner, vocabulary, delay_tokens=delay_tokens, peek_frames=peek_frames)
    return Driven(recogniser, runner)


def lasting(events: list[TranscriptEvent]) -> list[TranscriptEvent]:
    return [event for event in events if not isinstance(event, Interim)]


def test_it_decodes_text_marks_and_pads(model: VoxtralModel, vocabulary: Vocabulary) -> None:
    stream = stream_of(BatchRunner(model, 1), vocabulary)
    stream.feed(noise(200, seed=1))
    stream.finish()
    num_deltas = sum(isinstance(event, Delta) for event in stream.events)
    assert 20 < num_deltas < 190
    assert len(set(stream.text.split())) > 5


async def test_a_stream_emits_the_same_alone_and_in_a_batch(engine: VoxtralEngine) -> None:
    audio = [noise(60 + 3 * seed, seed) for seed in range(8)]
    alone = [await events_of(engine, samples, chunk=3 * SAMPLES_PER_TOKEN) for samples in audio]
    together = await asyncio.gather(
        *(events_of(engine, samples, chunk=500 + 700 * number) for number, samples in enumerate(audio))
    )
    assert [lasting(events) for events in together] == [lasting(events) for events in alone]
    assert len({str(events) for events in alone}) == len(audio)


async def events_of(
    engine: VoxtralEngine, samples: Samples, *, chunk: int, options: StreamOptions | None = None
) -> list[TranscriptEvent]:
    async with engine.open(options) as stream:
        for start in range(0, len(samples), chunk):
            await stream.feed(samples[start : start + chunk])
            await asyncio.sleep(0)
        await stream.finish()
        return [event async for event in stream]


def test_a_reused_slot_keeps_nothing(model: VoxtralModel, vocabulary: Vocabulary) -> None:
    runner = BatchRunner(model, 1)
    texts = []
    for delay_tokens in (6, 30, 6, 1, 6):
        stream = stream_of(runner, vocabulary, delay_tokens=delay_tokens)
        stream.feed(noise(80, seed=4))
        stream.finish()
        stream.recogniser.close()
        texts.append(stream.text)
    assert texts[0] == texts[2] == texts[4]
    assert len(set(texts)) == 3


@pytest.mark.parametrize(("delay_tokens", "peek_frames"), [(6, 2), (30, 12)])
def test_peeks_change_no_final_text_also_where_the_rings_wrap(
    model: VoxtralModel, vocabulary: Vocabulary, delay_tokens: int, peek_frames: int
) -> None:
    """280 frames: both rings wrap, the decoder's of 102 tokens twice."""
    samples = noise(280, seed=5)
    plain = stream_of(BatchRunner(model, 1), vocabulary, delay_tokens=delay_tokens)
    runner = BatchRunner(model, 1)
    peeking = stream_of(runner, vocabulary, delay_tokens=delay_tokens, peek_frames=peek_frames)
    for start in range(0, len(samples), 1500):
        plain.feed(samples[start : start + 1500])
        peeking.feed(samples[start : start + 1500])
    plain.finish()
    peeking.finish()
    assert lasting(peeking.events) == plain.events
    assert runner.num_steps > 2 * 280  # it did peek
    assert plain.text


def test_emitted_text_equals_the_decoded_text_for_any_flushes(
    model: VoxtralModel, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 flushes: the emitted text and the model's own input stay equal."""
    rng = np.random.default_rng(8)
    runner = BatchRunner(model, 1)
    stream = stream_of(runner, vocabulary)
    main, read, advance = stream.recogniser._main, [], DecodeState.advance

    def recorded(state: DecodeState, token: int) -> DecodedToken | None:
        decoded = advance(state, token)
        if decoded is not None and state is main:
            read.append(decoded.token)
        return decoded

    monkeypatch.setattr(DecodeState, "advance", recorded)
    answers = []
    for _ in range(200):
        stream.feed(noise(rng.uniform(0.1, 2.0), int(rng.integers(1 << 30))))
        answers.append(stream.flush().text)
    flushed_text = stream.text
    stream.feed(noise(60, seed=9))
    decoded_text = b"".join(vocabulary.piece(token) for token in read).decode("utf-8", "replace").removeprefix(" ")
    assert stream.text.startswith(flushed_text)
    assert stream.text == decoded_text
    assert "".join("".join(answers).split()) == "".join(flushed_text.split())
    assert sum(map(bool, answers)) > 20


def test_a_stream_is_independent_of_the_flushes_of_another(model: VoxtralModel, vocabulary: Vocabulary) -> None:
    samples = noise(50, seed=6)
    alone = stream_of(BatchRunner(model, 1), vocabulary)
    alone.feed(samples)
    alone.finish()
    runner = BatchRunner(model, 2)
    quiet, busy = stream_of(runner, vocabulary), stream_of(runner, vocabulary)
    flush_id = 0
    for start in range(0, len(samples), SAMPLES_PER_TOKEN):
        quiet.recogniser.feed(samples[start : start + SAMPLES_PER_TOKEN])
        busy.recogniser.feed(noise(1, seed=start))
        busy.recogniser.flush(flush_id := flush_id + 1)
        run_together(quiet, busy)
    quiet.finish()
    assert quiet.events == alone.events or lasting(quiet.events) == lasting(alone.events)
    assert len([event for event in busy.events if type(event).__name__ == "Flushed"]) == flush_id


def test_a_backlog_is_encoded_in_one_pass_and_a_step_decodes_all_streams(
    model: VoxtralModel, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[tuple[int, int]] = []
    runner = BatchRunner(model, 4)
    encode, decode = runner._steps.encode, runner._steps.decode
    sizes: list[int] = []

    def watched_encode(slots: Sequence[int], windows: NDArray[np.float32]) -> None:
        passes.append((len(slots), windows.shape[1]))
        encode(slots, windows)

    def watched_decode(
        slots: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        sizes.append(len(slots))
        return decode(slots, forced, biases)

    monkeypatch.setattr(runner._steps, "encode", watched_encode)
    monkeypatch.setattr(runner._steps, "decode", watched_decode)
    streams = [stream_of(runner, vocabulary) for _ in range(4)]
    for stream in streams:
        stream.recogniser.feed(noise(16.1, seed=2))
    run_together(*streams)
    assert passes == [(4, 16 * SAMPLES_PER_TOKEN + 240), (4, SAMPLES_PER_TOKEN + 240)]
    assert sizes == [4] * 17


def test_tensors_keep_their_addresses(model: VoxtralModel, vocabulary: Vocabulary) -> None:
    """In the steady state none is added, replaced, moved or resized: captured graphs hold their addresses."""
    stream = stream_of(BatchRunner(model, 2), vocabulary)
    transcribe(stream, 0, 40)
    kept = tensors()
    before = places(kept)
    transcribe(stream, 40, 140)
    assert places(tensors()) == before


def transcribe(stream: Driven, first: int, last: int) -> None:
    """Feed frames of a long recording, with a flush after every five; discard the events."""
    for frame in range(first, last, 5):
        stream.feed(LONG[frame * SAMPLES_PER_TOKEN : (frame + 5) * SAMPLES_PER_TOKEN])
        stream.flush()
        stream.events.clear()


def test_memory_does_not_grow(model: VoxtralModel, vocabulary: Vocabulary) -> None:
    """A hundred frames and twenty flushes leave no more than half a pointer for each frame.

    The measurement covers the whole process, so something else may grow meanwhile, but not each time.
    """
    stream = stream_of(BatchRunner(model, 2), vocabulary)
    tracemalloc.start()
    try:
        transcribe(stream, 0, 140)
        held = [held_bytes()]
        for _ in range(4):
            transcribe(stream, 140, 240)
            held.append(held_bytes())
        assert min(after - before for before, after in pairwise(held)) < 100 * 4
    finally:
        tracemalloc.stop()
    assert len(stream.recogniser._main.forced) < 43
    assert len(stream.recogniser._main.framer._samples) < 2 * SAMPLES_PER_TOKEN


def held_bytes() -> int:
    """Memory of Python and NumPy, without the interpreter's cache of methods, which is bounded."""
    gc.collect()
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # the newer is of Python 3.13
    forget()
    return tracemalloc.get_traced_memory()[0]


async def test_a_failing_device_ends_every_stream_with_the_reason(
    engine: VoxtralEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(engine._runner, "_run", fail)
    with caplog.at_level(logging.CRITICAL, "voxtide.engines"):
        async with engine.open() as one, engine.open() as other:
            await one.feed(noise(3, seed=1))
            for stream in (one, other):
                with pytest.raises(EngineFailedError, match="out of memory.*fewer streams"):
                    await anext(aiter(stream))
    with pytest.raises(EngineFailedError):
        await engine.open().__aenter__()


async def test_a_closed_engine_releases_the_model(directory: Path) -> None:
    engine = loaded(directory)
    model = weakref.ref(engine._runner._slots)
    async with engine.open() as stream:
        await stream.feed(noise(3, seed=1))
    await asyncio.gather(engine.close(), engine.close())
    assert model() is None


async def test_a_stuck_device_is_detected(engine: VoxtralEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 0.02)
    monkeypatch.setattr(local_stream, "STALL_S", 0.05)
    is_released = threading.Event()
    monkeypatch.setattr(engine._runner, "_run", lambda requests: is_released.wait(30))
    try:
        async with engine.open() as stream:
            await stream.feed(noise(3, seed=1))
            with pytest.raises(EngineFailedError, match="stuck"):
                await anext(aiter(stream))
    finally:
        is_released.set()


async def test_interim_text_is_emitted_on_request(directory: Path) -> None:
    async with loaded(directory, interim_every_ms=160) as engine:
        assert engine.info.is_revising
        events = await events_of(engine, noise(60, seed=1), chunk=SAMPLES_PER_TOKEN // 2)
        without = await events_of(engine, noise(60, seed=1), chunk=2000, options=StreamOptions(interim=False))
    assert not any(isinstance(event, Interim) for event in without)
    assert lasting(events) == without


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:7"}, "cuda"),
        ({"device": "toaster"}, "no device 'toaster'.*cuda, mps, cpu"),
        ({"device": "meta"}, "'meta' cannot be used"),
        ({"device": "cpu:7"}, "no device 'cpu:7': this machine has 1 of type 'cpu'"),
        ({"weights": "fp8"}, "no weights 'fp8'.*bf16"),
        ({"weights": "fp16"}, "fp16 do not run on a CPU"),
        ({"window_minutes": 0}, "window_minutes is 0"),
        ({"window_minutes": float("inf")}, "window_minutes is inf; it must be more than 0, and finite"),
        ({"interim_every_ms": 100}, "multiple of 80"),
        ({"model": "no-such"}, "'no-such' is not a directory"),
    ],
    ids=str,
)
def test_an_unusable_option_is_named_with_the_remedy(directory: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(directory, **options)


def test_without_a_gpu_the_message_states_the_reason(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ConfigError, match="built without CUDA; install"):
        loaded(directory, device="cuda")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(ConfigError, match=r"CUDA 13.0, but finds no GPU or driver; check nvidia-smi"):
        loaded(directory, device="cuda")


def test_more_streams_than_fit_are_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.engines.voxtral.device.free_bytes", lambda device: 3_000_000)
    with pytest.raises(CapacityError, match=r"memory for \d+ streams with a window of 60 tokens"):
        loaded(directory, max_streams=64)
    engine = loaded(directory, max_streams=None)
    assert engine._runner.num_slots < 8
    asyncio.run(engine.close())


def test_a_directory_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="no directory"):
        loaded(tmp_path, model=str(tmp_path / "not/here"), store=object())


def test_without_torch_the_extra_is_named(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"\[voxtral\]"):
        loaded(directory)
