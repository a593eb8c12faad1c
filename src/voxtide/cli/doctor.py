"""The command `doctor`. In: this machine. Out: what works, what does not, what to do about it; 0 if voxtide can run."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import typer

from voxtide import api
from voxtide.audio.microphone import list_devices
from voxtide.cli.failures import Exit
from voxtide.cli.remote import NO_OPTIONS
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.registry import ENGINES, EngineOption
from voxtide.engines.voxtral.loading import DEFAULT_MODEL
from voxtide.engines.voxtral.memory_plan import Survey, survey
from voxtide.errors import ModelMissingError, VoxtideError
from voxtide.models import ModelState, ModelStore
from voxtide.voxtral.config import TOKEN_MS

SAMPLE = "beckett.wav"
"""The recording that the engine is tried with: ten seconds of speech."""

VOXTRAL = "voxtral"
"""The engine that is not loaded to be looked at: it would take all the memory it is asked about."""

CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni")
"""Instructions that make 8-bit models quicker, as Linux names them."""

NVIDIA_SMI_S = 10.0
"""How long nvidia-smi may take; a driver that hangs must not hang us."""

LOW_SPACE_BYTES = 1 << 30
"""Less than this is little for a cache of models."""


def doctor(
    *,
    is_json: bool,
    engine: str | None = None,
    model: str | None = None,
    options: Mapping[str, EngineOption] = NO_OPTIONS,
) -> Exit:
    """Look at everything and tell. The exit code is DONE if the engine can run, else FAILED."""
    checks = list(examine(engine or api.DEFAULT_ENGINE, model, options))
    can_run = not any(check.state == "bad" for check in checks)
    if is_json:
        report = {"can_run": can_run, "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        for check in checks:
            typer.echo(f"{check.state:<8} {check.name:<12} {check.found}")
            if check.remedy:
                typer.echo(f"{'':<8} {'':<12} -> {check.remedy}")
        typer.echo("voxtide can transcribe here." if can_run else "voxtide cannot transcribe here yet.")
    return Exit.DONE if can_run else Exit.FAILED


def examine(engine: str, model: str | None, options: Mapping[str, EngineOption] = NO_OPTIONS) -> Iterator[Check]:
    """All checks, the cheap ones first."""
    yield Check("voxtide", "ok", f"{importlib.metadata.version('voxtide')}, Python {platform.python_version()}")
    yield Check("system", "ok", platform.platform())
    yield Check("processor", "ok", processor(Path("/proc/cpuinfo")))
    yield gpu()
    yield microphones()
    yield from extras()
    yield from engines()
    try:
        settings = Settings.from_environment(os.environ)
    except VoxtideError as error:
        yield Check("settings", "bad", str(error))
        return
    yield cache(settings.models_dir)
    yield from models(settings)
    if engine == VOXTRAL:
        yield from voxtral(settings, model, options)
    else:
        yield one_engine(settings, engine, model, options)


def processor(cpuinfo: Path) -> str:
    """Cores we may use, and the quick instructions where the system tells them."""
    usable = getattr(os, "sched_getaffinity", None)
    num_cores = len(usable(0)) if usable else os.cpu_count() or 1
    try:
        found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return f"{num_cores} cores, {platform.machine()}"
    flags = set(found[1].split()) if found else set()
    told = " ".join(flag for flag in CPU_FLAGS if flag in flags) or "none of " + " ".join(CPU_FLAGS)
    return f"{num_cores} cores, {platform.machine()}, {told}"


def gpu() -> Check:
    """What nvidia-smi says, if there is one. Only Voxtral is much better on one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Check("gpu", "ok", "none seen; none is needed")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("gpu", "missing", f"nvidia-smi fails: {error}", "mend the driver, if a GPU is to be used")
    return Check("gpu", "ok", "; ".join(done.stdout.split("\n")).strip("; "))


def microphones() -> Check:
    """Whether one can be heard."""
    try:
        devices = list_devices()
    except VoxtideError as error:
        return Check("microphone", "missing", "not available", str(error))
    if not devices:
        return Check("microphone", "missing", "none found", "plug one in; files, addresses and stdin work without")
    return Check("microphone", "ok", f"{len(devices)} found; voxtide devices lists them")


def extras() -> Iterator[Check]:
    """Which optional parts are installed, as the package's own metadata names them."""
    for extra, packages in _extra_packages().items():
        missing = [package for package in packages if not _is_installed(package)]
        if missing:
            yield Check(f"[{extra}]", "missing", f"without {', '.join(missing)}", _remedy(extra))
        else:
            yield Check(f"[{extra}]", "ok", ", ".join(packages))


def engines() -> Iterator[Check]:
    """Every engine there is to choose from. One that has an extra of its name needs what that installs."""
    packages = _extra_packages()
    for name, entry in ENGINES.items():
        is_installed = all(map(_is_installed, packages.get(name, ())))
        found = f"{name}: {entry.description}"
        yield Check("engine", "ok", found) if is_installed else Check("engine", "missing", found, _remedy(name))


