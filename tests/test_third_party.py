"""The notice names every model that is pulled and every recording and typeface that is shipped, with its licence."""

from __future__ import annotations

import re

import pytest

from tests.support.source_tree import PACKAGE, ROOT
from voxtide.models.manifest import Manifest, Model

NOTICE = (ROOT / "THIRD_PARTY.md").read_text("utf-8")

NOT_OURS = re.compile(r"\.(wav|mp3|flac|ogg|opus|m4a|onnx|ort|safetensors|woff2?|ttf|otf)$")
"""Files that somebody else has made."""


@pytest.mark.parametrize("model", Manifest.packaged().models, ids=lambda model: model.name)
def test_each_model_has_a_row_with_its_licence(model: Model) -> None:
    (row,) = re.findall(rf"^\| `{re.escape(model.name)}` \|.*$", NOTICE, re.MULTILINE)
    assert f"| {model.licence} |" in row
    for wheel in model.wheels:
        assert wheel.version in row


def test_each_recording_and_typeface_lies_where_the_notice_says() -> None:
    shipped = [path.relative_to(ROOT) for path in PACKAGE.rglob("*") if NOT_OURS.search(path.name)]
    assert shipped
    for path in shipped:
        assert str(path) in NOTICE or f"{path.parent}/`" in NOTICE, path
