"""The peers are complete, and their environments are made once and repaired."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peers import ADAPTERS, PEERS, REQUIREMENTS, environment, version
from voxtide.errors import VoxtideError
from voxtide.models.manifest import Manifest

LOCKS = sorted(REQUIREMENTS.glob("*.txt"))


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_has_its_adapter_its_model_and_a_pinned_version(name: str) -> None:
    peer = PEERS[name]
    assert (ADAPTERS / peer.adapter).is_file()
    assert Manifest.packaged().model(peer.model)
    assert peer.summary
    assert (version(peer) != "") == (peer.environment is not None)


def test_every_environment_belongs_to_a_peer() -> None:
    assert {lock.stem for lock in LOCKS} == {peer.environment for peer in PEERS.values() if peer.environment}


@pytest.mark.parametrize("content", [b"other==1.0\n", b"\xff", None])
def test_a_version_that_is_not_pinned_is_an_error_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(peers, "REQUIREMENTS", tmp_path)
    if content is not None:
        (tmp_path / "realtimestt.txt").write_bytes(content)
    with pytest.raises(
        VoxtideError, match=r"realtimestt\.txt (does not pin realtimestt; add|cannot be read: .*; restore)"
    ):
        version(PEERS["realtimestt"])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_everything_is_pinned_and_no_host_is_named(lock: Path) -> None:
    pins = [line for line in lock.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", pin)] == []
    assert len(pins) > 5


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lock: it installs without a network."""
    monkeypatch.setattr(peers, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(peers, "HOME", tmp_path / "home")
    path = tmp_path / "peer.txt"
    path.write_text("# nothing\n", "utf-8")
    return path


def test_an_environment_is_made_once_per_lock(lock: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    python = environment("peer", lines.append, into=tmp_path / "env")
    assert python.exists()
    environment("peer", lines.append, into=tmp_path / "env")
    assert len(lines) == 1
    lock.write_text("# nothing yet\n", "utf-8")
    (tmp_path / "env" / "peer.partial").mkdir()  # an interrupted run
    environment("peer", lines.append, into=tmp_path / "env")
    assert len(lines) == 2
    assert [path.name for path in (tmp_path / "env").iterdir()] == ["peer"]


def test_a_package_that_cannot_be_installed_is_reported(lock: Path, tmp_path: Path) -> None:
    lock.write_text(f"missing @ file://{tmp_path}/missing-1.0-py3-none-any.whl\n", "utf-8")
    with pytest.raises(VoxtideError, match=r"peer could not be installed; pip reports:\n(.*\n)*.*missing"):
        environment("peer", lambda line: None, into=tmp_path / "env")
    assert not (tmp_path / "env" / "peer").exists()


@pytest.mark.usefixtures("lock")
def test_an_installation_has_a_limit(tmp_path: Path) -> None:
    with pytest.raises(VoxtideError, match="peer was not installed within 0.01 s"):
        environment("peer", lambda line: None, into=tmp_path / "env", limit_s=0.01)
