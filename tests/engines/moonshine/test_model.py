"""Our graphs against the published ones; prefixes, drafts and repetition loops in decoding."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pulled_models import between, model_directory, recording
from voxtide.engines.moonshine.decoding import MAX_SKIPPED_TOKENS, MIN_LOOPS, Token, is_looping, monotone_path
from voxtide.engines.moonshine.model import (
    EXTRA_TOKENS,
    MAX_TOKENS_PER_S,
    MODEL_FILES,
    MOONSHINE_FRAME_S,
    MOONSHINE_FRAME_SAMPLES,
    MoonshineModel,
)
from voxtide.engines.moonshine.stem import StemWindow
from voxtide.engines.moonshine.tokenizer import BEGIN, END, Tokenizer
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.errors import ModelCorruptError
from voxtide.types import Samples

CLIPS = (
    ("goforward.wav", 0.0, 2.78),
    ("beckett.wav", 0.0, 3.3),
    ("beckett.wav", 3.3, 6.1),
    ("beckett.wav", 6.3, 9.9),
    ("two_cities.wav", 1.0, 4.6),
    ("two_cities.wav", 4.6, 8.3),
    ("two_cities.wav", 8.3, 13.1),
    ("two_cities.wav", 16.9, 22.8),
)


TIE = 0.3
"""Largest gap [nat] between two tokens that rounding may swap: a probability ratio of about three quarters."""
OTHER = 17
"""A token that occurs in no text here."""


class PublishedModel:
    """The checkpoint's published graphs, run by onnxruntime one token at a time."""

    def __init__(self, directory: Path) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 3  # hides warnings about the files
        self._encoder = ort.InferenceSession(str(directory / "encoder_model.ort"), options)
        self._decoder = ort.InferenceSession(str(directory / "decoder_model_merged.ort"), options)
        inputs = self._decoder.get_inputs()
        self._past_names = [value.name for value in inputs if value.name.startswith("past_key_values")]
        self._present_names = [name.replace("past_key_values", "present") for name in self._past_names]

    def shortfalls(self, samples: Samples, tokens: list[int]) -> list[float]:
        """By how many nats each token, and the end token after them, falls short of the best token; 0 for the best."""
        mask = np.ones((1, len(samples)), np.int64)
        (hidden,) = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})
        past = {name: np.zeros((1, 8, 0, 36), np.float32) for name in self._past_names}
        shortfalls = []
        for before, token in itertools.pairwise([BEGIN, *tokens, END]):
            feeds: dict[str, Any] = {
                "input_ids": np.array([[before]], np.int64),
                "encoder_hidden_states": hidden,
                "encoder_attention_mask": mask,
                "use_cache_branch": np.array([bool(shortfalls)]),
                **past,
            }
            logits, *present = self._decoder.run(["logits", *self._present_names], feeds)
            outputs = dict(zip(self._past_names, present, strict=True))
            # Only the first step outputs the encoder's keys and values.
            past |= {name: outputs[name] for name in outputs if ".decoder." in name} if shortfalls else outputs
            shortfalls.append(float(logits[0, -1].max() - logits[0, -1, token]))
        return shortfalls


@pytest.fixture(scope="module")
def directory() -> Path:
    return model_directory("moonshine-tiny-en")


@pytest.fixture(scope="module")
def model(directory: Path) -> MoonshineModel:
    return MoonshineModel.load(directory)


@pytest.fixture(scope="module")
def published(directory: Path) -> PublishedModel:
    return PublishedModel(directory)


def window_of(model: MoonshineModel, samples: Samples) -> StemWindow:
    audio = AudioBuffer()
    audio.append(samples)
    return model.stem_cache(audio).window(0, len(samples))


def words_of(model: MoonshineModel, ids: list[int]) -> list[str]:
    """The words, without punctuation."""
    return re.sub(r"[^\w\s]", "", model.tokenizer.text(ids)).lower().split()


def ids_of(tokens: list[Token]) -> list[int]:
    return [token.id for token in tokens]


@pytest.mark.parametrize(("name", "start_s", "end_s"), CLIPS)
def test_every_token_is_the_published_graphs_best(
    model: MoonshineModel, published: PublishedModel, name: str, start_s: float, end_s: float
) -> None:
    """Except ties: the published graphs round activations elsewhere, so a comma may become a full stop."""
    samples = between(recording(name), start_s, end_s)
    tokens = model.transcribe(window_of(model, samples), prefix=[], draft=[])
    assert len(tokens) >= 4
    shortfalls = published.shortfalls(samples, ids_of(tokens))
    assert max(shortfalls) < TIE
    assert sum(shortfall > 0 for shortfall in shortfalls) <= 1


