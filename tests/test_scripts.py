"""The setup scripts without a network: a fake Python logs its arguments."""

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

FAKE_PYTHON = """#!/bin/sh
echo "$*" >>"$LOG"
case "$*" in
*"-m venv"*) for place; do :; done && mkdir -p "$place/bin" && cp "$0" "$place/bin/python" ;;
*"--requirement requirements/mic.txt"* | *"--requirement requirements/clients"*) exit "${PIP_STATUS:-0}" ;;
esac
"""
"""Logs its arguments and succeeds, unless PIP_STATUS is set; `-m venv DIR` copies it to DIR/bin/python."""


class Checkout:
    """A copy of the scripts and locks, with a fake Python and the log of its calls."""

    SCRIPT = "setup"

    def __init__(self, root: Path) -> None:
        self.root = root
        self._log = root / "log"
        for name in ("scripts", "requirements"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "pyproject.toml", root)
        self.python = self.write_program("fake-python", FAKE_PYTHON)

    def write_program(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text, "utf-8")
        path.chmod(0o755)
        return path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
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
    def num_created(self) -> int:
        """Number of virtual environments that the last run created."""
        return self._log.read_text("utf-8").count("-m venv --clear .venv")

    @property
    def installs(self) -> list[str]:
        """The pip install commands of the last run."""
        return [
            line
            for line in self._log.read_text("utf-8").splitlines()
            if re.match(r"-m pip (--python \S+ )?install ", line)
        ]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_creates_the_environment_and_installs_only_locked_files(checkout: Checkout) -> None:
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    assert checkout.num_created == 1
    *locked, package = checkout.installs
    assert [line.split()[-1] for line in locked] == ["requirements/build.txt", "requirements/mic.txt"]
    assert all("--require-hashes --only-binary=:all:" in line for line in locked)
    assert package.endswith("--no-deps --no-build-isolation --editable .")


def test_a_second_run_does_nothing(checkout: Checkout) -> None:
    checkout.run()
    assert checkout.run().returncode == 0
    assert (checkout.num_created, checkout.installs) == (0, [])


@pytest.mark.parametrize("changed", ["requirements/mic.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(checkout: Checkout, changed: str) -> None:
    checkout.run()
    (checkout.root / changed).write_text("# changed\n", "utf-8")
    checkout.run()
    assert (checkout.num_created, len(checkout.installs)) == (0, 3)


def test_an_interrupted_run_is_repaired_from_scratch(checkout: Checkout) -> None:
    checkout.run()
    (checkout.root / ".venv-unfinished").touch()
    assert checkout.run().returncode == 0
    assert (checkout.num_created, len(checkout.installs)) == (1, 3)
    checkout.run()
    assert (checkout.num_created, checkout.installs) == (0, [])


def test_a_failure_of_pip_is_reported_and_retried(checkout: Checkout) -> None:
    failed = checkout.run(PIP_STATUS="1")
    assert failed.returncode == 1
    assert "installation failed; fix the error that pip reports" in failed.stderr
    assert checkout.run().returncode == 0
    assert (checkout.num_created, len(checkout.installs)) == (0, 3)


def test_an_old_python_is_named(checkout: Checkout) -> None:
    old = checkout.write_program("old", "#!/bin/sh\necho 'is Python 3.9' >&2\nexit 1\n")
    done = checkout.run(PYTHON=str(old))
    assert done.returncode == 1
    assert f"needs Python 3.11, 3.12 or 3.13; tried {old} ({old} is Python 3.9)" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_an_unknown_lock_is_refused_with_the_known_ones(checkout: Checkout) -> None:
    done = checkout.run("nosuch")
    assert done.returncode == 1
    assert "no lock 'nosuch'; choose from: bench build dev mic runtime whisper" in done.stderr


class ClientCheckout(Checkout):
    """A checkout that runs scripts/setup-clients."""

    SCRIPT = "setup-clients"

    @property
    def clients(self) -> list[str]:
        """Entries of the directory of environments."""
        return sorted(os.listdir(self.root / ".cache" / "clients"))


@pytest.fixture
def client_checkout(tmp_path: Path) -> ClientCheckout:
    return ClientCheckout(tmp_path)


def test_every_client_has_its_own_environment(client_checkout: ClientCheckout) -> None:
    locks = sorted(lock.stem for lock in (ROOT / "requirements" / "clients").glob("*.txt"))
    done = client_checkout.run()
    assert done.returncode == 0, done.stderr
    assert client_checkout.clients == locks
    assert sorted(line.split()[-1] for line in client_checkout.installs) == [
        f"requirements/clients/{name}.txt" for name in locks
    ]
    assert all("--no-deps --require-hashes --only-binary=:all:" in line for line in client_checkout.installs)


def test_only_a_client_with_a_changed_lock_is_reinstalled(client_checkout: ClientCheckout) -> None:
    client_checkout.run()
    assert (client_checkout.run().returncode, client_checkout.installs) == (0, [])
    (client_checkout.root / "requirements" / "clients" / "openai.txt").write_text("# changed\n", "utf-8")
    client_checkout.run()
    assert [line.split()[-1] for line in client_checkout.installs] == ["requirements/clients/openai.txt"]


def test_a_client_that_cannot_be_installed_is_reported_and_skipped(client_checkout: ClientCheckout) -> None:
    done = client_checkout.run("openai", PIP_STATUS="1")
    assert (done.returncode, client_checkout.clients) == (0, [])
    assert "openai could not be installed" in done.stderr
    for names in ([], ["openai"]):
        assert client_checkout.run(*names, PIP_STATUS="1", VOXTIDE_REQUIRE_CLIENTS="1").returncode != 0
    assert client_checkout.clients == []


def test_an_unknown_client_is_refused_with_the_known_ones(client_checkout: ClientCheckout) -> None:
    done = client_checkout.run("nosuch")
    assert done.returncode == 1
    assert "no client 'nosuch'; choose from: livekit mistral1 mistral2 mistral3 openai pipecat" in done.stderr


@pytest.mark.parametrize("name", ["setup", "setup-browser", "setup-clients", "demo", "test", "check", "bench", "lock"])
def test_a_script_is_strict_and_short(name: str) -> None:
    path = ROOT / "scripts" / name
    text = path.read_text("utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert text.count("\n") < 100
