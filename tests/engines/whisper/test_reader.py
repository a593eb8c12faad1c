"""The reader of one stream, over a fake model."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.audio.vad import VAD_FRAME_SAMPLES
from voxtide.engines.whisper.engine import FAST, LIVE, MAX_VOCABULARY_TOKENS, WhisperReader, WhisperWindows
from voxtide.engines.whisper.model import MAX_WINDOW_S, Encoded, Prompt, Token
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.window_model import AudioBuffer, WindowRequest
from voxtide.errors import UnsupportedOptionError
from voxtide.types import SAMPLE_RATE_HZ, Pace, Samples, StreamOptions

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
    """Records its calls, detects the given languages, and finds one word, 0.1 s into each window."""

    def __init__(self, *detections: tuple[str, float], languages: tuple[str, ...] = ("en", "fr")) -> None:
        self.tokenizer = FakeTokenizer(languages)
        self.detections = list(detections)
        self.calls: list[tuple[float, Prompt, list[int]]] = []
        self.drafts: list[bool] = []

    def encode(self, samples: Samples, *, is_draft: bool = False) -> Encoded:
        self.drafts.append(is_draft)
        return Encoded(np.zeros((1, 0, 0), np.float32), len(samples) / SAMPLE_RATE_HZ)

    def language_of(self, encoded: Encoded) -> tuple[str, float]:
        return self.detections.pop(0)

    def transcribe(self, encoded: Encoded, prompt: Prompt, prefix: list[int], *, is_speech: bool) -> list[Token]:
        self.calls.append((encoded.audio_s, prompt, prefix))
        return [Token(7, -0.1, 0.1, 0.3)]


def reader_of(model: FakeModel, options: StreamOptions | None = None, *, audio_s: float = 40.0) -> WhisperReader:
    audio = AudioBuffer()
    audio.append(np.zeros(round(audio_s * SAMPLE_RATE_HZ), np.float32))
    return WhisperWindows(model).open(audio, options or StreamOptions())  # type: ignore[arg-type]  # a fake


def transcribe(reader: WhisperReader, start_s: float, end_s: float, prefix: list[int] | None = None) -> list[float]:
    start, end = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
    return [piece.start_s for piece in reader.transcribe(WindowRequest(start, end, prefix=prefix or []))]


def test_times_count_from_the_start_of_the_stream() -> None:
    assert transcribe(reader_of(FakeModel(("en", 1.0))), 5.0, 8.0) == [5.1]


@pytest.mark.parametrize(("pace", "drafts"), [("live", [True, False]), ("fast", [False, False])])
def test_updates_of_a_live_stream_are_drafts_and_its_last_decode_is_whole(pace: Pace, drafts: list[bool]) -> None:
    model = FakeModel(("en", 1.0), ("en", 1.0))
    reader = reader_of(model, StreamOptions(pace=pace))
    for is_last in (False, True):
        reader.transcribe(WindowRequest(0, 2 * SAMPLE_RATE_HZ, is_last=is_last))
    assert model.drafts == drafts


def test_too_short_a_window_does_not_run_the_model() -> None:
    model = FakeModel()
    assert transcribe(reader_of(model), 1.0, 1.09) == []
    assert model.calls == []


@pytest.mark.parametrize("config", [LIVE, FAST], ids=["live", "fast"])
def test_windows_of_ordinary_speech_fit_the_model(config: WindowedConfig) -> None:
    update_s = config.update_frames * VAD_FRAME_SAMPLES / SAMPLE_RATE_HZ
    before_s = max(config.preroll_s, config.context_s)
    assert before_s + config.min_speech_s + config.max_pause_s + update_s <= MAX_WINDOW_S
    assert config.max_window_s + update_s <= MAX_WINDOW_S


@pytest.mark.parametrize("config", [LIVE, FAST], ids=["live", "fast"])
def test_every_update_is_a_decision(config: WindowedConfig) -> None:
    """Any update may detect the language, so skipping updates under load would change it."""
    assert config.updates_per_decision == 1


def test_the_language_is_reported_once_it_is_certain() -> None:
    model = FakeModel(("fr", 0.5), ("en", 0.6), ("fr", 0.9))
    reader = reader_of(model)
    languages = []
    for end_s in (1.0, 2.0, 2.5, 3.5):
        transcribe(reader, 0.0, end_s)
        languages.append(reader.language)
    assert languages == [None, None, "fr", "fr"]
    assert [prompt.language for _, prompt, _ in model.calls] == ["fr", "en", "fr", "fr"]


def test_enough_audio_makes_the_language_certain() -> None:
    reader = reader_of(FakeModel(("fr", 0.2)))
    transcribe(reader, 0.0, 3.0)
    assert reader.language == "fr"


def test_a_requested_language_is_not_detected() -> None:
    model = FakeModel()
    reader = reader_of(model, StreamOptions(language="fr"))
    transcribe(reader, 0.0, 4.0)
    assert reader.language is None
    assert model.calls[0][1] == Prompt(language="fr")


def test_an_english_only_model_gets_no_language() -> None:
    model = FakeModel(languages=())
    reader = reader_of(model, StreamOptions(language="en"))
    transcribe(reader, 0.0, 4.0)
    assert reader.language is None
    assert model.calls[0][1] == Prompt(language=None)


def test_the_vocabulary_is_part_of_the_prompt() -> None:
    model = FakeModel(("en", 1.0))
    transcribe(reader_of(model, StreamOptions(vocabulary=("Dashwood", "Voxtide"))), 0.0, 1.0)
    assert model.calls[0][1].vocabulary == (len("Dashwood,"), len("Voxtide."))


def test_a_vocabulary_has_a_limit() -> None:
    words = ("word",) * MAX_VOCABULARY_TOKENS
    reader_of(FakeModel(), StreamOptions(vocabulary=words))
    with pytest.raises(UnsupportedOptionError, match="181 words are 181 tokens, and the limit is 180; remove"):
        reader_of(FakeModel(), StreamOptions(vocabulary=(*words, "word")))


def test_a_vocabulary_has_no_special_tokens() -> None:
    with pytest.raises(UnsupportedOptionError, match="special token"):
        reader_of(FakeModel(), StreamOptions(vocabulary=("<|translate|>",)))


def test_dropped_audio_is_released() -> None:
    audio = AudioBuffer()
    audio.append(np.zeros(1000, np.float32))
    WhisperWindows(FakeModel()).open(audio, StreamOptions()).drop_before(600)  # type: ignore[arg-type]  # a fake
    assert audio.start == 600


def test_a_requested_translation_is_in_the_prompt() -> None:
    model = FakeModel(("fr", 0.9))
    transcribe(reader_of(model, StreamOptions(task="translate")), 0.0, 4.0)
    assert model.calls[0][1] == Prompt(language="fr", task="translate")
