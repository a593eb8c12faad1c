"""One source's result. In: text as it becomes final, or a whole document. Out: a file, or text in a stream.

Knows no formats, and no other source.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from voxtide.cli.transcribe.partial import PartialFile
from voxtide.errors import ConfigError, VoxtideError

DocumentFormat: TypeAlias = Literal["txt", "srt", "vtt", "json", "jsonl"]

APPENDABLE: frozenset[DocumentFormat] = frozenset({"txt", "jsonl"})
"""Formats that can be appended to: in the others, subtitle times would restart, or the file is one JSON object."""

_REMEDY = "name another file, or leave out --output: the text goes to stdout"


class TextSink(Protocol):
    """The part of a text file that is used here."""

    def write(self, text: str, /) -> object:
        """Append `text`; may be buffered."""

    def flush(self) -> None:
        """Write what is buffered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What happens to a file that exists: `--append`, `--force`, or neither."""

    is_appended: bool = False
    is_forced: bool = False


class Result(Protocol):
    """One source's text, either grown while it becomes final, or finished with a whole document."""

    def grow(self, fixed: str, end: str) -> None:
        """Append `fixed`, and replace the previous `end`; where text cannot be replaced, `end` waits."""

    def finish(self, document: str | None) -> None:
        """End with a whole document; None: with what was grown."""

    def begin_live(self) -> str | None:
        """Note that a live source follows: refuse to replace an existing text. Returns a note about the file, if any.

        Raises:
            ConfigError: The file exists, and neither --append nor --force was given.
        """


class StreamResult:
    """A result in a stream of text, where nothing can be replaced: stdout, a pipe, a device."""

    def __init__(self, file: TextSink, begin: Callable[[], str], *, can_grow: bool) -> None:
        """`begin` is called before the first text. Without `can_grow`, only whole documents are written."""
        self._file = file
        self._begin: Callable[[], str] | None = begin
        self._can_grow = can_grow
        self._end: str | None = None  # of the grown text

    def grow(self, fixed: str, end: str) -> None:
        if self._can_grow:
            self._end = end
            if fixed:
                self._write(fixed)

    def finish(self, document: str | None) -> None:
        if self._end is not None:
            self.close()
        elif document is not None:
            self._write(document)

    def begin_live(self) -> None:
        return None  # nothing is replaced

    def close(self) -> None:
        """Write the end of the grown text. Idempotent."""
        end, self._end = self._end, None
        if end:
            self._write(end)

    def _write(self, text: str) -> None:
        begin, self._begin = self._begin, None
        self._file.write((begin() if begin else "") + text)
        self._file.flush()


class FileResult:
    """A result in a file, by way of its partial file."""

    def __init__(self, path: Path, partial: PartialFile, existing: Existing, doc_format: DocumentFormat) -> None:
        self._path = path
        self._partial = partial
        self._existing = existing
        self._format = doc_format

    def grow(self, fixed: str, end: str) -> None:
        self._partial.grow(fixed, end)

    def finish(self, document: str | None) -> None:
        self._partial.finish(document)

    def begin_live(self) -> str:
        _protect(self._path, self._format, self._existing)
        return f"final text is saved in {self._partial.path}, which becomes {self._path.name} at the end"

    def close(self) -> None:
        """Keep the grown text, if any."""
        self._partial.close()


def open_result(
    path: Path, doc_format: DocumentFormat, existing: Existing, *, is_live: bool = False
) -> FileResult | SpecialFile:
    """The result at `path`; a device or a pipe of this process is written directly, since a rename would replace it.

    Raises:
        ConfigError: It cannot be written; for a live source also: it must not be replaced.
    """
    with naming_option(path):
        _check_kind(path)
        if path.exists() and not path.is_file() and not path.is_dir():
            return SpecialFile(path, doc_format)
        target = path.resolve()  # keeps a link and replaces its target
        if target.is_dir():
            raise ConfigError(f"--output {path} is a directory; for files in it, write {path}{os.sep}")
        if not target.parent.is_dir():
            raise ConfigError(f"cannot write --output {path}: there is no directory {target.parent}")
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if is_live:
            _protect(target, doc_format, existing)
        note = None if existing.is_appended or existing.is_forced else f"replaced {path}"
        partial = PartialFile(target, doc_format, is_appending=existing.is_appended, replaced_note=note)
        return FileResult(target, partial, existing, doc_format)


def _check_kind(path: Path) -> None:
    """Refuse what would block until it has a reader, destroy a disk, or replace what the shell has opened as stdout."""
    if not path.exists():
        return
    found = path.stat()
    if stat.S_ISREG(found.st_mode) and _is_stdout(found):
        raise ConfigError(f"--output {path} is the file that stdout goes to; {_REMEDY}")
    is_pipe = stat.S_ISFIFO(found.st_mode) and path.resolve().exists()  # that of a descriptor is nowhere else
    if is_pipe or stat.S_ISSOCK(found.st_mode) or stat.S_ISBLK(found.st_mode):
        raise ConfigError(f"--output {path} is no regular file; {_REMEDY}")


def _is_stdout(found: os.stat_result) -> bool:
    with suppress(OSError):  # stdout is closed
        return os.path.samestat(found, os.fstat(1))
    return False


def _protect(path: Path, doc_format: DocumentFormat, existing: Existing) -> None:
    if existing.is_appended or existing.is_forced or not path.exists() or not path.stat().st_size:
        return
    append = "--append adds to it, " if doc_format in APPENDABLE else ""
    raise ConfigError(f"--output {path} exists; {append}--force replaces it; or name another file")


class SpecialFile(StreamResult):
    """A result in a device or a pipe."""

    def __init__(self, path: Path, doc_format: DocumentFormat) -> None:
        self._path = path
        self._open_file = path.open("w", encoding="utf-8", errors="replace")  # as in a partial file
        super().__init__(self._open_file, lambda: "", can_grow=doc_format != "json")

    def close(self) -> None:
        with suppress(OSError):  # flushes again on a full disk; `_write` has reported it
            super().close()
            self._open_file.close()

    def _write(self, text: str) -> None:
        try:
            super()._write(text)
        except OSError as error:
            raise VoxtideError(f"cannot write {self._path}: {error.strerror}") from error


@contextmanager
def naming_option(path: Path) -> Iterator[None]:
    """Add the option and the path to an OSError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write --output {path}: {error.strerror}") from error
