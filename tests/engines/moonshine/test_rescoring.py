"""Words of a vocabulary in the text of real speech."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.config import Settings
from voxtide.engines.moonshine import load, rescoring
from voxtide.engines.moonshine.decoding import Decoder, DecoderOutput, Decoding, Token
from voxtide.engines.moonshine.model import MoonshineModel
from voxtide.engines.moonshine.rescoring import MAX_LOGPROB, MAX_WINDOW_RUNS, Rescoring
from voxtide.engines.moonshine.stem import StemWindow
from voxtide.engines.moonshine.tokenizer import END
from voxtide.engines.moonshine.vocabulary import Vocabulary
from voxtide.engines.windowed.engine import WindowedEngine
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.models.store import ModelStore
from voxtide.transcript.events import Delta
from voxtide.types import Pace, Samples, StreamOptions

NAMES = ("Siobhan", "Okonkwo", "Xanthippe", "Zbigniew", "Featherstonehaugh", "Levothyroxine")
"""Words that no recording here has."""


@pytest.fixture(scope="module")
def model() -> MoonshineModel:
    return MoonshineModel.load(model_directory("moonshine-tiny-en"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each run of the decoder from now on."""
    runs: list[None] = []
    run = Decoder.run

    def counted(*arguments: Any, **keywords: Any) -> DecoderOutput:
        runs.append(None)
        return run(*arguments, **keywords)

    monkeypatch.setattr(Decoder, "run", counted)
    return runs


@dataclass
class ScriptedText:
    """A decoding that has ended with these tokens."""

    tokens: list[int]
    next_token: int = END


def window_of(model: MoonshineModel, samples: Samples) -> StemWindow:
    audio = AudioBuffer()
    audio.append(samples)
    return model.stem_cache(audio).window(0, len(samples))


def vocabulary_of(model: MoonshineModel, *words: str) -> Vocabulary:
    vocabulary = Vocabulary.of(words, model.tokenizer)
    assert vocabulary is not None
    return vocabulary


def ids_of(tokens: list[Token]) -> list[int]:
    return [token.id for token in tokens]


def text_of(model: MoonshineModel, samples: Samples, *words: str) -> str:
    vocabulary = vocabulary_of(model, *words) if words else None
    tokens = model.transcribe(window_of(model, samples), prefix=[], draft=[], vocabulary=vocabulary)
    return model.tokenizer.text(ids_of(tokens))


def clubs() -> Samples:
    """ "four queen of clubs", which the model takes for gloves."""
    return recording("cards_002.wav")


def test_a_listed_word_replaces_a_misheard_one(model: MoonshineModel) -> None:
    assert "gloves" in text_of(model, clubs()).lower()
    assert "queen of clubs" in text_of(model, clubs(), "clubs").lower()
    assert "clubs" in text_of(model, clubs(), *NAMES, "queen of clubs").lower(), "among others, and in a phrase"


def test_a_word_is_written_as_listed(model: MoonshineModel) -> None:
    samples = recording("goforward.wav")
    assert text_of(model, samples) == " Go forward ten meters."
    assert "Forward" in text_of(model, samples, "Forward")


@pytest.mark.parametrize("name", ["goforward.wav", "beckett.wav", "librivox_0870.wav"])
def test_words_that_are_not_spoken_change_nothing(model: MoonshineModel, name: str) -> None:
    assert text_of(model, recording(name), *NAMES) == text_of(model, recording(name))


def test_words_are_encoded_as_the_model_writes_them(model: MoonshineModel) -> None:
    tokens = model.transcribe(window_of(model, between(recording("two_cities.wav"), 8.3, 16.0)), prefix=[], draft=[])
    ids = ids_of(tokens)
    assert len(ids) > 20
    assert model.tokenizer.encode(model.tokenizer.text(ids)) == ids


def test_equal_arguments_give_equal_tokens(model: MoonshineModel) -> None:
    window = window_of(model, clubs())
    vocabulary = vocabulary_of(model, "clubs", *NAMES)
    first = model.transcribe(window, prefix=[], draft=[], vocabulary=vocabulary)
    assert model.transcribe(window, prefix=[], draft=[], vocabulary=vocabulary) == first


