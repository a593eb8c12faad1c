"""Describes the machine. In: nothing. Out: processor, cores, versions, commit; texts without the home directory."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import voxtide

_CPUINFO = Path("/proc/cpuinfo")
_GIT_TIMEOUT_S = 10.0
_PACKAGES = ("onnxruntime", "numpy", "faster-whisper")


def describe_machine() -> dict[str, str | int | None]:
    """The machine and the program as names with values."""
    facts: dict[str, str | int | None] = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "voxtide": voxtide.__version__,
        "commit": _commit(Path(__file__).parent),
        "load": _load(),
    }
    return facts | {package: _version(package) for package in _PACKAGES}


def _cpu_name() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _load() -> str | None:
    """The one-minute load average at the start: near zero on an idle machine."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit(directory: Path) -> str | None:
    """The commit of the source tree, marked if files differ; None without a tree or git."""
    command = ["git", "-C", str(directory), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def without_home(text: str) -> str:
    """The text with `~` for the user's home directory, whose name is often the user's: reports are passed on."""
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if home != "/" else text
