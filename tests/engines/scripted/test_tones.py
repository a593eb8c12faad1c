"""What `speak` says the ear hears, to the sample, through the encodings and cuts that audio meets on its way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voxtide.engines.scripted.tones import TONE_FRAME_SAMPLES, WORD_PAUSE_S, Ear, Letter, speak
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples

LETTERS = "".join(chr(code) for code in range(0x21, 0x100) if chr(code).isprintable() and not chr(code).isspace())
words = st.text(LETTERS, min_size=1, max_size=8)


def heard(samples: Samples, *, is_cut: bool = False) -> list[Letter]:
    ear = Ear()
    ear.feed(samples)
    return ear.hear(len(samples), is_cut=is_cut)


def text_of(letters: list[Letter]) -> str:
    return "".join(letter.text for letter in letters)


def test_every_letter_of_the_code_is_heard() -> None:
    assert text_of(heard(speak(LETTERS))) == LETTERS
    assert len(LETTERS) == 188


@given(st.lists(words, max_size=4), st.integers(0, 3000))
def test_letters_lie_where_they_were_spoken(said: list[str], start: int) -> None:
    places = []
    now = start
    for word in said:
        for letter in word:
            places.append(Letter(letter, now, now + TONE_FRAME_SAMPLES))
            now += TONE_FRAME_SAMPLES
        now += round(WORD_PAUSE_S * SAMPLE_RATE_HZ)
    assert heard(np.concatenate([np.zeros(start, np.float32), speak(" ".join(said))])) == places


@given(st.lists(words, max_size=3), st.data())
def test_how_the_audio_comes_decides_nothing(said: list[str], data: st.DataObject) -> None:
    samples = speak(" ".join(said))
    ear, letters = Ear(), []
    places = data.draw(st.lists(st.integers(0, len(samples)), max_size=8).map(sorted))
    fed = 0
    for place in [*places, len(samples)]:
        ear.feed(samples[fed:place])
        fed = place
        letters += ear.hear(data.draw(st.integers(0, fed)))
    assert letters + ear.hear(fed) == heard(samples)


@given(words, st.data())
def test_a_cut_letter_is_heard_on_one_side_of_the_cut(word: str, data: st.DataObject) -> None:
    samples = speak(word)
    ear, letters = Ear(), []
    ear.feed(samples)
    for place in data.draw(st.lists(st.integers(0, len(samples)), max_size=5).map(sorted)):
        part = ear.hear(place, is_cut=True)
        assert all(letter.end_sample <= place for letter in part)
        letters += part
    assert text_of(letters + ear.hear(len(samples))) == word


def test_half_a_letter_is_enough_for_every_letter() -> None:
    for letter in LETTERS:
        half = speak(letter)[: TONE_FRAME_SAMPLES // 2]
        assert heard(half, is_cut=True) == [Letter(letter, 0, TONE_FRAME_SAMPLES // 2)]
        assert heard(half[:-1], is_cut=True) == []


@pytest.mark.parametrize("num_levels", [2**15, 2**7])
def test_coarse_encodings_do_no_harm(num_levels: int) -> None:
    samples = (np.round(speak(LETTERS) * num_levels) / num_levels).astype(np.float32)
    assert text_of(heard(samples)) == LETTERS


def test_noise_does_no_harm() -> None:
    noise = np.random.default_rng(5).normal(0, 0.004, 200 * TONE_FRAME_SAMPLES).astype(np.float32)
    samples = speak(LETTERS)
    assert text_of(heard(samples + noise[: len(samples)])) == LETTERS


def test_other_sounds_are_letters_without_text() -> None:
    noise = np.random.default_rng(5).normal(0, 0.1, 10 * TONE_FRAME_SAMPLES).astype(np.float32)
    letters = heard(noise)
    assert len(letters) == 9 + (letters[0].start_sample == 0)
    assert text_of(letters) == ""


def test_silence_and_clicks_are_nothing() -> None:
    samples = np.zeros(5 * TONE_FRAME_SAMPLES, np.float32)
    samples[[100, 3000, 3001]] = 0.2
    assert heard(samples) == []


def test_what_was_judged_is_not_kept() -> None:
    ear = Ear()
    for _ in range(100):
        ear.feed(speak("ab"))
        ear.hear(10**9)
        assert len(ear._samples) <= 3 * TONE_FRAME_SAMPLES


def test_letters_outside_the_code() -> None:
    with pytest.raises(ConfigError, match="'漢'"):
        speak("漢字")


@given(st.sampled_from(LETTERS), st.floats(0.0, 0.22), st.integers(0, 2**32 - 1))
def test_a_letter_in_noise_is_what_its_spectrum_says(letter: str, level: float, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-level, level, TONE_FRAME_SAMPLES).astype(np.float32)
    frame = speak(letter) + noise
    spectrum = np.abs(np.fft.rfft(frame)) ** 2
    share = 2 * spectrum[16 + 2 * ord(letter)] / (TONE_FRAME_SAMPLES * float(np.dot(frame, frame)))
    assume(abs(share - 0.8) > 0.01)  # a hair decides
    assert [part.text for part in heard(frame)] == [letter if share > 0.8 else ""]
