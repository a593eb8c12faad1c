"""`voxtide serve` for the tests of the web page, as a process that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

STOP_TIMEOUT_S = 30.0


class CaptionsServer:
    """`voxtide serve` on a port that stays the same across restarts."""

    def __init__(self, engine: str, *options: str, keys: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._command = [
            *(str(Path(sys.executable).with_name("voxtide")), "serve"),
            *("--engine", engine, "--port", str(self.port), "--log-format", "json", *options),
        ]
        self._environment = os.environ | {"VOXTIDE_KEYS": keys, "VOXTIDE_OFFLINE": "1"}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert "serves" in self._process.stdout.readline()

    def stop(self) -> None:
        """Stop gracefully."""
        if self._process is not None:
            self._process.terminate()
            self._wait()

    def kill(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        self._process.communicate(timeout=STOP_TIMEOUT_S)
        self._process = None


StartServer = Callable[..., CaptionsServer]
"""Starts a server of an engine with options."""