@pytest.mark.parametrize(("name", "start_s", "end_s"), CLIPS[:6])
def test_drafts_and_prefixes_do_not_change_the_words(
    model: MoonshineModel, name: str, start_s: float, end_s: float
) -> None:
    window = window_of(model, between(recording(name), start_s, end_s))
    ids = ids_of(model.transcribe(window, prefix=[], draft=[]))
    half = len(ids) // 2
    wrong = [*ids[:half], OTHER, *ids[half + 1 :]]
    drafts: list[tuple[list[int], list[int]]] = [
        *(([], draft) for draft in (ids, ids[:half], wrong, [OTHER], [*ids, OTHER, OTHER])),
        *((ids[:half], draft) for draft in ([], ids[half:], wrong[half:])),
    ]
    for prefix, draft in drafts:
        tokens = model.transcribe(window, prefix=prefix, draft=draft)
        assert words_of(model, ids_of(tokens)) == words_of(model, ids)
        assert ids_of(tokens)[: len(prefix)] == prefix
        assert [token.logprob == 0.0 for token in tokens] == [i < len(prefix) for i in range(len(tokens))]
        assert tokens == model.transcribe(window, prefix=prefix, draft=draft), "equal arguments, equal tokens"


def test_drafted_tokens_are_as_probable_as_decoded_ones(model: MoonshineModel) -> None:
    """Tokens in one run are quantised together, so the probabilities differ a little and the frames hardly."""
    window = window_of(model, recording("goforward.wav"))
    decoded = model.transcribe(window, prefix=[], draft=[])
    drafted = model.transcribe(window, prefix=[], draft=ids_of(decoded))
    for one, other in zip(decoded, drafted, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=0.3)
        assert abs(one.frame - other.frame) <= 4


def test_tokens_have_probabilities_and_frames_in_order(model: MoonshineModel) -> None:
    samples = between(recording("two_cities.wav"), 1.0, 4.6)
    tokens = model.transcribe(window_of(model, samples), prefix=[], draft=[])
    frames = [token.frame for token in tokens]
    assert frames == sorted(frames)
    assert 0 <= frames[0] < frames[-1] < len(samples) / MOONSHINE_FRAME_SAMPLES
    assert all(-20 < token.logprob <= 0 for token in tokens)


def test_noise_and_silence_give_little_text(model: MoonshineModel) -> None:
    """The text is arbitrary, but short."""
    noise = np.random.default_rng(7).normal(0, 0.05, 3 * 16000).astype(np.float32)
    for samples in (noise, np.zeros_like(noise)):
        assert len(model.transcribe(window_of(model, samples), prefix=[], draft=[])) <= 3 * 6.5 + 7


@pytest.mark.parametrize("missing", [MODEL_FILES, *((name,) for name in MODEL_FILES)])
def test_an_error_names_each_missing_file(missing: tuple[str, ...], tmp_path: Path) -> None:
    for name in set(MODEL_FILES) - set(missing):
        (tmp_path / name).touch()
    message = f"{tmp_path} holds no Moonshine model: it has no {', '.join(missing)}; give a directory"
    with pytest.raises(ModelCorruptError, match=f"^{re.escape(message)}"):
        MoonshineModel.load(tmp_path)


def test_an_error_names_the_invalid_file(directory: Path, tmp_path: Path) -> None:
    for name in ("encoder_model.ort", "tokenizer.bin"):
        (tmp_path / name).symlink_to(directory / name)
    (tmp_path / "decoder_model_merged.ort").write_bytes(b"")
    with pytest.raises(ModelCorruptError, match="decoder_model_merged.ort"):
        MoonshineModel.load(tmp_path)


@pytest.mark.parametrize(
    ("tokens", "is_loop"),
    [
        ([], False),
        ([5, 5, 5], False),
        ([5, 5, 5, 5], True),
        ([9, 5, 5, 5, 5], True),
        ([5, 5, 5, 5, 9], False),
        ([1, 2] * 3, False),
        ([2, *[1, 2] * 3], False),
        ([1, 2] * 4, True),
        ([1, 2, 3, 4, 5, 6, 7, 8] * 4, True),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9] * 4, False),
        ([1, 2, 3, 1, 2, 4, 1, 2, 3, 1, 2, 4], False),
    ],
)
def test_a_pattern_four_times_in_a_row_is_a_loop(tokens: list[int], is_loop: bool) -> None:
    assert is_looping(tokens) is is_loop


