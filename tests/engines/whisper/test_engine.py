"""The engine from a caller's view: its info, language detection, and the options it accepts or refuses."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.whisper import library, load
from voxtide.engines.whisper.engine import locate
from voxtide.engines.whisper.library import HUB_SIZES_MB, MODEL_FILES, load_from
from voxtide.errors import (
    ConfigError,
    MissingExtraError,
    ModelCorruptError,
    ModelDownloadError,
    ModelMissingError,
    UnknownModelError,
    UnsupportedOptionError,
    install_command,
)
from voxtide.models.store import ModelStore
from voxtide.transcript.events import Delta, LanguageDetected, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Pace, Samples, StreamOptions

pytestmark = pytest.mark.whisper


@pytest.fixture(scope="module")
def base() -> Iterator[Engine]:
    yield from loaded(None, model_directory("whisper-base"))


@pytest.fixture(scope="module")
def tiny() -> Iterator[Engine]:
    directory = model_directory("whisper-tiny.en")
    yield from loaded(str(directory), directory)


def loaded(model: str | None, directory: Path) -> Iterator[Engine]:
    pytest.importorskip("faster_whisper")
    model_directory("silero-vad")
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    engine = load(model=model, store=ModelStore.from_settings(settings), num_threads=2)
    assert engine.info.model == directory.name
    yield engine
    asyncio.run(engine.close())


async def transcribed(
    engine: Engine, samples: Samples, options: StreamOptions | None = None, *, chunk_ms: int = 500
) -> list[TranscriptEvent]:
    chunk = chunk_ms * SAMPLE_RATE_HZ // 1000
    async with engine.open(options) as stream:
        for start in range(0, len(samples), chunk):
            await stream.feed(samples[start : start + chunk])
        await stream.finish()
        return [event async for event in stream]


def text_of(events: list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def languages_in(events: list[TranscriptEvent]) -> list[LanguageDetected]:
    return [event for event in events if isinstance(event, LanguageDetected)]


def test_its_info(base: Engine, tiny: Engine) -> None:
    assert len(base.info.languages) > 90
    assert tiny.info.languages == ("en",)
    for info in (base.info, tiny.info):
        assert (info.name, info.is_revising, info.word_times, info.can_use_vocabulary) == (
            "whisper",
            True,
            "read",
            True,
        )


def test_an_unknown_language_is_refused(base: Engine, tiny: Engine) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"cannot transcribe 'eo': it knows 99 languages, .*Spanish"):
        base.open(StreamOptions(language="eo"))
    with pytest.raises(UnsupportedOptionError, match="cannot transcribe 'fr': it knows en;"):
        tiny.open(StreamOptions(language="fr"))


@pytest.mark.parametrize("pace", ["live", "fast"])
async def test_the_language_is_emitted_once_for_any_chunking(base: Engine, pace: Pace) -> None:
    samples = between(recording("two_cities.wav"), 0.0, 4.0)
    whole, pieces = [
        await transcribed(base, samples, StreamOptions(pace=pace), chunk_ms=chunk_ms) for chunk_ms in (10_000, 90)
    ]
    (found,) = languages_in(whole)
    assert found.language == "en"
    assert 0 < found.audio_s <= 4.0
    assert languages_in(pieces) == [found]
    assert text_of(pieces) == text_of(whole)


async def test_a_requested_language_is_not_emitted(base: Engine, tiny: Engine) -> None:
    samples = recording("goforward.wav")
    for engine, options in ((base, StreamOptions(language="en")), (tiny, StreamOptions())):
        events = await transcribed(engine, samples, options)
        assert text_of(events) == "Go forward 10 meters."
        assert not languages_in(events)


async def test_a_vocabulary_biases_the_text(tiny: Engine) -> None:
    events = await transcribed(tiny, recording("goforward.wav"), StreamOptions(vocabulary=("metres",)))
    assert text_of(events) == "Go forward 10 metres."


async def test_too_long_a_vocabulary_is_refused_and_leaves_no_stream_open(tiny: Engine) -> None:
    stream = tiny.open(StreamOptions(vocabulary=("Voxtide",) * 100))
    with pytest.raises(UnsupportedOptionError, match="100 words are .* the limit is 180"):
        await stream.__aenter__()
    assert getattr(tiny, "num_open_streams", None) == 0


async def test_the_end_of_a_prompt_fits_beside_the_vocabulary(tiny: Engine) -> None:
    prompt = " ".join(f"Room {number} is {number * 7} metres long." for number in range(100))
    kept = [tiny.fit_prompt(prompt), tiny.fit_prompt(prompt, ("Dashwood",) * 20)]
    assert len(prompt) > len(kept[0]) > len(kept[1]) > 100
    assert all(prompt.endswith(f" {end}") for end in kept)
    async with tiny.open(StreamOptions(vocabulary=(kept[0],))):
        pass  # not refused
    assert tiny.fit_prompt("It is in metres.") == "It is in metres."


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Empty and offline."""
    return ModelStore.from_settings(replace(Settings.from_environment({}), models_dir=tmp_path, is_offline=True))


