"""Files for text that would be lost: stdout has no reader or no space, or the directory of the output was deleted.

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
    with new_rescue_file(suffix, text) as file:
        return Path(file.name)


def new_rescue_file(suffix: str, start: str) -> TextIO:
    """A new file that begins with `start`, in the current directory or, if that takes none, in that of temporary files.

    Raises:
        OSError: Neither can be written.
    """
    name = f"voxtide-{datetime.now():%Y%m%d-%H%M%S}{suffix}"
    with suppress(OSError):
        return _new_file(Path.cwd() / name, start)
    return _new_file(Path(tempfile.gettempdir()) / name, start)


def _new_file(path: Path, start: str) -> TextIO:
    path = free_path(path)
    file = path.open("x", encoding="utf-8", errors="replace")
    try:
        file.write(start)
        file.flush()
    except OSError:  # the disk is full
        path.unlink(missing_ok=True)
        with suppress(OSError):
            file.close()
        raise
    return file


def free_path(path: Path) -> Path:
    """`path`, or with a number in its name if it exists."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found
