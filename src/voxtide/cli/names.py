"""Names of files. In: the parts of a name. Out: a name no longer than the file system takes. Writes nothing.

A stem that is too long is cut, and a digest of the whole name follows: the same name for the same file, always.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

MAX_NAME_BYTES = 255
"""Longest name in most file systems (ext4, APFS, NTFS), where the system does not state it."""

_MAX_SUFFIX_BYTES = 32
"""What follows the last dot of a name is part of its stem if it is longer."""

_NUMBER_BYTES = 8
"""Room for the number of a name that is in use, such as `-2`."""

_NUM_DIGEST_CHARS = 8
"""32 bits: enough for the few files of one directory that begin alike."""


def beside(target: Path, mark: str) -> Path:
    """The path of a file for `target` with `mark` in its name, as `notes.MARK.txt` for `notes.txt`."""
    has_suffix = len(os.fsencode(target.suffix)) <= _MAX_SUFFIX_BYTES
    stem, suffix = (target.stem, target.suffix) if has_suffix else (target.name, "")
    return target.with_name(_fitted(stem, f".{mark}{suffix}", _max_name_bytes(target.parent) - _NUMBER_BYTES))


def hidden_beside(target: Path, mark: str) -> Path:
    """The path of a hidden file for `target` with `mark` in its name, as `.notes.txt.MARK` for `notes.txt`."""
    return target.with_name(_fitted(f".{target.name}", f".{mark}", _max_name_bytes(target.parent)))


def fitted_name(directory: Path, stem: str, end: str) -> str:
    """The name `stem` + `end` of a file in `directory`, its stem cut if it is too long."""
    return _fitted(stem, end, _max_name_bytes(directory))


def _fitted(stem: str, end: str, max_bytes: int) -> str:
    name = stem + end
    if len(os.fsencode(name)) <= max_bytes:
        return name
    end = f"~{sha256(os.fsencode(name)).hexdigest()[:_NUM_DIGEST_CHARS]}{end}"
    while stem and len(os.fsencode(stem + end)) > max_bytes:
        stem = stem[:-1]  # a character, of up to four bytes
    return stem + end


def _max_name_bytes(directory: Path) -> int:
    """Bytes of UTF-8; file systems that count units of UTF-16 take no less."""
    stated = 0
    if hasattr(os, "pathconf"):
        with suppress(OSError, ValueError):
            stated = os.pathconf(directory, "PC_NAME_MAX")
    return stated if stated > 0 else MAX_NAME_BYTES  # file systems in user space may state 0; -1 is "no limit"