@pytest.fixture
def _without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("faster_whisper", "faster_whisper.utils", "faster_whisper.feature_extractor", "ctranslate2"):
        monkeypatch.setitem(sys.modules, name, None)


def test_a_directory(store: ModelStore, tmp_path: Path) -> None:
    assert locate(str(tmp_path), store, None) == tmp_path


def test_a_model_of_the_manifest(store: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match="voxtide models pull whisper-base"):
        locate("whisper-base", store, None)


@pytest.mark.parametrize("name", ["moonshine-tiny-en", "whisper-bass"])
def test_a_name_that_is_no_model_of_this_engine(store: ModelStore, name: str) -> None:
    with pytest.raises(
        UnknownModelError, match=f"no Whisper model '{name}'; choose from whisper-base, whisper-tiny.en"
    ):
        locate(name, store, None)


@pytest.mark.parametrize("name", ["a/b/c", "./whisper-base", "../model", "~/model", "/no/model"])
def test_a_path_without_a_directory_is_not_looked_for_on_the_hub(store: ModelStore, name: str) -> None:
    with pytest.raises(UnknownModelError, match=f"there is no directory '{name}'"):
        locate(name, store, None)


@pytest.mark.parametrize("name", ["small", "example/no-such-model-of-whisper"])
def test_a_name_on_the_hub_while_offline(store: ModelStore, name: str) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(ModelMissingError, match=rf"offline and Whisper model '{name}' .* unset VOXTIDE_OFFLINE"):
        locate(name, store, None)


def test_a_failed_download(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("faster_whisper.utils")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", False)

    def refuse(name: str, *, local_files_only: bool) -> str:
        from huggingface_hub import constants

        assert not local_files_only
        assert constants.HF_HUB_DISABLE_TELEMETRY
        raise OSError("secret")

    monkeypatch.setattr(utils, "download_model", refuse)
    with pytest.raises(ModelDownloadError, match=r"'small' could not be downloaded .* \(OSError\); check the name"):
        library.fetch_from_hub("small", is_offline=False)


def test_the_start_of_a_download_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    utils = pytest.importorskip("faster_whisper.utils")
    monkeypatch.setattr(utils, "download_model", lambda *_, **__: str(tmp_path))
    reports: list[str] = []
    library.fetch_from_hub("small", is_offline=False, on_start=lambda: reports.append("started"))
    library.fetch_from_hub("small", is_offline=True, on_start=lambda: reports.append("not even asked"))
    for name in ("faster_whisper", "faster_whisper.utils"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError):
        library.fetch_from_hub("small", is_offline=False, on_start=lambda: reports.append("cannot be started"))
    assert reports == ["started"]


@pytest.mark.usefixtures("_without_extra")
def test_without_the_extra(store: ModelStore, tmp_path: Path) -> None:
    for name in MODEL_FILES:
        (tmp_path / name).touch()
    with pytest.raises(MissingExtraError, match=re.escape(install_command("whisper"))):
        load_from(tmp_path, num_threads=1)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("whisper"))):
        locate("Systran/faster-whisper-small", store, None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("whisper"))):
        locate("small", store, None)