def cache(models_dir: Path) -> Check:
    """Whether models can be put where they belong. A full cache may well be read-only."""
    existing = next(path for path in (models_dir, *models_dir.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    found = f"{models_dir}, {free_bytes / 1e9:.1f} GB free"
    if not os.access(existing, os.W_OK):
        remedy = "set VOXTIDE_MODELS to a directory that can be written, to pull models"
        return Check("cache", "missing", f"{models_dir} cannot be written", remedy)
    if free_bytes < LOW_SPACE_BYTES:
        return Check("cache", "missing", found, "make room, or set VOXTIDE_MODELS to another disk, to pull models")
    return Check("cache", "ok", found)


def models(settings: Settings) -> Iterator[Check]:
    """Each model's state in the cache."""
    for status in ModelStore.from_settings(settings).list():
        is_ready = status.state is ModelState.READY
        force = " --force" if status.state is ModelState.CORRUPT else ""
        remedy = None if is_ready else f"voxtide models pull {status.model.name}{force}"
        yield Check("model", "ok" if is_ready else "missing", f"{status.model.name}: {status.state}", remedy)


def one_engine(settings: Settings, name: str, model: str | None, options: Mapping[str, EngineOption]) -> Check:
    """Load an engine, without the network, and let it transcribe real speech."""
    try:
        store = ModelStore.from_settings(replace(settings, is_offline=True))
        text, audio_s, wall_s = try_engine(lambda: api.open_engine(name, model=model, store=store, options=options))
    except VoxtideError as error:
        return Check("engine", "bad", f"{name} cannot run", str(error))
    except Exception as error:  # whatever it is, the patient wants to hear of it with all the rest
        return Check("engine", "bad", f"{name} cannot run: unexpected {type(error).__name__}: {error}")
    if not text:
        return Check("engine", "bad", f"{name} runs, but hears nothing in {SAMPLE}", "voxtide models verify")
    return Check("engine", "ok", f"{name} transcribed {audio_s:.0f} s of speech in {wall_s:.1f} s")


def try_engine(load: Callable[[], Engine]) -> tuple[str, float, float]:
    """The sample's text, its length, and the time it took once the engine was loaded; both in seconds."""

    async def run() -> tuple[str, float, float]:
        with as_file(files("voxtide") / "data" / SAMPLE) as path:
            async with load() as engine:
                started_at_s = time.monotonic()
                transcript = await api.transcribe_async(path, engine)
                return transcript.text, transcript.audio_s, time.monotonic() - started_at_s

    return asyncio.run(run())


def _extra_packages() -> dict[str, list[str]]:
    """The packages of each extra."""
    wanted: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires("voxtide") or ():
        found = re.match(r"([\w.-]+).*extra\s*==\s*['\"]([\w-]+)", requirement)
        if found:
            wanted.setdefault(found[2], []).append(found[1])
    return wanted


def _remedy(extra: str) -> str:
    return f"pip install 'voxtide[{extra}]', if you want it"


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def voxtral(settings: Settings, model: str | None, options: Mapping[str, EngineOption]) -> Iterator[Check]:
    """Whether it could run here, told so, and for how many streams at once."""
    name = model or DEFAULT_MODEL
    try:
        directory: Path | None = Path(name) if Path(name).is_dir() else ModelStore.from_settings(settings).path(name)
        yield Check("engine", "ok", f"voxtral: the model is in {directory}")
    except ModelMissingError as error:
        directory = None
        yield Check("engine", "bad", f"voxtral: model {name!r} is not here", str(error))
    except VoxtideError as error:
        yield Check("engine", "bad", f"voxtral: model {name!r} cannot be used", str(error))
        return
    try:
        yield from _streams(survey(directory, **options))  # type: ignore[arg-type]  # the engine's own; checked there
    except VoxtideError as error:
        yield Check("streams", "bad", "voxtral cannot run here", str(error))


def _streams(found: Survey) -> Iterator[Check]:
    weights = f"weights {found.weights} take {_gib(found.weights_bytes)} of {_gib(found.free_bytes)} free"
    yield Check("device", "ok", f"{found.device}; {weights}")
    if not any(fit.num_streams for fit in found.fits):
        yield Check("streams", "bad", "no stream fits", "free memory, or take another device or smaller weights")
    for fit in found.fits:
        minutes = fit.window * TOKEN_MS / 60_000
        each = f"{fit.stream_bytes / 2**20:.0f} MiB each"
        yield Check("streams", "ok", f"{fit.num_streams} fit at a window of {fit.window} ({minutes:.1f} min): {each}")


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `bad` keeps the engine that was asked for from running; `missing` only something else."""

    name: str
    state: Literal["ok", "missing", "bad"]
    found: str
    remedy: str | None = None
