"""The words of `--vocabulary`. In: the option's values: words, or files of them. Out: words. Knows no engine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from voxtide.errors import ConfigError

SUFFIXES = (".txt", ".text", ".csv", ".tsv")
"""A value that ends in one of these is a file, whether it exists or not: a wrong name must not become a word."""
MAX_FILE_BYTES = 1024 * 1024
"""Far more words than any engine can use; a larger file is not a vocabulary."""


def read_vocabulary(values: Iterable[str]) -> tuple[str, ...]:
    """The words and phrases of all values, in order.

    A value that names an existing file, ends in one of `SUFFIXES`, or is a path in an existing directory is a file with
    one word or phrase per line; empty lines and those that begin with # are skipped. Any other value is a word. ~ is
    expanded: a shell leaves it alone after `--vocabulary=`.

    Raises:
        ConfigError: A file cannot be read, is too large, or holds no word.
    """
    return tuple(word for value in values for word in _words(value))


def _words(value: str) -> Iterator[str]:
    if not value.lower().endswith(SUFFIXES) and not _is_path(value):
        yield value
        return
    lines = [line.strip() for line in _read(_path(value)).splitlines()]
    words = [line for line in lines if line and not line.startswith("#")]
    if not words:
        raise ConfigError(f"the vocabulary {value} holds no word; write one word or phrase on each line")
    yield from words


def _is_path(value: str) -> bool:
    """Whether it is an existing file or begins as a path. "and/or" is a word, unless there is a directory "and"."""
    try:
        path = _path(value)
        return path.is_file() or value.startswith(("./", "../", "~/")) or ("/" in value and path.parent.is_dir())
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return False


def _path(value: str) -> Path:
    return Path(os.path.expanduser(value))  # keeps a name that is no user's


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")  # Windows editors write a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"the vocabulary {path} cannot be read: {reason}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"the vocabulary {path} is larger than {MAX_FILE_BYTES // 1024} KiB; list fewer words")
    return text