def test_the_short_names_are_those_of_the_library() -> None:
    utils = pytest.importorskip("faster_whisper.utils")
    assert set(utils.available_models()) == set(HUB_SIZES_MB)


@pytest.mark.parametrize(
    ("name", "on_hub"),
    [
        ("small", "small"),
        ("whisper-small", "small"),
        ("large-v3-turbo", "large-v3-turbo"),
        ("distil-large-v3", "distil-large-v3"),
        ("Systran/faster-whisper-small", "Systran/faster-whisper-small"),
    ],
)
def test_a_name_on_the_hub_is_fetched(
    monkeypatch: pytest.MonkeyPatch, store: ModelStore, tmp_path: Path, name: str, on_hub: str
) -> None:
    utils = pytest.importorskip("faster_whisper.utils")
    fetched: list[tuple[str, bool]] = []

    def download(name: str, *, local_files_only: bool) -> str:
        fetched.append((name, local_files_only))
        return str(tmp_path)

    monkeypatch.setattr(utils, "download_model", download)
    store.is_offline = False
    assert locate(name, store, None) == tmp_path
    assert fetched == [(on_hub, False)]


def test_a_directory_without_a_model(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(
        ModelCorruptError, match=r"holds no Whisper model .* it has no model.bin, tokenizer.json; give a directory"
    ):
        load(model=str(tmp_path), store=store)


def test_invalid_model_files(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    for name in MODEL_FILES:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelCorruptError, match="cannot be loaded as a Whisper model"):
        load_from(tmp_path, num_threads=1)


@pytest.mark.parametrize(
    ("device", "num_gpus", "chosen"),
    [
        ("cpu", 0, ("cpu", 0)),
        ("auto", 0, ("cpu", 0)),
        ("auto", 1, ("cuda", 0)),
        ("cuda", 1, ("cuda", 0)),
        ("cuda:1", 2, ("cuda", 1)),
    ],
)
def test_the_device(device: str, num_gpus: int, chosen: tuple[str, int]) -> None:
    assert library._chosen_device(device, num_gpus) == chosen


@pytest.mark.parametrize(
    ("device", "num_gpus", "reason"),
    [
        ("cuda", 0, "finds none: check nvidia-smi; or use --device cpu"),
        ("cuda:2", 2, "it finds 2;"),
        ("gpu", 1, "no device 'gpu'; choose cpu, cuda"),
        ("cpu:1", 1, "no device"),
        ("cuda:x", 1, "no device"),
        ("", 0, "no device"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device: str, num_gpus: int, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        library._chosen_device(device, num_gpus)


async def test_a_compute_type_of_the_device_is_used_and_another_refused() -> None:
    directory = str(model_directory("whisper-tiny.en"))
    store = ModelStore.from_settings(replace(Settings.from_environment(os.environ), is_offline=True))
    with pytest.raises(ConfigError, match=r"no compute type 'int7' on cpu; choose from .*float32.*int8"):
        load(model=directory, store=store, compute_type="int7")
    async with load(model=directory, store=store, device="auto", compute_type="float32") as engine:
        assert text_of(await transcribed(engine, recording("goforward.wav"))) == "Go forward 10 meters."


async def test_a_translation_is_english(base: Engine, tiny: Engine) -> None:
    options = StreamOptions(language="en", task="translate")
    assert text_of(await transcribed(base, recording("goforward.wav"), options)) == "Go forward 10 meters."
    with pytest.raises(UnsupportedOptionError, match=r"whisper-tiny.en cannot translate; .* a model of many languages"):
        tiny.open(StreamOptions(task="translate"))
