"""The command `doctor`. In: this machine. Out: whether the engine can run, what works and how to fix the rest."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from voxtide.engines.registry import ENGINES, EngineOption, engine_for
from voxtide.engines.voxtral.loading import DEFAULT_MODEL
from voxtide.engines.voxtral.memory_plan import Survey, survey
from voxtide.errors import MissingExtraError, ModelMissingError, VoxtideError, install_command
from voxtide.models import ModelState, ModelStore
from voxtide.voxtral.config import TOKEN_MS

SAMPLE = "beckett.wav"
"""The recording that the engine transcribes: ten seconds of speech."""

VOXTRAL = "voxtral"
"""The engine that is not loaded for the check: loading takes the memory that the check measures."""

CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni")
"""Instructions that speed up 8-bit models, as Linux names them."""

NVIDIA_SMI_S = 10.0
"""Timeout of nvidia-smi, which can block in a broken driver."""

LOW_SPACE_BYTES = 1 << 30
"""Free space below which the cache may be too small for a model."""


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `bad` keeps the requested engine from running; `missing` does not.

    `is_absent`: it is merely not installed, so only `--all` lists it.
    """

    name: str
    state: Literal["ok", "missing", "bad"]
    found: str
    remedy: str | None = None
    is_absent: bool = False


def doctor(
    *,
    is_json: bool,
    is_complete: bool = False,
    engine: str | None = None,
    model: str | None = None,
    options: Mapping[str, EngineOption] = NO_OPTIONS,
) -> Exit:
    """Run all checks and print them, the verdict first. The exit code is DONE if the engine can run, else FAILED."""
    engine = engine_for(engine or api.DEFAULT_ENGINE, model=model)
    checks = list(examine(engine, model, options))
    can_run = not any(check.state == "bad" for check in checks)
    if is_json:
        fields = ("name", "state", "found", "remedy")
        report = {"can_run": can_run, "checks": [{name: getattr(check, name) for name in fields} for check in checks]}
        typer.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_report_lines(engine, checks, is_complete=is_complete)))
    return Exit.DONE if can_run else Exit.FAILED


def _report_lines(engine: str, checks: Sequence[Check], *, is_complete: bool) -> Iterator[str]:
    problems = [check for check in checks if check.state == "bad"]
    if problems:
        yield f"voxtide cannot transcribe here with {engine}: {problems[0].remedy or problems[0].found}"
    else:
        yield f"voxtide can transcribe here with {engine}."
    absent = [check for check in checks if check.is_absent]
    for check in checks:
        if check.is_absent and not is_complete:
            continue
        yield f"{check.state:<8} {check.name:<12} {check.found}"
        if check.remedy:
            yield f"{'':<8} {'':<12} -> {check.remedy}"
    if absent and not is_complete:
        yield f"Not installed: {len(absent)} more; voxtide doctor --all lists them."


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
    """Usable cores, and the fast instructions if the system lists them."""
    usable = getattr(os, "sched_getaffinity", None)
    num_cores = len(usable(0)) if usable else os.cpu_count() or 1
    try:
        found = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return f"{num_cores} cores, {platform.machine()}"
    flags = set(found[1].split()) if found else set()
    listed = " ".join(flag for flag in CPU_FLAGS if flag in flags) or "none of " + " ".join(CPU_FLAGS)
    return f"{num_cores} cores, {platform.machine()}, {listed}"


def gpu() -> Check:
    """The GPUs that nvidia-smi lists. Only Voxtral gains much from one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return Check("gpu", "ok", "no NVIDIA GPU found; none is needed")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("gpu", "missing", f"nvidia-smi fails: {error}", "fix the driver to use the GPU")
    return Check("gpu", "ok", "; ".join(done.stdout.split("\n")).strip("; "))


def microphones() -> Check:
    """Whether there is a microphone."""
    try:
        devices = list_devices()
    except VoxtideError as error:
        is_absent = isinstance(error, MissingExtraError)
        return Check("microphone", "missing", "not available", str(error), is_absent=is_absent)
    if not devices:
        return Check("microphone", "missing", "none found", "connect one; files, URLs and stdin work without")
    return Check("microphone", "ok", f"{len(devices)} found; voxtide devices lists them")


def extras() -> Iterator[Check]:
    """Which extras are installed, by the package's own metadata."""
    for extra, packages in _extra_packages().items():
        missing = [package for package in packages if not _is_installed(package)]
        if missing:
            yield Check(f"[{extra}]", "missing", f"without {', '.join(missing)}", _remedy(extra), is_absent=True)
        else:
            yield Check(f"[{extra}]", "ok", ", ".join(packages))


