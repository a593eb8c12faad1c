"""The network on real recordings: text, times, and that they depend only on the audio."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.engines.whisper.engine import MAX_VOCABULARY_TOKENS
from voxtide.engines.whisper.model import FALLBACK_BEAM, MAX_WINDOW_S, Encoded, Prompt, Token, WhisperModel, _Decoded
from voxtide.types import SAMPLE_RATE_HZ, Samples, Task

pytestmark = pytest.mark.whisper

ENGLISH = Prompt()

PROSE = """
In the afternoon the committee met in the old library, where the secretary read the minutes of the previous session.
Nobody objected, so the chairman moved on to the question of the roof, which had been leaking since the storms of March.
Two builders had sent their estimates, and both were higher than anybody had expected. After a long discussion it was
decided to ask a third company, and to put buckets under the worst places until then. Mrs Hargreaves offered to lend her
ladder. The treasurer reported that the summer fair had brought in a little more than last year, mostly because of the
cakes. He thanked all the volunteers, and in particular the young people who had carried the tables.
"""


@pytest.fixture(scope="module")
def tiny() -> WhisperModel:
    pytest.importorskip("faster_whisper")
    return WhisperModel.load(model_directory("whisper-tiny.en"), num_threads=2)


@pytest.fixture(scope="module")
def base() -> WhisperModel:
    pytest.importorskip("faster_whisper")
    return WhisperModel.load(model_directory("whisper-base"), num_threads=1)


@pytest.fixture(scope="module")
def goforward() -> Samples:
    return recording("goforward.wav")


def text_of(model: WhisperModel, tokens: list[Token]) -> str:
    return b"".join(model.tokenizer.bytes_of(token.id) for token in tokens).decode()


def text_from(model: WhisperModel, samples: Samples, prompt: Prompt = ENGLISH) -> str:
    return text_of(model, model.transcribe(model.encode(samples), prompt, [], is_speech=False))


def test_a_command(tiny: WhisperModel, goforward: Samples) -> None:
    assert text_from(tiny, goforward) == " Go forward 10 meters."


def test_a_sentence_with_times_and_probabilities(tiny: WhisperModel) -> None:
    samples = between(recording("two_cities.wav"), 1.0, 4.6)
    tokens = tiny.transcribe(tiny.encode(samples), ENGLISH, [], is_speech=False)
    assert text_of(tiny, tokens).lower().startswith(" it was the best of times")
    assert tokens[0].start_s < 0.6
    assert all(before.start_s <= before.end_s == after.start_s for before, after in pairwise(tokens))
    assert tokens[-1].end_s <= len(samples) / SAMPLE_RATE_HZ
    assert all(token.logprob <= 0 for token in tokens)
    assert np.mean([token.logprob for token in tokens]) > -0.4


@pytest.mark.parametrize("num_known", [1, 3, 5])
def test_a_prefix_is_continued(tiny: WhisperModel, goforward: Samples, num_known: int) -> None:
    encoded = tiny.encode(goforward)
    whole = [token.id for token in tiny.transcribe(encoded, ENGLISH, [], is_speech=False)]
    rest = tiny.transcribe(encoded, ENGLISH, whole[:num_known], is_speech=False)
    assert [token.id for token in rest] == whole[num_known:]


def test_nothing_follows_a_prefix_of_the_whole_text(tiny: WhisperModel, goforward: Samples) -> None:
    encoded = tiny.encode(goforward)
    whole = [token.id for token in tiny.transcribe(encoded, ENGLISH, [], is_speech=False)]
    assert tiny.transcribe(encoded, ENGLISH, whole, is_speech=False) == []


@pytest.mark.parametrize("audio_s", [0.1, 1.0, 2.0])
def test_the_text_of_a_short_window_is_not_repeated(tiny: WhisperModel, goforward: Samples, audio_s: float) -> None:
    assert len(text_from(tiny, between(goforward, 0.0, audio_s)).split()) <= 4


def test_the_encoding_always_has_full_length(tiny: WhisperModel, goforward: Samples) -> None:
    longest = np.resize(goforward, MAX_WINDOW_S * SAMPLE_RATE_HZ)
    for samples in (goforward, longest):
        encoded = tiny.encode(samples)
        assert encoded.frames.shape[1] == 1500
        assert encoded.audio_s == len(samples) / SAMPLE_RATE_HZ


def test_a_draft_is_short_and_has_the_same_text(tiny: WhisperModel, goforward: Samples) -> None:
    draft = tiny.encode(goforward, is_draft=True)
    assert draft.frames.shape[1] < tiny.encode(goforward).frames.shape[1] / 2
    assert text_of(tiny, tiny.transcribe(draft, ENGLISH, [], is_speech=False)) == " Go forward 10 meters."


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_audio_without_speech_gives_no_text(tiny: WhisperModel, kind: str) -> None:
    time_s = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sounds = {
        "silence": np.zeros_like(time_s),
        "noise": np.random.default_rng(1).normal(0, 0.1, len(time_s)),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time_s),
    }
    assert text_from(tiny, sounds[kind].astype(np.float32)) == ""


def test_concurrent_calls_give_equal_results(tiny: WhisperModel) -> None:
    cities = recording("two_cities.wav")
    windows = [between(cities, start_s, start_s + 2.5) for start_s in (1.0, 4.6, 8.3, 16.9)]

    def transcribe(samples: Samples) -> list[Token]:
        return tiny.transcribe(tiny.encode(samples), ENGLISH, [], is_speech=False)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(transcribe, windows)) == [transcribe(samples) for samples in windows]


def test_a_vocabulary_biases_the_text(tiny: WhisperModel, goforward: Samples) -> None:
    expected = Prompt(vocabulary=tuple(tiny.tokenizer.encode(" metres.")))
    assert text_from(tiny, goforward) == " Go forward 10 meters."
    assert text_from(tiny, goforward, expected) == " Go forward 10 metres."


def test_a_long_vocabulary_leaves_room_for_the_text(tiny: WhisperModel, goforward: Samples) -> None:
    tokens = tuple(tiny.tokenizer.encode(f" {PROSE.strip()}")[-MAX_VOCABULARY_TOKENS:])
    assert len(tokens) > 140
    assert text_from(tiny, goforward, Prompt(vocabulary=tokens)) == " Go forward 10 meters."


def test_a_multilingual_model(base: WhisperModel, goforward: Samples) -> None:
    assert {"en", "fr", "ja", "jv", "zh"} < set(base.tokenizer.languages)
    encoded = base.encode(goforward)
    language, probability = base.language_of(encoded)
    assert (language, probability > 0.5) == ("en", True)
    assert (
        text_of(base, base.transcribe(encoded, Prompt(language="en"), [], is_speech=False)) == " Go forward 10 meters."
    )
    assert (
        text_of(base, base.transcribe(encoded, Prompt(language="fr"), [], is_speech=False)) != " Go forward 10 meters."
    )


def test_the_tokens_of_any_text_are_its_bytes(tiny: WhisperModel, base: WhisperModel) -> None:
    for text in (
        " It was the best",
        " Noël à Zürich",
        "你好，世界",
        "こんにちは",
        " नमस्ते",
        "ที่นี่",
        " 🎧",
        "\x00\x7f\xa0",
    ):
        for model in (tiny, base):
            tokens = model.tokenizer.encode(text)
            assert b"".join(map(model.tokenizer.bytes_of, tokens)) == text.encode()


def test_the_task_is_a_token_of_the_prompt(base: WhisperModel) -> None:
    def names(task: Task) -> list[str | None]:
        return [base._loaded.vocabulary.id_to_token(token) for token in base.tokenizer.start_of((), "fr", task)]

    assert names("transcribe") == ["<|startoftranscript|>", "<|fr|>", "<|transcribe|>"]
    assert names("translate") == ["<|startoftranscript|>", "<|fr|>", "<|translate|>"]


def test_special_tokens_have_no_text(base: WhisperModel) -> None:
    for token in base.tokenizer.start_of((), "fr"):
        assert base.tokenizer.bytes_of(token) == b""
    assert base.tokenizer.encode("<|fr|>")[0] >= base.tokenizer.end


def test_equal_audio_is_encoded_equally(tiny: WhisperModel, goforward: Samples) -> None:
    first, second = tiny.encode(goforward), tiny.encode(goforward.copy())
    assert isinstance(first, Encoded)
    assert np.array_equal(first.frames, second.frames)


class Attempts(WhisperModel):
    """Gives fixed tokens for a greedy attempt and for one with a beam."""

    def __init__(self, base: WhisperModel, greedy: list[Token], beam: list[Token]) -> None:
        self.tokenizer = base.tokenizer
        self._attempts = {1: greedy, FALLBACK_BEAM: beam}

    def _decode(self, encoded: Encoded, prompt: Prompt, prefix: list[int], *, beam_size: int) -> _Decoded:
        return _Decoded(self._attempts[beam_size], no_speech=0.1)


def tokens_from(model: WhisperModel, text: str, logprobs: list[float]) -> list[Token]:
    """The tokens of a text; the last log probability is that of all further ones."""
    ids = model.tokenizer.encode(text)
    logprobs = logprobs + logprobs[-1:] * len(ids)
    return [Token(id, logprob, 0.0, 0.0) for id, logprob in zip(ids, logprobs, strict=False)]


LOOP_LOGPROBS = [-3.0, -3.0, -3.0, -3.0, -0.01]


def text_of_attempts(base: WhisperModel, greedy: list[Token], beam: list[Token], *, is_draft: bool = False) -> str:
    model = Attempts(base, greedy, beam)
    encoded = Encoded(np.zeros((1, 0, 0), np.float32), 8.0, is_draft)
    return text_of(model, model.transcribe(encoded, Prompt(language="fr"), [], is_speech=True))


def test_a_probable_loop_yields_to_less_probable_text(base: WhisperModel) -> None:
    loop = tokens_from(base, " de la vie" * 40, LOOP_LOGPROBS)
    assert text_of_attempts(base, loop, tokens_from(base, " Je vous entends.", [-1.3])) == " Je vous entends."


def test_a_loop_in_every_attempt_is_cut(base: WhisperModel) -> None:
    loop = tokens_from(base, " de la vie" * 40, LOOP_LOGPROBS)
    assert text_of_attempts(base, loop, loop) == " de la vie"


def test_doubtful_text_is_decoded_with_a_beam(base: WhisperModel) -> None:
    greedy, beam = tokens_from(base, " Ich heiße", [-0.9]), tokens_from(base, " Guten Tag. Ich heiße", [-0.8])
    assert text_of_attempts(base, greedy, beam) == " Guten Tag. Ich heiße"
    assert text_of_attempts(base, greedy, beam, is_draft=True) == " Ich heiße"
