"""One stream's view of Whisper, over a model that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.audio.vad import VAD_FRAME_SAMPLES
from voxtide.engines.whisper.engine import FAST, LIVE
from voxtide.engines.whisper.model import MAX_WINDOW_S, Encoded, Prompt, Token
from voxtide.engines.whisper.windows import MAX_VOCABULARY_TOKENS, WhisperReader, WhisperWindows
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.errors import UnsupportedOptionError
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

END = 1000


class FakeTokenizer:
    """Tokens below `END` are all the word "so"."""

    end = END

    def __init__(self, languages: tuple[str, ...]) -> None:
        self.languages = languages

    def encode(self, text: str) -> list[int]:
        return [END if "<|" in word else len(word) for word in text.split()]

    def bytes_of(self, token: int) -> bytes:
        return b" so"


class FakeModel:
    """Notes what it is asked, finds the languages it is given and hears one word, 0.1 s into each window."""

    def __init__(self, *found: tuple[str, float], languages: tuple[str, ...] = ("en", "fr")) -> None:
        self.tokenizer = FakeTokenizer(languages)
        self.found = list(found)
        self.asked: list[tuple[float, Prompt, list[int]]] = []

    def encode(self, samples: Samples) -> Encoded:
        return Encoded(np.zeros((1, 0, 0), np.float32), len(samples) / SAMPLE_RATE_HZ)

    def language_of(self, encoded: Encoded) -> tuple[str, float]:
        return self.found.pop(0)

    def transcribe(self, encoded: Encoded, prompt: Prompt, prefix: list[int]) -> list[Token]:
        self.asked.append((encoded.audio_s, prompt, prefix))
        return [Token(7, -0.1, 0.1, 0.3)]


def reader_of(model: FakeModel, options: StreamOptions | None = None, *, audio_s: float = 40.0) -> WhisperReader:
    audio = AudioBuffer()
    audio.append(np.zeros(round(audio_s * SAMPLE_RATE_HZ), np.float32))
    return WhisperWindows(model).open(audio, options or StreamOptions())  # type: ignore[arg-type]  # a fake


def transcribe_span(
    reader: WhisperReader, start_s: float, end_s: float, prefix: list[int] | None = None
) -> list[float]:
    start, end = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
    return [piece.start_s for piece in reader.transcribe(start, end, prefix=prefix or [], draft=[])]


def test_times_count_from_the_start_of_the_stream() -> None:
    assert transcribe_span(reader_of(FakeModel(("en", 1.0))), 5.0, 8.0) == [5.1]


def test_too_little_audio_is_not_shown_to_the_model() -> None:
    model = FakeModel()
    assert transcribe_span(reader_of(model), 1.0, 1.09) == []
    assert model.asked == []


@pytest.mark.parametrize("config", [LIVE, FAST], ids=["live", "fast"])
def test_windows_of_ordinary_speech_fit_the_model(config: WindowedConfig) -> None:
    update_s = config.update_frames * VAD_FRAME_SAMPLES / SAMPLE_RATE_HZ
    before_s = max(config.preroll_s, config.context_s)
    assert before_s + config.min_speech_s + config.max_pause_s + update_s <= MAX_WINDOW_S
    assert config.max_window_s + update_s <= MAX_WINDOW_S


@pytest.mark.parametrize("config", [LIVE, FAST], ids=["live", "fast"])
def test_no_update_may_be_left_out(config: WindowedConfig) -> None:
    """For each may find the language, and load must not decide that."""
    assert config.updates_per_decision == 1


def test_the_language_is_told_once_it_is_certain() -> None:
    model = FakeModel(("fr", 0.5), ("en", 0.6), ("fr", 0.9))
    reader = reader_of(model)
    told = []
    for end_s in (1.0, 2.0, 2.5, 3.5):
        transcribe_span(reader, 0.0, end_s)
        told.append(reader.language)
    assert told == [None, None, "fr", "fr"]
    assert [prompt.language for _, prompt, _ in model.asked] == ["fr", "en", "fr", "fr"]


def test_enough_audio_makes_the_language_certain() -> None:
    reader = reader_of(FakeModel(("fr", 0.2)))
    transcribe_span(reader, 0.0, 3.0)
    assert reader.language == "fr"


def test_a_language_that_was_told_is_not_looked_for() -> None:
    model = FakeModel()
    reader = reader_of(model, StreamOptions(language="fr"))
    transcribe_span(reader, 0.0, 4.0)
    assert reader.language is None
    assert model.asked[0][1] == Prompt(language="fr")


def test_a_model_of_english_is_told_no_language() -> None:
    model = FakeModel(languages=())
    reader = reader_of(model, StreamOptions(language="en"))
    transcribe_span(reader, 0.0, 4.0)
    assert reader.language is None
    assert model.asked[0][1] == Prompt(language=None)


def test_words_to_expect_come_before_the_text() -> None:
    model = FakeModel(("en", 1.0))
    transcribe_span(reader_of(model, StreamOptions(vocabulary=("Dashwood", "Voxtide"))), 0.0, 1.0)
    assert model.asked[0][1].vocabulary == (len("Dashwood,"), len("Voxtide."))


def test_a_vocabulary_has_a_limit() -> None:
    words = ("word",) * MAX_VOCABULARY_TOKENS
    reader_of(FakeModel(), StreamOptions(vocabulary=words))
    with pytest.raises(UnsupportedOptionError, match="181 words are 181 tokens, and there is room for 180; leave out"):
        reader_of(FakeModel(), StreamOptions(vocabulary=(*words, "word")))


def test_a_vocabulary_is_words() -> None:
    with pytest.raises(UnsupportedOptionError, match="marks"):
        reader_of(FakeModel(), StreamOptions(vocabulary=("<|translate|>",)))


def test_audio_is_let_go_of() -> None:
    audio = AudioBuffer()
    audio.append(np.zeros(1000, np.float32))
    WhisperWindows(FakeModel()).open(audio, StreamOptions()).drop_before(600)  # type: ignore[arg-type]  # a fake
    assert audio.start == 600
