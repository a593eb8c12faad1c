"""Whether a directory can be a model. In: the directory, and the files it must hold. Out: nothing, or what it lacks."""

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
