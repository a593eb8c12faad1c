"""The lock has one holder, reports waiting, and is released when its holder dies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from voxtide.models.lock import exclusive

HOLDER = """
import sys
from pathlib import Path
from voxtide.models.lock import exclusive
with exclusive(Path(sys.argv[1]), wait_s=0, on_wait=lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_waits_and_times_out(tmp_path: Path) -> None:
    waits: list[str] = []
    with (
        exclusive(tmp_path / "lock", wait_s=0, on_wait=lambda: waits.append("first")),
        pytest.raises(TimeoutError, match="another process still holds"),
        exclusive(tmp_path / "lock", wait_s=0, on_wait=lambda: waits.append("second")),
    ):
        pytest.fail("two hold one lock")
    assert waits == ["second"]


def test_it_can_be_acquired_again_after_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "lock", wait_s=0, on_wait=pytest.fail):
            1 / 0  # noqa: B018  # any error will do


def test_the_death_of_its_holder_releases_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with exclusive(lock, wait_s=30, on_wait=holder.kill):
            assert holder.wait(timeout=10) != 0
