"""The peers and their environments. In: a peer's name. Out: the command that runs its adapter. Installs from PyPI.

Each peer has a Python environment of its own in `benchmarks/.env`, with the versions of `requirements/NAME.txt`.
Models come from voxtide's store, so that no peer fetches anything while it is measured.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voxtide.config import Settings
from voxtide.errors import VoxtideError
from voxtide.models import ModelStore

HOME = Path(__file__).parent
ADAPTERS, REQUIREMENTS, ENVIRONMENTS = HOME / "adapters", HOME / "requirements", HOME / ".env"

INSTALL_LIMIT_S = 1200
"""The largest environment downloads 1 GB; a connection that needs longer is better tried again by hand."""

NUM_LAST_LINES = 5
"""Lines of a failed installation that its error repeats."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """How one peer is run.

    Attributes:
        adapter: Its file in `adapters`.
        model: The model in voxtide's store.
        arguments: Further arguments of the adapter.
        environment: The name of its requirements; None for voxtide, which runs in the driver's own environment.
        package: Its package on PyPI.
        summary: What it is, for the table.
    """

    adapter: str
    model: str
    arguments: tuple[str, ...] = ()
    environment: str | None = None
    package: str = "voxtide"
    summary: str = ""


def _chunks(seconds: int) -> Peer:
    return Peer(
        adapter="faster_whisper_chunks.py",
        model="whisper-base",
        arguments=(str(seconds),),
        environment="faster-whisper",
        package="faster-whisper",
        summary=f"chunks of {seconds} s",
    )


def _whisperlivekit(policy: str) -> Peer:
    return Peer(
        adapter="whisper_live_kit.py",
        model="whisper-base",
        arguments=(policy,),
        environment="whisperlivekit",
        package="whisperlivekit",
        summary=f"policy {policy}",
    )


PEERS = {
    "voxtide": Peer("voxtide_engine.py", "moonshine-tiny-en", ("moonshine",), summary="one live stream"),
    "voxtide-whisper": Peer("voxtide_engine.py", "whisper-base", ("whisper",), summary="one live stream"),
    "moonshine-native": Peer(
        adapter="moonshine_native.py",
        model="moonshine-tiny-en",
        environment="moonshine-native",
        package="moonshine-voice",
        summary="one stream of the native library",
    ),
    "faster-whisper-5s": _chunks(5),
    "faster-whisper-10s": _chunks(10),
    "realtimestt": Peer(
        adapter="realtime_stt.py",
        model="whisper-base",
        environment="realtimestt",
        package="realtimestt",
        summary="final and realtime text from the same model",
    ),
    "whisperlivekit": _whisperlivekit("simulstreaming"),
    "whisperlivekit-agreement": _whisperlivekit("localagreement"),
}


def command(peer: Peer, progress: Progress) -> list[str]:
    """The command that runs a peer's adapter, with its environment made and its model found.

    Raises:
        VoxtideError: The environment could not be made, or the model has not been pulled.
    """
    model = ModelStore.from_settings(Settings.from_environment(os.environ)).path(peer.model)
    python = [sys.executable]
    if peer.environment is not None:
        python = [str(environment(peer.environment, progress)), "-E"]  # without our PYTHONPATH
    return [*python, str(ADAPTERS / peer.adapter), str(model), *peer.arguments]


def version(peer: Peer) -> str:
    """The pinned version of a peer; empty for voxtide, whose commit the result names.

    Raises:
        VoxtideError: Its requirements cannot be read or do not name it.
    """
    if peer.environment is None:
        return ""
    path = REQUIREMENTS / f"{peer.environment}.txt"
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise VoxtideError(f"{path} cannot be read: {error}; restore it, for example by git checkout") from error
    found = re.search(rf"^{peer.package}==(\S+)$", text, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise VoxtideError(f"{path} does not pin {peer.package}; add a line {peer.package}==VERSION")
    return found[1]


def environment(name: str, progress: Progress, *, into: Path = ENVIRONMENTS, limit_s: float = INSTALL_LIMIT_S) -> Path:
    """The Python of an environment, made anew if its requirements have changed.

    It is built beside its place and renamed when it is complete: an interrupted installation is repeated.

    Args:
        name: Of a file in `requirements`.
        progress: Receives a line before it is installed.
        into: The directory of all environments.
        limit_s: Timeout of the installation.

    Raises:
        VoxtideError: pip failed or timed out; the message has its last lines.
    """
    lock = REQUIREMENTS / f"{name}.txt"
    target, partial = into / name, into / f"{name}.partial"
    stamp = target / lock.name
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return target / "bin" / "python"
    progress(f"installing {lock.relative_to(HOME.parent)} into {target}; this can take minutes")
    shutil.rmtree(partial, ignore_errors=True)
    into.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--without-pip", str(partial)], name, limit_s)
    pip = [sys.executable, "-m", "pip", "--python", str(partial / "bin" / "python"), "install", "--no-input"]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--prefer-binary", "--requirement", str(lock)]
    _run([*pip, *options], name, limit_s)
    shutil.copy(lock, partial / lock.name)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target / "bin" / "python"


def _run(command: list[str], name: str, limit_s: float) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise VoxtideError(f"{name} was not installed within {limit_s:g} s; try again") from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-NUM_LAST_LINES:])
        raise VoxtideError(f"{name} could not be installed; pip reports:\n{last}")
