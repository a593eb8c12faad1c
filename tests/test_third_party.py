"""THIRD_PARTY.md names every model, recording and typeface with its licence."""

from __future__ import annotations

import re

import pytest

from tests.support.source_tree import PACKAGE, ROOT
from voxtide.models.manifest import Manifest, Model

NOTICE = (ROOT / "THIRD_PARTY.md").read_text("utf-8")

THIRD_PARTY = re.compile(r"\.(wav|mp3|flac|ogg|opus|m4a|onnx|ort|safetensors|woff2?|ttf|otf)$")
"""File types of third-party content."""


@pytest.mark.parametrize("model", Manifest.packaged().models, ids=lambda model: model.name)
def test_each_model_has_a_row_with_its_licence(model: Model) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(model.name)}` \|.*$", NOTICE, re.MULTILINE)
    assert f"| {model.licence} |" in row
    for wheel in model.wheels:
        assert wheel.version in row


def test_each_recording_and_typeface_is_at_the_path_in_the_notice() -> None:
    shipped = [path.relative_to(ROOT) for path in PACKAGE.rglob("*") if THIRD_PARTY.search(path.name)]
    assert shipped
    for path in shipped:
        assert str(path) in NOTICE or f"{path.parent}/`" in NOTICE, path
