"""Invalid options are named; invalid samples leave the stream unchanged."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import StreamResult, perform, read, transcribe
from voxtide.errors import CorruptAudioError, UnsupportedOptionError
from voxtide.types import Samples, StreamOptions

NOT_SAMPLES = {
    "two channels": np.zeros((2, 160), np.float32),
    "a scalar": np.zeros((), np.float32),
    "16-bit integers": np.zeros(160, np.int16),
    "booleans": np.zeros(160, np.bool_),
    "complex numbers": np.zeros(160, np.complex64),
}
CORRUPT = {
    "NaN": np.array([0, np.nan, 0], np.float32),
    "infinite": np.array([0, 0, np.inf], np.float32),
    "minus infinite": np.array([-np.inf, 0, 0], np.float32),
    "too large for float32": np.array([0, 1e300, 0]),
    "too large for float32, though its square is not for float64": np.array([0, 1e100, 0]),
}


@pytest.mark.parametrize("samples", NOT_SAMPLES.values(), ids=NOT_SAMPLES)
async def test_not_samples(engine: AnyEngine, samples: Samples) -> None:
    async with engine.open() as stream:
        with pytest.raises(ValueError, match=f"float32 samples .* not {samples.dtype}"):
            await stream.feed(samples)


@pytest.mark.parametrize("samples", CORRUPT.values(), ids=CORRUPT)
async def test_corrupt_samples(engine: AnyEngine, samples: Samples) -> None:
    async with engine.open() as stream:
        with pytest.raises(CorruptAudioError, match=f"sample [012] of {len(samples)} is"):
            await stream.feed(samples)


async def test_a_refused_chunk_leaves_the_stream_unchanged(
    case: EngineCase, engine: AnyEngine, whole: StreamResult
) -> None:
    half = len(case.clip.samples) // 2
    async with engine.open() as stream:
        await stream.feed(case.clip.samples[:half])
        for samples in (*NOT_SAMPLES.values(), *CORRUPT.values()):
            with pytest.raises((ValueError, CorruptAudioError)):
                await stream.feed(samples)
        await stream.feed(case.clip.samples[half:])
        await stream.finish()
        result = StreamResult(tuple(await read(stream)))
    assert result.invariant == whole.invariant


async def test_other_floats_and_strided_arrays(case: EngineCase, engine: AnyEngine, whole: StreamResult) -> None:
    samples = case.clip.samples
    stereo = np.stack([samples, -samples], axis=1)
    for same in (samples.astype(np.float64), stereo[:, 0], samples[::-1][::-1]):
        assert (await transcribe(engine, [same])).invariant == whole.invariant


async def test_the_caller_may_reuse_its_buffer(case: EngineCase, engine: AnyEngine, whole: StreamResult) -> None:
    samples = case.clip.samples
    buffer = np.zeros(1600, np.float32)
    async with engine.open() as stream:
        for start in range(0, len(samples), len(buffer)):
            chunk = samples[start : start + len(buffer)]
            buffer[: len(chunk)] = chunk
            await stream.feed(buffer[: len(chunk)])
            buffer[:] = 1.0
        await stream.finish()
        result = StreamResult(tuple(await read(stream)))
    assert result.invariant == whole.invariant


async def test_levels_above_one_are_accepted(engine: AnyEngine) -> None:
    async with engine.open() as stream:
        await perform(stream, [np.full(16_000, 3.0, np.float32)])
        await stream.finish()
        await read(stream)


async def test_unsupported_options_are_named(engine: AnyEngine) -> None:
    info = engine.info
    if info.languages:
        with pytest.raises(UnsupportedOptionError, match="'xx'"):
            engine.open(StreamOptions(language="xx"))
    with pytest.raises(UnsupportedOptionError, match="12345"):
        engine.open(StreamOptions(delay_ms=12345))
    if not info.can_use_vocabulary:
        with pytest.raises(UnsupportedOptionError, match="vocabulary"):
            engine.open(StreamOptions(vocabulary=("voxtide",)))


async def test_supported_options_are_accepted(case: EngineCase, engine: AnyEngine) -> None:
    info = engine.info
    options = [StreamOptions(delay_ms=delay_ms) for delay_ms in info.delays_ms]
    options += [StreamOptions(language=language) for language in info.languages]
    options += [StreamOptions(vocabulary=("question", "matter"))] if info.can_use_vocabulary else []
    part = case.clip.samples[: case.clip.pauses[-1]]
    for chosen in options:
        assert (await transcribe(engine, [part], chosen)).text