def test_a_drafted_word_stays_and_a_prefix_is_not_rescored(model: MoonshineModel) -> None:
    window = window_of(model, clubs())
    vocabulary = vocabulary_of(model, "clubs")
    plain = ids_of(model.transcribe(window, prefix=[], draft=[]))
    ids = ids_of(model.transcribe(window, prefix=[], draft=[], vocabulary=vocabulary))
    assert ids != plain
    drafted = ids_of(model.transcribe(window, prefix=[], draft=ids, vocabulary=vocabulary))
    assert model.tokenizer.text(drafted) == model.tokenizer.text(ids)
    assert ids_of(model.transcribe(window, prefix=plain, draft=[], vocabulary=vocabulary))[: len(plain)] == plain


def test_a_word_is_as_probable_as_the_text_it_replaces(model: MoonshineModel) -> None:
    """So that an unlikely word is not dropped as noise, nor final at once."""
    window = window_of(model, clubs())
    (word,) = (word for word in vocabulary_of(model, "clubs").words if model.tokenizer.text(list(word)) == " clubs")
    tokens = model.transcribe(window, prefix=[], draft=[], vocabulary=vocabulary_of(model, "clubs"))
    plain = model.transcribe(window, prefix=[], draft=[])
    changed = [token for token in tokens if token.id in word]
    assert changed
    for token in changed:
        assert min(MAX_LOGPROB, *(token.logprob for token in plain)) <= token.logprob <= 0


@pytest.mark.parametrize(
    ("following", "is_end"), [(" has", True), (".", True), ("s", True), ("'", True), ("ward", False), ("0", False)]
)
def test_a_word_does_not_end_before_a_letter(model: MoonshineModel, following: str, is_end: bool) -> None:
    """ "for" is not spoken where the text becomes "forward"."""
    search = Rescoring(vocabulary_of(model, "for"), model.tokenizer, limit=20)
    pieces = model.tokenizer.pieces
    text = ScriptedText([pieces.index(b" for"), pieces.index(following.encode(), 3)])
    assert search._ends_word(cast(Decoding, text), 1) is is_end


def test_the_runs_of_a_window_are_bounded(
    model: MoonshineModel, runs: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = between(recording("two_cities.wav"), 8.3, 16.0)
    plain = text_of(model, samples)
    num_plain = len(runs)
    monkeypatch.setattr(rescoring, "FIRST_MARGIN", 1000.0)
    monkeypatch.setattr(rescoring, "NEXT_MARGIN", 1000.0)
    runs.clear()
    text = text_of(model, samples, *(f"{name}{i}" for name in NAMES for i in range(100)))
    assert text == plain
    assert num_plain + MAX_WINDOW_RUNS / 2 < len(runs) < num_plain + 2 * MAX_WINDOW_RUNS


def test_the_runs_to_decode_texts_with_words_are_bounded_too(model: MoonshineModel, runs: list[None]) -> None:
    """In noise a thousand short words are likely at every place: each that is tried decodes the rest anew."""
    samples = recording("beckett.wav")[:159_000]
    samples = samples + np.random.default_rng(1).normal(0, 0.05, len(samples)).astype(np.float32)
    pieces = [piece[1:].decode() for piece in model.tokenizer.pieces if piece[:1] == b" " and piece[1:].isalpha()]
    words = [word for word in pieces if len(model.tokenizer.encode(f" {word}")) == 1][:1000]
    text_of(model, samples)
    num_plain = len(runs)
    runs.clear()
    text_of(model, samples, *words)
    assert num_plain < len(runs) < 2 * num_plain + MAX_WINDOW_RUNS


def test_without_a_vocabulary_nothing_more_runs(model: MoonshineModel, runs: list[None]) -> None:
    tokens = model.transcribe(window_of(model, recording("goforward.wav")), prefix=[], draft=[])
    assert len(runs) == len(tokens) + 1


def loaded() -> WindowedEngine:
    model_directory("moonshine-tiny-en")  # skips the test if it is not pulled
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    return load(store=ModelStore.from_settings(settings), num_threads=1)


@pytest.mark.parametrize("pace", ["live", "fast"])
async def test_a_stream_makes_the_word_final(pace: Pace) -> None:
    texts = []
    samples = clubs() / 2  # at full level, the whole recording is understood without a vocabulary
    async with loaded() as engine:
        for vocabulary in ((), ("clubs",)):
            options = StreamOptions(pace=pace, vocabulary=vocabulary)
            async with engine.open(options) as stream:
                await stream.feed(samples)
                await stream.finish()
                texts.append("".join([event.text async for event in stream if isinstance(event, Delta)]).lower())
    assert "gloves" in texts[0]
    assert "clubs" in texts[1]
