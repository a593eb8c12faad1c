"""Destinations of results. In: a source and its text. Out: stdout, one file, or a directory with a file per source.

Files are written atomically: to a temporary file beside the target, then renamed. Whether that can work is checked
before anything is transcribed.
"""

from __future__ import annotations

import errno
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Literal, Self, TextIO, TypeAlias
from urllib.parse import urlsplit

from voxtide.cli.failures import printable
from voxtide.errors import ConfigError, VoxtideError

DocumentFormat: TypeAlias = Literal["txt", "srt", "vtt", "json", "jsonl"]

STDOUT = "-"
"""The value of `--output` that means standard output."""

SUFFIXES: dict[str, DocumentFormat] = {".txt": "txt", ".srt": "srt", ".vtt": "vtt", ".json": "json", ".jsonl": "jsonl"}


class Destination(ABC):
    """Takes the results of all sources. Use it in `with`; call `open` once for each source."""

    @abstractmethod
    def open(self, source: str) -> AbstractContextManager[TextIO]:
        """A file for one source's text. If the body raises, nothing is kept on disk."""

    @abstractmethod
    def close(self) -> None:
        """End the output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_destination(output: str | None, doc_format: DocumentFormat, sources: Sequence[str]) -> Destination:
    """The destination that `--output` names, or stdout.

    Raises:
        ConfigError: It is not writable or is one of the sources, or the format cannot hold several results.
    """
    num_sources = len(sources)
    if output is None or output == STDOUT:
        if num_sources > 1 and doc_format in {"srt", "vtt"}:
            raise ConfigError(f"{num_sources} sources cannot share one {doc_format}; name a directory with --output")
        return Stdout(doc_format if num_sources > 1 else None)
    path = Path(output).expanduser()
    if num_sources > 1 or output.endswith(("/", os.sep)):
        return Directory(path, doc_format)
    if any(_is_same_file(path, source) for source in sources):
        raise ConfigError(f"--output {path} is the source itself and would overwrite it; name another file")
    return File(path)


def _is_same_file(path: Path, source: str) -> bool:
    with suppress(OSError, ValueError):  # not a file, or not a valid path
        return path.is_file() and path.samefile(source)
    return False


class Stdout(Destination):
    """Standard output. Several results are separated: txt by headers, json as one array; others need no separator."""

    def __init__(self, separated: DocumentFormat | None) -> None:
        self._separated = separated
        self._num_opened = 0

    @contextmanager
    def open(self, source: str) -> Iterator[TextIO]:
        self._num_opened += 1
        is_first = self._num_opened == 1
        if self._separated == "txt":
            gap = "" if is_first else "\n"
            sys.stdout.write(f"{gap}==> {printable(source)} <==\n")
        elif self._separated == "json":
            sys.stdout.write("[\n" if is_first else ",\n")
        yield sys.stdout
        sys.stdout.flush()

    def close(self) -> None:
        if self._separated == "json":
            sys.stdout.write("]\n" if self._num_opened else "[]\n")
            sys.stdout.flush()


class File(Destination):
    """One file for one source. Opening it at once proves that it is writable."""

    def __init__(self, path: Path) -> None:
        self._part = Part(path)

    @contextmanager
    def open(self, source: str) -> Iterator[TextIO]:
        with self._part.filled() as file:
            yield file

    def close(self) -> None:
        self._part.discard()


class Directory(Destination):
    """A file for each source, named after it; sources of the same name are numbered."""

    def __init__(self, path: Path, doc_format: DocumentFormat) -> None:
        self._path = path
        self._format = doc_format
        self._names: set[str] = set()
        with _naming_option(path):
            path.mkdir(parents=True, exist_ok=True)
        Part(path / "voxtide").discard()

    @contextmanager
    def open(self, source: str) -> Iterator[TextIO]:
        part = Part(self._path / self._new_name(source))
        try:
            with part.filled() as file:
                yield file
        finally:
            part.discard()

    def close(self) -> None:
        pass  # no file is open between two sources

    def _new_name(self, source: str) -> str:
        stem = stem_of(source)
        name, number = f"{stem}.{self._format}", 1
        while name.lower() in self._names:  # some file systems ignore case
            number += 1
            name = f"{stem}-{number}.{self._format}"
        self._names.add(name.lower())
        return name


class Part:
    """A temporary file beside its target. `filled` renames it, once; `discard` removes it if it was not renamed."""

    def __init__(self, path: Path) -> None:
        with _naming_option(path):
            # Devices and pipes are written directly: a rename would replace them.
            is_special = path.exists() and not path.is_file() and not path.is_dir()
            self._target = path if is_special else path.resolve()  # keeps a link and replaces its target
            if self._target.is_dir():
                raise ConfigError(f"--output {path} is a directory; for files in it, write {path}{os.sep}")
            if not self._target.parent.is_dir():
                raise ConfigError(f"cannot write --output {path}: there is no directory {self._target.parent}")
            if self._target.exists() and not os.access(self._target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._temporary = self._target if is_special else self._target.parent / f".voxtide-{os.getpid()}.part"
            self._file: TextIO = self._temporary.open("w", encoding="utf-8")

    @contextmanager
    def filled(self) -> Iterator[TextIO]:
        """The file to write in the body; afterwards it is renamed to its target."""
        try:
            yield self._file
            self._file.close()
            if self._temporary != self._target:
                self._temporary.replace(self._target)
        except OSError as error:
            raise VoxtideError(f"cannot write {self._target}: {error.strerror}") from error

    def discard(self) -> None:
        """Remove the temporary file."""
        with suppress(OSError):  # flushes again on a full disk; `filled` has reported it
            self._file.close()
        if self._temporary != self._target:
            self._temporary.unlink(missing_ok=True)


@contextmanager
def _naming_option(path: Path) -> Iterator[None]:
    """Add the option and the path to an OSError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write --output {path}: {error.strerror}") from error


def stem_of(source: str) -> str:
    """A file name for a source's result, without suffix."""
    if source == "-":
        return "stdin"
    if "://" in source:
        address = urlsplit(source)
        return PurePosixPath(address.path).stem or address.hostname or "stream"
    return Path(source).stem or "audio"
