"""How many sessions this machine carries. In: what a calibration found. Out: a note in a file, read at a next start."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from voxtide.cli.serve_request import ServeRequest
from voxtide.config import Settings

_log = logging.getLogger("voxtide.cli")

SESSIONS_PER_CORE = 4
"""Where nothing was measured: two thirds of what the default engine carried on two slow cores (docs/bench.md)."""


def default_capacity() -> int:
    """A number for a machine that was not calibrated."""
    return SESSIONS_PER_CORE * (os.cpu_count() or 1)


def calibrated(settings: Settings, request: ServeRequest) -> int | None:
    """What was found for this engine, told the same, and threads on a machine of as many cores; None if nothing."""
    found = _load(_path(settings)).get(_name(request))
    return found if isinstance(found, int) and found > 0 else None


def remember(settings: Settings, request: ServeRequest, num_carried: int) -> Path:
    """Note what was found. Returns the file."""
    path = _path(settings)
    known = _load(path) | {_name(request): num_carried}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
    return path


def _name(request: ServeRequest) -> str:
    threads = "own" if request.threads is None else request.threads
    own = "".join(f" {option}={value}" for option, value in sorted(request.engine_options.items()))
    return f"{request.engine} {request.model or 'default'} threads={threads} cores={os.cpu_count()}{own}"


def _path(settings: Settings) -> Path:
    return settings.models_dir.parent / "capacity.json"


def _load(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read (%s); calibrate again", path, error)
        return {}
    return known if isinstance(known, dict) else {}
