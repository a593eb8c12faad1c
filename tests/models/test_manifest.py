"""The packaged manifest is complete, and an invalid one is refused."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.errors import ModelError, UnknownModelError
from voxtide.models.manifest import Manifest, ModelFile

SHA256 = "0" * 64
MINIMAL = f"""
[[models]]
name = "tiny"
description = "a model"
engine = "none"
languages = []
licence = "MIT"
wheels = [{{ package = "pack", version = "1", platform = "any", size_bytes = 9, sha256 = "{SHA256}" }}]
files = [{{ name = "a", size_bytes = 5, sha256 = "{SHA256}", members = [{{ package = "pack", path = "x/a" }}] }}]
"""


def test_the_packaged_manifest_has_the_models_of_the_engines() -> None:
    models = {model.name: model for model in Manifest.packaged().models}
    assert set(models) == {"moonshine-tiny-en", "silero-vad", "whisper-base", "whisper-tiny.en", "voxtral"}
    assert {model.licence for model in models.values()} == {"MIT", "Apache-2.0"}
    assert models["moonshine-tiny-en"].languages == ("en",)
    assert [file.name for file in models["silero-vad"].files] == ["silero_vad_16k_sequence.onnx", "LICENSE"]


def test_packaged_hub_revisions_are_commits() -> None:
    hubs = [model.hub for model in Manifest.packaged().models if model.hub]
    assert hubs
    assert all(re.fullmatch("[0-9a-f]{40}", hub.revision) for hub in hubs)


def test_a_minimal_entry_is_parsed() -> None:
    model = Manifest.parse(MINIMAL).model("tiny")
    assert model.size_bytes == 5
    assert model.wheels[0].requirement == "pack==1"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', 'name = "../tiny"', "'../tiny' in the model manifest is not a plain name"),
        ('name = "a"', 'name = "/etc/passwd"', "not a plain name"),
        ('name = "a"', 'name = ".verified.json"', "not a plain name"),
        (SHA256, "unknown", "no SHA-256 of 64 hexadecimal digits"),
        ('package = "pack", path', 'package = "other", path', "wheels differ from the packages of its files' members"),
        ("members = [{", "sources = [{", "the model manifest cannot be read"),
        ('description = "a model"', "", "the model manifest cannot be read"),
        ("[[models]]", "[[models", "the model manifest cannot be read"),
    ],
)
def test_an_invalid_entry_is_refused(old: str, new: str, message: str) -> None:
    assert old in MINIMAL
    with pytest.raises(ModelError, match=re.escape(message)):
        Manifest.parse(MINIMAL.replace(old, new))


def test_a_file_without_a_source_is_refused() -> None:
    stray = ModelFile(name="a", size_bytes=5, sha256=SHA256)
    with pytest.raises(ModelError, match="a file without a source"):
        replace(Manifest.parse(MINIMAL).model("tiny"), files=(stray,), wheels=())


@given(st.text(max_size=12))
def test_no_file_name_leaves_its_directory(name: str) -> None:
    try:
        ModelFile(name=name, size_bytes=0, sha256=SHA256)
    except ModelError:
        return
    assert not name.startswith(".")
    assert not set(name) & set("/\\:\0\n")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("moonshine-tiny", "did you mean moonshine-tiny-en"), ("Whisper-Base", "did you mean whisper-base"), ("zzz", "")],
)
def test_an_unknown_name_lists_close_matches_and_all_models(name: str, hint: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        Manifest.packaged().model(name)
    assert f"no model {name!r}" in str(caught.value)
    assert hint in str(caught.value)
    assert "choose from moonshine-tiny-en, silero-vad, whisper-base, whisper-tiny.en, voxtral" in str(caught.value)


def test_an_unknown_path_is_called_a_directory() -> None:
    with pytest.raises(UnknownModelError, match="no model or directory 'models/mine'; choose from "):
        Manifest.packaged().model("models/mine")