class ScriptedDecoder:
    """Returns the script's token for each position, whatever the tokens before it."""

    def __init__(self, script: Callable[[int], int]) -> None:
        self.num_runs = 0
        self._script = script

    def run(self, output_names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        self.num_runs += 1
        start, num_tokens = int(feeds["position"][0]), feeds["tokens"].shape[1]
        end = start + num_tokens
        best = [self._script(position) for position in range(start + int(feeds["first_choice"][0]), end)]
        attention = np.ones((num_tokens, feeds["cross_key.0"].shape[2]), np.float32)
        past = np.zeros((1, 8, end, 36), np.float32)
        return [np.array([best]), np.full((1, len(best)), -0.1, np.float32), attention, past, past]


class AnyEncoder:
    """Ten seconds of frames for any audio."""

    num_frames = round(10.0 / MOONSHINE_FRAME_S)

    def run(self, output_names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        return [np.zeros((1, 8, self.num_frames, 36), np.float32)] * 2


def decoded_by(script: Callable[[int], int]) -> list[int]:
    return decoded_with_draft(ScriptedDecoder(script), [])


def decoded_with_draft(decoder: ScriptedDecoder, draft: list[int]) -> list[int]:
    encoder = AnyEncoder()
    model = MoonshineModel(encoder, encoder, decoder, Tokenizer([]), 1)
    one = np.ones(1, np.float32)
    return ids_of(model.transcribe(StemWindow(np.zeros((576, 3), np.float32), one, one), prefix=[], draft=draft))


def decoder_of(text: list[int]) -> ScriptedDecoder:
    return ScriptedDecoder(lambda position: text[position] if position < len(text) else END)


TEXT = list(range(10, 22))


@pytest.mark.parametrize(
    ("draft", "num_runs"),
    [
        (TEXT, 1),
        ([], 1 + len(TEXT)),
        ([*TEXT[:4], 99, *TEXT[5:]], 3),  # another token
        ([*TEXT[:4], 99, *TEXT[4:]], 2),  # one too many
        ([*TEXT[:4], *TEXT[6:]], 4),  # two too few
        ([99, 98, 97, *TEXT[1:8], 96, *TEXT[9:]], 5),
        ([99] * MAX_SKIPPED_TOKENS + TEXT, 1 + len(TEXT)),  # too far
    ],
)
def test_a_draft_is_used_again_where_the_text_meets_it(draft: list[int], num_runs: int) -> None:
    decoder = decoder_of(TEXT)
    assert decoded_with_draft(decoder, draft) == TEXT
    assert decoder.num_runs == num_runs


few_tokens = st.lists(st.integers(10, 13), max_size=30).filter(lambda tokens: not is_looping_anywhere(tokens))


def is_looping_anywhere(tokens: list[int]) -> bool:
    return any(is_looping(tokens[:end]) for end in range(len(tokens) + 1))


@settings(deadline=None)
@given(text=few_tokens, draft=st.lists(st.integers(10, 13), max_size=30))
def test_any_draft_gives_the_same_tokens_in_no_more_runs(text: list[int], draft: list[int]) -> None:
    decoder = decoder_of(text)
    assert decoded_with_draft(decoder, draft) == text
    assert decoder.num_runs <= 1 + len(text)


def test_a_repetition_loop_is_stopped() -> None:
    assert decoded_by(lambda position: 5 + position % 3) == [5, 6, 7] * MIN_LOOPS


def test_the_number_of_tokens_is_bounded_by_the_speaking_rate() -> None:
    num_fluent = 10.0 * MAX_TOKENS_PER_S
    assert num_fluent < len(decoded_by(lambda position: 5 + position)) <= num_fluent + EXTRA_TOKENS + 1


def test_no_tokens_have_no_path() -> None:
    assert monotone_path(np.zeros((0, 5), np.float32)) == []


@settings(deadline=None)
@given(data=st.data(), num_tokens=st.integers(1, 4), num_frames=st.integers(1, 5))
def test_the_path_is_the_best_monotone_one(data: st.DataObject, num_tokens: int, num_frames: int) -> None:
    values = st.lists(st.integers(0, 20), min_size=num_tokens * num_frames, max_size=num_tokens * num_frames)
    attention = np.array(data.draw(values), np.float32).reshape(num_tokens, num_frames) / 20
    scores = np.log(attention + 1e-6)

    def score(path: tuple[int, ...]) -> float:
        return float(sum(scores[token, frame] for token, frame in enumerate(path)))

    path = monotone_path(attention)
    best = max(map(score, itertools.combinations_with_replacement(range(num_frames), num_tokens)))
    assert path == sorted(path)
    assert score(tuple(path)) == pytest.approx(best, abs=1e-4)
