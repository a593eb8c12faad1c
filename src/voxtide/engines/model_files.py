"""A model that is a directory. In: what a user names. Out: which of a model's files it lacks, what to call it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voxtide.errors import ModelCorruptError


def require_files(directory: Path, names: Iterable[str], *, kind: str) -> None:
    """Look for the files that make a model of a `kind`.

    Raises:
        ModelCorruptError: Some are not there; names them.
    """
    if missing := [name for name in names if not (directory / name).is_file()]:
        raise ModelCorruptError(
            f"{directory} holds no {kind}: it has no {', '.join(missing)}; give a directory that holds them, or the "
            "name of a model that `voxtide models list` shows"
        )


def model_name(model: str) -> str:
    """A model's name as it may be told to clients elsewhere: a directory's own, without the way to it."""
    return Path(model).resolve().name
