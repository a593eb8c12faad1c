"""scripts/setup without the network: its Python is an impostor that writes down what it is asked to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for Linux and macOS")

IMPOSTOR = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
*"-m venv"*) for place; do :; done && mkdir -p "$place/bin" && cp "$0" "$place/bin/python" ;;
*"--requirement requirements/mic.txt"* | *"--requirement requirements/clients"*) exit "${PIP_STATUS:-0}" ;;
esac
"""
"""Says yes to everything; `-m venv` copies it to the place named last, where the new interpreter would be."""


class Checkout:
    """A directory with the script, its locks and a log of what the impostor was told."""

    SCRIPT = "setup"

    def __init__(self, root: Path) -> None:
        self.root = root
        self._log = root / "log"
        for name in ("scripts", "requirements"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "pyproject.toml", root)
        self.python = self.write_program("impostor", IMPOSTOR)

    def write_program(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
        return path

    def set_up(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self._log.write_text("", "utf-8")
        return subprocess.run(
            [self.root / "scripts" / self.SCRIPT, *arguments],
            cwd="/",
            env={"PATH": os.defpath, "LOG": str(self._log), "PYTHON": str(self.python), **environment},
            capture_output=True,
            text=True,
            timeout=30,
        )

    @property
    def num_made(self) -> int:
        """Virtual environments the last run made."""
        return self._log.read_text("utf-8").count("-m venv --clear .venv")

    @property
    def installs(self) -> list[str]:
        """What the last run asked pip to install."""
        return [
            line
            for line in self._log.read_text("utf-8").splitlines()
            if re.match(r"-m pip (--python \S+ )?install ", line)
        ]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_makes_the_environment_and_installs_locked_files_only(checkout: Checkout) -> None:
    done = checkout.set_up()
    assert done.returncode == 0, done.stderr
    assert checkout.num_made == 1
    *locked, package = checkout.installs
    assert [line.split()[-1] for line in locked] == ["requirements/build.txt", "requirements/mic.txt"]
    assert all("--require-hashes --only-binary=:all:" in line for line in locked)
    assert package.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_run_does_nothing(checkout: Checkout) -> None:
    checkout.set_up()
    assert checkout.set_up().returncode == 0
    assert (checkout.num_made, checkout.installs) == (0, [])


@pytest.mark.parametrize("changed", ["requirements/mic.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Checkout, changed: str) -> None:
    checkout.set_up()
    (checkout.root / changed).write_text("# changed\n", "utf-8")
    checkout.set_up()
    assert (checkout.num_made, len(checkout.installs)) == (0, 3)


def test_what_was_cut_short_is_made_anew(checkout: Checkout) -> None:
    checkout.set_up()
    (checkout.root / ".venv-unfinished").touch()
    assert checkout.set_up().returncode == 0
    assert (checkout.num_made, len(checkout.installs)) == (1, 3)
    checkout.set_up()
    assert (checkout.num_made, checkout.installs) == (0, [])


def test_a_refusal_of_pip_is_told_and_tried_again(checkout: Checkout) -> None:
    refused = checkout.set_up(PIP_STATUS="1")
    assert refused.returncode == 1
    assert "could not install" in refused.stderr
    assert checkout.set_up().returncode == 0
    assert (checkout.num_made, len(checkout.installs)) == (0, 3)


def test_an_old_python_is_named(checkout: Checkout) -> None:
    old = checkout.write_program("old", "#!/bin/sh\necho 'is Python 3.9' >&2\nexit 1\n")
    done = checkout.set_up(PYTHON=str(old))
    assert done.returncode == 1
    assert f"needs Python 3.11, 3.12 or 3.13, found none as {old} ({old} is Python 3.9)" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_an_unknown_lock_is_answered_with_the_known_ones(checkout: Checkout) -> None:
    done = checkout.set_up("nosuch")
    assert done.returncode == 1
    assert "there is no lock nosuch, only: bench build dev mic runtime whisper" in done.stderr


class ClientCheckout(Checkout):
    """The same for scripts/setup-clients."""

    SCRIPT = "setup-clients"

    @property
    def clients(self) -> list[str]:
        """What lies where environments are."""
        return sorted(os.listdir(self.root / ".cache" / "clients"))


@pytest.fixture
def client_checkout(tmp_path: Path) -> ClientCheckout:
    return ClientCheckout(tmp_path)


def test_every_client_has_an_environment_of_its_own(client_checkout: ClientCheckout) -> None:
    locks = sorted(lock.stem for lock in (ROOT / "requirements" / "clients").glob("*.txt"))
    done = client_checkout.set_up()
    assert done.returncode == 0, done.stderr
    assert client_checkout.clients == locks
    assert sorted(line.split()[-1] for line in client_checkout.installs) == [
        f"requirements/clients/{name}.txt" for name in locks
    ]
    assert all("--no-deps --require-hashes --only-binary=:all:" in line for line in client_checkout.installs)


def test_only_a_client_whose_lock_changed_is_set_up_again(client_checkout: ClientCheckout) -> None:
    client_checkout.set_up()
    assert (client_checkout.set_up().returncode, client_checkout.installs) == (0, [])
    (client_checkout.root / "requirements" / "clients" / "openai.txt").write_text("# changed\n", "utf-8")
    client_checkout.set_up()
    assert [line.split()[-1] for line in client_checkout.installs] == ["requirements/clients/openai.txt"]


def test_a_client_that_cannot_be_had_is_told_and_left_out(client_checkout: ClientCheckout) -> None:
    done = client_checkout.set_up("openai", PIP_STATUS="1")
    assert (done.returncode, client_checkout.clients) == (0, [])
    assert "openai could not be installed" in done.stderr
    for names in ([], ["openai"]):
        assert client_checkout.set_up(*names, PIP_STATUS="1", VOXTIDE_REQUIRE_CLIENTS="1").returncode != 0
    assert client_checkout.clients == []


def test_an_unknown_client_is_answered_with_the_known_ones(client_checkout: ClientCheckout) -> None:
    done = client_checkout.set_up("nosuch")
    assert done.returncode == 1
    assert "there is no client nosuch, only: livekit mistral1 mistral2 mistral3 openai pipecat" in done.stderr


@pytest.mark.parametrize("name", ["setup", "setup-browser", "setup-clients", "demo", "test", "check", "bench", "lock"])
def test_a_script_is_strict_and_short(name: str) -> None:
    path = ROOT / "scripts" / name
    text = path.read_text("utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert text.count("\n") < 100
