"""Models given as a directory. In: a path from the user. Out: an error that names missing files; a public name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voxtide.errors import ModelCorruptError


def require_files(directory: Path, names: Iterable[str], *, kind: str) -> None:
    """Check that a directory has all files of a model of this `kind`.

    Raises:
        ModelCorruptError: Names the missing files.
    """
    if missing := [name for name in names if not (directory / name).is_file()]:
        raise ModelCorruptError(
            f"{directory} holds no {kind}: it has no {', '.join(missing)}; give a directory that has them, or the "
            "name of a model from `voxtide models list`"
        )


def model_name(model: str) -> str:
    """A model's name for clients: of a directory its last part, so that no path leaks."""
    return Path(model).resolve().name
