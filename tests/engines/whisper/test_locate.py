"""The names of a Whisper model, and the errors if it cannot be loaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from voxtide.config import Settings
from voxtide.engines.whisper import library, load
from voxtide.engines.whisper.engine import locate
from voxtide.engines.whisper.library import MODEL_FILES, load_from
from voxtide.errors import (
    MissingExtraError,
    ModelCorruptError,
    ModelDownloadError,
    ModelMissingError,
    UnknownModelError,
)
from voxtide.models.store import ModelStore


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


@pytest.mark.parametrize("name", ["moonshine-tiny-en", "whisper-bass", "a/b/c"])
def test_a_name_that_is_no_model_of_this_engine(store: ModelStore, name: str) -> None:
    with pytest.raises(
        UnknownModelError, match=f"no Whisper model '{name}'; choose from whisper-base, whisper-tiny.en"
    ):
        locate(name, store, None)


@pytest.mark.parametrize("name", ["small", "example/no-such-model-of-whisper"])
def test_a_name_on_the_hub_while_offline(store: ModelStore, name: str) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(ModelMissingError, match=rf"offline and Whisper model '{name}' .* unset VOXTIDE_OFFLINE"):
        locate(name, store, None)


def test_a_failed_download(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("faster_whisper.utils")

    def refuse(name: str, *, local_files_only: bool) -> str:
        assert not local_files_only
        raise OSError("secret")

    monkeypatch.setattr(utils, "download_model", refuse)
    with pytest.raises(ModelDownloadError, match=r"'small' could not be downloaded .* \(OSError\); check the name"):
        library.fetch_from_hub("small", is_offline=False)


@pytest.mark.usefixtures("_without_extra")
def test_without_the_extra(store: ModelStore, tmp_path: Path) -> None:
    for name in MODEL_FILES:
        (tmp_path / name).touch()
    with pytest.raises(MissingExtraError, match=r"pip install 'voxtide\[whisper\]'"):
        load_from(tmp_path, num_threads=1)
    with pytest.raises(MissingExtraError, match=r"pip install 'voxtide\[whisper\]'"):
        locate("Systran/faster-whisper-small", store, None)
    with pytest.raises(UnknownModelError, match="one of its short names"):
        locate("small", store, None)


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
