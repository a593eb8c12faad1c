"""Writes a file by one rename. In: a path, new content. Out: the file, whole whenever it is read. Knows no format."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file, new or over an existing one. A process that is killed leaves the older one, or the new one.

    What is no regular file, such as a pipe or /dev/stdout, is written to. A link stays one, and a file keeps its
    permissions; one that is read-only is not replaced.

    Raises:
        OSError: The file cannot be written; it has its path.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if path.exists() and not is_writable(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            _rename_over(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_writable(path: Path) -> bool:
    """Whether `replace_file` is permitted to write a file."""
    home = Path(os.path.realpath(path))
    is_special = path.exists() and not path.is_file()
    needed = [] if is_special else [home.parent]
    return all(os.access(it, os.W_OK) for it in (*needed, *([path] if path.exists() else [])))


def _rename_over(path: Path, data: bytes) -> None:
    partial = path.with_name(f".voxtide-{os.getpid()}.partial")  # processes may write the same file
    try:
        partial.write_bytes(data)
        if path.exists():
            shutil.copymode(path, partial)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
