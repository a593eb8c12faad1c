"""scripts/setup-browser with a browser, with apt (a fake one), and without."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory with the tools that the script needs, a fake apt-get that installs a browser, and an id for root."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "env", "touch", "chmod"):
        (folder / name).symlink_to(shutil.which(name) or "")
    write(folder / "id", "echo 0")
    chromium = folder / "chromium"
    install = f'[ "$3" = install ] || exit 0; touch {chromium}; chmod +x {chromium}'
    write(folder / "apt-get", f'echo "$@" >>{tmp_path}/log; {install}')
    return folder


def write(path: Path, text: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{text}\n", "utf-8")
    path.chmod(0o755)


def set_up(programs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "VOXTIDE_REQUIRE_BROWSER"}
    return subprocess.run(
        [ROOT / "scripts" / "setup-browser"],
        env=kept | {"PATH": str(programs)} | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_an_installed_browser_is_kept(programs: Path) -> None:
    write(programs / "google-chrome", "")
    done = set_up(programs)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (programs.parent / "log").exists()


def test_root_installs_a_browser(programs: Path) -> None:
    assert set_up(programs).returncode == 0
    assert "install -y --no-install-recommends chromium" in (programs.parent / "log").read_text("utf-8")


@pytest.mark.parametrize("obstacle", ["id", "apt-get"])
def test_without_root_or_apt_it_prints_instructions(programs: Path, obstacle: str) -> None:
    write(programs / obstacle, "echo 1000; exit 1" if obstacle == "apt-get" else "echo 1000")
    done = set_up(programs)
    assert done.returncode == 0
    assert "apt-get install chromium" in done.stderr
    assert "skipped" in done.stderr
    assert set_up(programs, VOXTIDE_REQUIRE_BROWSER="1").returncode == 1
