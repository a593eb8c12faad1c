"""The adapters' side of the pipe. In: raw audio on stdin. Out: `ready`, then a line of JSON per text. Needs no package.

Runs in the peer's environment. Text goes out as it appears; the reader stamps its arrival:

- {"interim": TEXT}: all text after the final one, in place of the previous interim.
- {"final": TEXT}: appended as it is to the final text, which never changes. It replaces the interim.

Stdout is taken away from the peer, whose own output goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator

SAMPLE_RATE_HZ = 16_000
BYTES_PER_SAMPLE = 2
CHUNK_BYTES = 20 * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE // 1000
"""20 ms, as they are written."""


class Output:
    """Writes lines to the real stdout, from any thread."""

    def __init__(self) -> None:
        """Take stdout; from now on `print` writes to stderr."""
        self._lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._interim = ""

    def ready(self) -> None:
        """The model is loaded: audio may come."""
        self._lines.write("ready\n")

    def interim(self, text: str) -> None:
        """Show text that may still change, unless it is shown already."""
        with self._lock:
            if text != self._interim:
                self._interim = text
                self._write({"interim": text})

    def final(self, text: str) -> None:
        """Append final text."""
        with self._lock:
            self._interim = ""
            if text:
                self._write({"final": text})

    def final_line(self, text: str) -> None:
        """Append a whole line or chunk of final text, with a space before it."""
        self.final(f" {text.strip()}" if text.strip() else "")

    def _write(self, message: dict[str, str]) -> None:
        self._lines.write(json.dumps(message) + "\n")


def audio(num_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The audio in pieces of `num_bytes`; the last may be shorter."""
    while piece := sys.stdin.buffer.read(num_bytes):
        yield piece
