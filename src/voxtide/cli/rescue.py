"""Files for text that would be lost: stdout has no reader, or the directory of the output was deleted.

A lone surrogate is written as '?', so that it does not cost the rest of the text.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO


def rescue(text: str, suffix: str) -> Path:
    """Write `text` to a new file, whole or not at all."""
    file = new_rescue_file(suffix)
    path = Path(file.name)
    try:
        with file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def new_rescue_file(suffix: str) -> TextIO:
    """A new file in the current directory or, if that cannot be written, in the one for temporary files."""
    name = f"voxtide-{datetime.now():%Y%m%d-%H%M%S}{suffix}"
    with suppress(OSError):
        return _new_file(Path.cwd() / name)
    return _new_file(Path(tempfile.gettempdir()) / name)


def _new_file(path: Path) -> TextIO:
    return free_path(path).open("x", encoding="utf-8", errors="replace")


def free_path(path: Path) -> Path:
    """`path`, or with a number in its name if it exists."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
