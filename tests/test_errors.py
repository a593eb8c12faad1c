"""How an installation adds an extra, from the note that its installer left."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import voxtide.errors
from voxtide.errors import MissingExtraError, install_command

PIP = f"{shlex.quote(sys.executable)} -m pip install"


def note(monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    class Distribution:
        requires = importlib.metadata.requires("voxtide")

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return content

    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Distribution())


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        ({"url": "file:///src/my%20voxtide", "dir_info": {"editable": True}}, f'{PIP} -e "/src/my voxtide[whisper]"'),
        ({"url": "file:///src/voxtide", "dir_info": {}}, f'{PIP} "/src/voxtide[whisper]"'),
        (
            {"url": "file:///w/voxtide-0.1.0-py3-none-any.whl", "archive_info": {}},
            f'{PIP} "voxtide[whisper] @ file:///w/voxtide-0.1.0-py3-none-any.whl"',
        ),
        (
            {"url": "https://example.com/v.whl", "archive_info": {}},
            f'{PIP} "voxtide[whisper] @ https://example.com/v.whl"',
        ),
        (
            {"url": "https://example.com/v.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            f'{PIP} "voxtide[whisper] @ git+https://example.com/v.git@abc"',
        ),
    ],
)
def test_an_extra_comes_from_where_voxtide_came_from(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any], command: str
) -> None:
    note(monkeypatch, json.dumps(origin))
    assert install_command("whisper") == command
    assert str(MissingExtraError("faster-whisper", "whisper", "it")).endswith(f"install it with: {command}")


@pytest.mark.parametrize("content", [None, "", "not JSON"])
def test_without_a_note_the_packages_themselves(monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    """Not voxtide by name, which may be someone else's on an index."""
    note(monkeypatch, content)
    needed = next(it for it in importlib.metadata.requires("voxtide") or () if "'mic'" in it).partition(";")[0]
    assert needed.startswith("sounddevice")
    assert install_command("mic") == f"{PIP} '{needed}'"


def test_the_environment_of_a_clone_is_set_up_by_its_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "whisper.txt").touch()
    note(monkeypatch, json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}}))
    assert install_command("whisper") == f'{PIP} -e "{tmp_path}[whisper]"'
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert install_command("whisper") == f"{tmp_path}/scripts/setup whisper"
    assert install_command("voxtral") == f'{PIP} -e "{tmp_path}[voxtral]"'


def test_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", fail)
    monkeypatch.setattr(importlib.metadata, "requires", fail)
    assert install_command("mic") == f"{PIP} '{Path(voxtide.errors.__file__).parents[2]}[mic]'"
