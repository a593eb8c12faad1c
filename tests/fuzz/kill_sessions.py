"""Kills live sessions at random moments and counts the final words that are missing from the file of --output.

Not part of the test suite. To kill 50 sessions, in all formats in turn, which takes about five minutes:

    python tests/fuzz/kill_sessions.py 50

The exit status is 1 if a word is missing. A second argument is the seed of the moments; each run prints its own.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.killed_sessions import FORMATS, kill_session

MAX_AFTER_S = 6.0
"""The latest moment after the first final word: a few segments."""


def main(num_sessions: int, seed: int) -> int:
    """Kill so many sessions; returns the number of missing words."""
    moments = random.Random(seed)
    num_final = num_missing = 0
    for number in range(num_sessions):
        doc_format, after_s = FORMATS[number % len(FORMATS)], moments.uniform(0.0, MAX_AFTER_S)
        with TemporaryDirectory() as directory:
            killed = kill_session(Path(directory), doc_format, after_s)
        num_final += len(killed.final)
        num_missing += len(killed.missing)
        sys.stdout.write(
            f"{doc_format} killed after {after_s:.3f} s: {len(killed.final)} final, missing {killed.missing}\n"
        )
        sys.stdout.flush()
    sys.stdout.write(
        f"{num_sessions} sessions killed (seed {seed}): {num_missing} of {num_final} final words missing\n"
    )
    return num_missing


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    sys.exit(int(main(count, int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10_000)) > 0))
