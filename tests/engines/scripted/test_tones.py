"""The decoder recovers the output of `speak`, to the sample, through encodings, cuts and noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voxtide.engines.scripted.tones import TONE_FRAME_SAMPLES, WORD_PAUSE_S, Letter, ToneDecoder, speak
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples

LETTERS = "".join(chr(code) for code in range(0x21, 0x100) if chr(code).isprintable() and not chr(code).isspace())
words = st.text(LETTERS, min_size=1, max_size=8)


def decoded(samples: Samples, *, is_cut: bool = False) -> list[Letter]:
    decoder = ToneDecoder()
    decoder.feed(samples)
    return decoder.decode(len(samples), is_cut=is_cut)


def text_of(letters: list[Letter]) -> str:
    return "".join(letter.text for letter in letters)


def test_every_letter_is_decoded() -> None:
    assert text_of(decoded(speak(LETTERS))) == LETTERS
    assert len(LETTERS) == 188


@given(st.lists(words, max_size=4), st.integers(0, 3000))
def test_letters_are_at_their_positions(words_in: list[str], start: int) -> None:
    positions = []
    now = start
    for word in words_in:
        for letter in word:
            positions.append(Letter(letter, now, now + TONE_FRAME_SAMPLES))
            now += TONE_FRAME_SAMPLES
        now += round(WORD_PAUSE_S * SAMPLE_RATE_HZ)
    assert decoded(np.concatenate([np.zeros(start, np.float32), speak(" ".join(words_in))])) == positions


@given(st.lists(words, max_size=3), st.data())
def test_chunk_sizes_do_not_matter(words_in: list[str], data: st.DataObject) -> None:
    samples = speak(" ".join(words_in))
    decoder, letters = ToneDecoder(), []
    positions = data.draw(st.lists(st.integers(0, len(samples)), max_size=8).map(sorted))
    fed = 0
    for position in [*positions, len(samples)]:
        decoder.feed(samples[fed:position])
        fed = position
        letters += decoder.decode(data.draw(st.integers(0, fed)))
    assert letters + decoder.decode(fed) == decoded(samples)


@given(words, st.data())
def test_a_cut_letter_is_decoded_once(word: str, data: st.DataObject) -> None:
    samples = speak(word)
    decoder, letters = ToneDecoder(), []
    decoder.feed(samples)
    for position in data.draw(st.lists(st.integers(0, len(samples)), max_size=5).map(sorted)):
        part = decoder.decode(position, is_cut=True)
        assert all(letter.end_sample <= position for letter in part)
        letters += part
    assert text_of(letters + decoder.decode(len(samples))) == word


def test_half_a_letter_is_enough() -> None:
    for letter in LETTERS:
        half = speak(letter)[: TONE_FRAME_SAMPLES // 2]
        assert decoded(half, is_cut=True) == [Letter(letter, 0, TONE_FRAME_SAMPLES // 2)]
        assert decoded(half[:-1], is_cut=True) == []


@pytest.mark.parametrize("num_levels", [2**15, 2**7])
def test_coarse_encodings(num_levels: int) -> None:
    samples = (np.round(speak(LETTERS) * num_levels) / num_levels).astype(np.float32)
    assert text_of(decoded(samples)) == LETTERS


def test_letters_in_noise() -> None:
    noise = np.random.default_rng(5).normal(0, 0.004, 200 * TONE_FRAME_SAMPLES).astype(np.float32)
    samples = speak(LETTERS)
    assert text_of(decoded(samples + noise[: len(samples)])) == LETTERS


def test_other_sounds_are_letters_without_text() -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, 10 * TONE_FRAME_SAMPLES).astype(np.float32)
    letters = decoded(noise)
    assert len(letters) == 9 + (letters[0].start_sample == 0)
    assert text_of(letters) == ""


def test_silence_and_clicks_are_no_letters() -> None:
    samples = np.zeros(5 * TONE_FRAME_SAMPLES, np.float32)
    samples[[100, 3000, 3001]] = 0.2
    assert decoded(samples) == []


def test_decoded_audio_is_dropped() -> None:
    decoder = ToneDecoder()
    for _ in range(100):
        decoder.feed(speak("ab"))
        decoder.decode(10**9)
        assert len(decoder._samples) <= 3 * TONE_FRAME_SAMPLES


def test_unsupported_letters() -> None:
    with pytest.raises(ConfigError, match="'漢'"):
        speak("漢字")


@given(st.sampled_from(LETTERS), st.floats(0.0, 0.22), st.integers(0, 2**32 - 1))
def test_a_letter_in_noise_matches_its_spectrum(letter: str, level: float, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-level, level, TONE_FRAME_SAMPLES).astype(np.float32)
    frame = speak(letter) + noise
    spectrum = np.abs(np.fft.rfft(frame)) ** 2
    share = 2 * spectrum[16 + 2 * ord(letter)] / (TONE_FRAME_SAMPLES * float(np.dot(frame, frame)))
    assume(abs(share - 0.8) > 0.01)  # rounding decides
    assert [part.text for part in decoded(frame)] == [letter if share > 0.8 else ""]
