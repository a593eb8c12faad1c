"""Runs the real clients. In: a client's name, one of its drivers, a server. Out: the client's reports, by scenario.

A client without its environment is skipped; with VOXTIDE_REQUIRE_CLIENTS=1 the test fails.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.source_tree import ROOT

ENVIRONMENTS = ROOT / ".cache" / "clients"
DRIVERS = ROOT / "tests" / "conformance" / "drivers"

FIRST = "Who built the White"
SECOND = "Tower"
"""The text of the utterances `first` and `second` for the scripted engine."""

SPEECH_S = 4.8
SENTENCES = ["ever tried", "ever failed", "no matter"]
"""The sentences of the recording `speech`, each followed by a pause, for an engine that transcribes English."""

DRIVER_S = 90.0
"""Timeout of one driver with all its scenarios and the client's first import. Below pytest's own limit."""

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class LiveServer:
    """A server in a process of its own, and the audio to send to it."""

    url: str
    key: str
    audio_dir: Path

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)


class Report:
    """A client's reports, line by line."""

    def __init__(self, lines: Lines) -> None:
        self._lines: dict[str, Lines] = defaultdict(list)
        for line in lines:
            self._lines[line.pop("scenario")].append(line)

    def __getitem__(self, scenario: str) -> Lines:
        """The lines of a completed scenario."""
        lines = self._lines[scenario]
        assert lines and lines[-1] == {"is_over": True}, f"{scenario} did not complete: {lines}"
        return lines[:-1]


def of(lines: Lines, kind: str) -> Lines:
    """The lines of one type of message, or of one class of event, which an SDK chooses only for valid events."""
    return [line for line in lines if kind in (line.get("type"), line.get("event"))]


def python_of(client: str) -> Path:
    """The interpreter of a client's environment."""
    environment = ENVIRONMENTS / client
    lock = ROOT / "requirements" / "clients" / f"{client}.txt"
    python = environment / "bin" / "python"
    if not python.exists() or (environment / "lock.txt").read_bytes() != lock.read_bytes():
        reason = f"client {client} is not set up: run scripts/setup-clients {client}"
        if os.environ.get("VOXTIDE_REQUIRE_CLIENTS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return python


def drive(client: str, driver: str, server: LiveServer, *scenarios: str) -> Report:
    """Run a client against a server: the named scenarios, or all of the driver's."""
    plan = {"url": server.url, "key": server.key, "audio_dir": str(server.audio_dir), "scenarios": scenarios}
    printed = run_client(client, [str(DRIVERS / f"{driver}.py"), json.dumps(plan)], server)
    return Report([json.loads(line) for line in printed.splitlines() if line.startswith('{"scenario"')])


def run_client(
    client: str,
    arguments: list[str],
    server: LiveServer,
    *,
    directory: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a program in a client's environment, with these variables added. Returns its stdout."""
    done = subprocess.run(
        [python_of(client), *arguments],
        cwd=directory,
        env={**_environment(server), **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DRIVER_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _environment(server: LiveServer) -> dict[str, str]:
    """The environment without keys, with an unreachable proxy and the `no_proxy` that docs/clients.md recommends."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    proxies = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1,localhost"}
    return {**kept, **proxies, "HOME": str(server.audio_dir)}