def engines() -> Iterator[Check]:
    """Every engine. One with an extra of the same name needs that extra's packages."""
    packages = _extra_packages()
    for name, entry in ENGINES.items():
        found = f"{name}: {entry.description}"
        if all(map(_is_installed, packages.get(name, ()))):
            yield Check("engine", "ok", found)
        else:
            yield Check("engine", "missing", found, _remedy(name), is_absent=True)


def cache(models_dir: Path) -> Check:
    """Whether models can be pulled into the cache. A complete cache may be read-only."""
    existing = next(path for path in (models_dir, *models_dir.parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    found = f"{models_dir}, {free_bytes / 1e9:.1f} GB free"
    if not os.access(existing, os.W_OK):
        remedy = "to pull models, set VOXTIDE_MODELS to a writable directory"
        return Check("cache", "missing", f"{models_dir} is not writable", remedy)
    if free_bytes < LOW_SPACE_BYTES:
        return Check("cache", "missing", found, "to pull models, free space or set VOXTIDE_MODELS to another disk")
    return Check("cache", "ok", found)


def models(settings: Settings) -> Iterator[Check]:
    """Each model's state in the cache."""
    for status in ModelStore.from_settings(settings).list():
        name, state = status.model.name, status.state
        if state is ModelState.READY:
            yield Check("model", "ok", f"{name}: {state}")
            continue
        force = " --force" if state is ModelState.CORRUPT else ""
        remedy = f"voxtide models pull {name}{force}"
        yield Check("model", "missing", f"{name}: {state}", remedy, is_absent=state is ModelState.ABSENT)


def one_engine(settings: Settings, name: str, model: str | None, options: Mapping[str, EngineOption]) -> Check:
    """Load an engine, without the network, and transcribe real speech."""
    try:
        store = ModelStore.from_settings(replace(settings, is_offline=True))
        text, audio_s, wall_s = try_engine(lambda: api.open_engine(name, model=model, store=store, options=options))
    except VoxtideError as error:
        return Check("engine", "bad", f"{name} cannot run", str(error))
    except Exception as error:  # the report must show any failure
        return Check("engine", "bad", f"{name} cannot run: unexpected {type(error).__name__}: {error}")
    if not text:
        return Check("engine", "bad", f"{name} runs, but finds no text in {SAMPLE}", "voxtide models verify")
    return Check("engine", "ok", f"{name} transcribed {audio_s:.0f} s of speech in {wall_s:.1f} s")


def try_engine(load: Callable[[], Engine]) -> tuple[str, float, float]:
    """Transcribe the sample: its text, its length [s], and the time taken once the engine was loaded [s]."""

    async def run() -> tuple[str, float, float]:
        with as_file(files("voxtide") / "data" / SAMPLE) as path:
            async with load() as engine:
                started_at_s = time.monotonic()
                transcript = await api.transcribe_async(path, engine)
                return transcript.text, transcript.audio_s, time.monotonic() - started_at_s

    return asyncio.run(run())


def voxtral(settings: Settings, model: str | None, options: Mapping[str, EngineOption]) -> Iterator[Check]:
    """Whether Voxtral can run here with these options, and how many streams fit."""
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
        yield Check("streams", "bad", "no stream fits", "free memory, or choose another device or smaller weights")
    for fit in found.fits:
        minutes = fit.window * TOKEN_MS / 60_000
        each = f"{fit.stream_bytes / 2**20:.0f} MiB each"
        yield Check("streams", "ok", f"{fit.num_streams} fit at a window of {fit.window} ({minutes:.1f} min): {each}")


def _extra_packages() -> dict[str, list[str]]:
    """The packages of each extra."""
    packages: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires("voxtide") or ():
        found = re.match(r"([\w.-]+).*extra\s*==\s*['\"]([\w-]+)", requirement)
        if found:
            packages.setdefault(found[2], []).append(found[1])
    return packages


def _remedy(extra: str) -> str:
    return f"{install_command(extra)}  (if you want it)"


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
