"""Any rate to 16 kHz: independent of chunking, exact length, no time shift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import joined, loudest_hz, tone
from voxtide.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, RateConverter, Resampler
from voxtide.errors import ConfigError, StreamClosedError
from voxtide.types import SAMPLE_RATE_HZ, Samples

USUAL_RATES_HZ = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000]
rates = st.one_of(st.sampled_from(USUAL_RATES_HZ), st.integers(MIN_RATE_HZ, MAX_RATE_HZ))


def converted(samples: Samples, from_hz: int, cuts: list[int] | None = None) -> Samples:
    resampler = Resampler(from_hz)
    ends = [*sorted(cuts or []), samples.size]
    pieces = [resampler.feed(samples[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
    return joined([*pieces, resampler.finish()])


@given(rates, st.integers(0, 3000), st.data())
def test_output_is_independent_of_chunking_and_its_length_is_exact(
    from_hz: int, size: int, data: st.DataObject
) -> None:
    samples = np.random.default_rng(size).uniform(-1, 1, size).astype(np.float32)
    cuts = data.draw(st.lists(st.integers(0, size), max_size=30))
    whole = converted(samples, from_hz)
    np.testing.assert_array_equal(converted(samples, from_hz, cuts), whole)
    assert whole.size == round(size * 16_000 / from_hz)
    assert whole.dtype == np.float32


@pytest.mark.parametrize("from_hz", USUAL_RATES_HZ)
def test_a_click_keeps_its_time(from_hz: int) -> None:
    samples = np.zeros(from_hz, np.float32)
    samples[from_hz // 2] = 0.5
    place_s = np.argmax(converted(samples, from_hz)) / 16_000
    assert place_s == pytest.approx((from_hz // 2) / from_hz, abs=0.6 / 16_000)  # half a sample of rounding


@pytest.mark.parametrize("from_hz", USUAL_RATES_HZ)
def test_a_tone_keeps_its_pitch_and_its_level(from_hz: int) -> None:
    decoded = converted(tone(1.0, rate_hz=from_hz, hz=1000.0), from_hz)
    middle = slice(1_000, -1_000)  # without the onset and the end
    np.testing.assert_allclose(decoded[middle], tone(1.0, hz=1000.0)[middle], atol=1e-4)


def test_frequencies_above_8_khz_do_not_alias() -> None:
    decoded = converted(tone(1.0, rate_hz=48_000, hz=11_000.0), 48_000)
    assert np.max(np.abs(decoded[1_000:-1_000])) < 1e-4
    assert loudest_hz(converted(tone(1.0, rate_hz=48_000, hz=3_000.0), 48_000)) == 3_000


def test_16_khz_samples_pass_unchanged_without_delay() -> None:
    samples = tone(0.01)
    resampler = Resampler(16_000)
    np.testing.assert_array_equal(resampler.feed(samples), samples)
    assert resampler.finish().size == 0


@pytest.mark.parametrize("from_hz", [8_000, 16_000, 48_000])
def test_empty_input_gives_empty_output(from_hz: int) -> None:
    assert Resampler(from_hz).finish().size == 0


@pytest.mark.parametrize("from_hz", [8_000, 16_000])
def test_feeding_after_finish_raises(from_hz: int) -> None:
    resampler = Resampler(from_hz)
    resampler.finish()
    with pytest.raises(StreamClosedError):
        resampler.feed(tone(0.1))
    with pytest.raises(StreamClosedError):
        resampler.finish()


@pytest.mark.parametrize("from_hz", [0, -16_000, 16, MIN_RATE_HZ - 1, MAX_RATE_HZ + 1])
def test_an_invalid_rate_is_refused_with_the_legal_range(from_hz: int) -> None:
    with pytest.raises(ConfigError, match=f"4000 to 384000 Hz, not {from_hz} Hz"):
        Resampler(from_hz)


def test_strided_samples_are_accepted() -> None:
    stereo = np.stack([tone(0.5, rate_hz=48_000)] * 2, axis=1)
    np.testing.assert_array_equal(
        converted(stereo[:, 0], 48_000), converted(np.ascontiguousarray(stereo[:, 0]), 48_000)
    )


def test_each_part_is_complete_when_the_rate_changes() -> None:
    parts = [(48_000, tone(0.3, rate_hz=48_000)), (8_000, tone(0.2, rate_hz=8_000))]
    halves = [(rate_hz, half) for rate_hz, part in parts for half in np.array_split(part, 2)]
    expected = [samples for rate_hz, part in parts for samples in resampled([(rate_hz, part)])]
    np.testing.assert_array_equal(np.concatenate(resampled(halves)), np.concatenate(expected))
    assert sum(map(len, expected)) == 0.5 * SAMPLE_RATE_HZ
    assert joined(resampled([])).size == 0


def resampled(pieces: list[tuple[int, Samples]]) -> list[Samples]:
    converter = RateConverter()
    return [converter.feed(*piece) for piece in pieces] + [converter.finish()]
