"""`voxtide serve` for the tests of the web page, as a process of its own that can be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

END_S = 30.0
"""How long a server may take to finish what was said."""


class CaptionsServer:
    """`voxtide serve` on a port that stays its own when it is killed and started again."""

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
        """Let it finish what was said."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it in the middle of everything."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.communicate(timeout=END_S)
        self._process = None
