"""Where results go. In: a source and its text. Out: stdout, one file, or a file for each source in a directory.

A file appears whole or not at all: its text is written beside it and put in place by one rename. Whether that can work
is found out before anything is transcribed.
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

from voxtide.errors import ConfigError, VoxtideError

DocumentFormat: TypeAlias = Literal["txt", "srt", "vtt", "json", "jsonl"]

STDOUT = "-"
"""What `--output` says for standard output."""

SUFFIXES: dict[str, DocumentFormat] = {".txt": "txt", ".srt": "srt", ".vtt": "vtt", ".json": "json", ".jsonl": "jsonl"}


class Destination(ABC):
    """A place for the results of all sources. Use it in `with`; call `open` once for each source."""

    @abstractmethod
    def open(self, source: str) -> AbstractContextManager[TextIO]:
        """A file for one source's text. If the body raises, a file on disk is dropped."""

    @abstractmethod
    def close(self) -> None:
        """Say that nothing more comes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_destination(output: str | None, doc_format: DocumentFormat, sources: Sequence[str]) -> Destination:
    """The place `--output` names, or stdout.

    Raises:
        ConfigError: Nothing can be written there, it is one of the sources, or the format cannot hold several results
            in one place.
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
        raise ConfigError(f"--output {path} is the source itself, which would be lost; name another file")
    return File(path)


def _is_same_file(path: Path, source: str) -> bool:
    with suppress(OSError, ValueError):  # one of them is no file, or no name of one
        return path.is_file() and path.samefile(source)
    return False


class Stdout(Destination):
    """Standard output. Several results are kept apart: txt by headers, json as one array; the others by themselves."""

    def __init__(self, separated: DocumentFormat | None) -> None:
        self._separated = separated
        self._num_opened = 0

    @contextmanager
    def open(self, source: str) -> Iterator[TextIO]:
        self._num_opened += 1
        is_first = self._num_opened == 1
        if self._separated == "txt":
            gap = "" if is_first else "\n"
            sys.stdout.write(f"{gap}==> {source} <==\n")
        elif self._separated == "json":
            sys.stdout.write("[\n" if is_first else ",\n")
        yield sys.stdout
        sys.stdout.flush()

    def close(self) -> None:
        if self._separated == "json":
            sys.stdout.write("]\n" if self._num_opened else "[]\n")
            sys.stdout.flush()


class File(Destination):
    """One file for the one source. It is begun at once, which proves that it can be."""

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
        with _naming(path):
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
        pass  # nothing is open between two sources

    def _new_name(self, source: str) -> str:
        stem = stem_of(source)
        name, number = f"{stem}.{self._format}", 1
        while name.lower() in self._names:  # some file systems do not tell case apart
            number += 1
            name = f"{stem}-{number}.{self._format}"
        self._names.add(name.lower())
        return name


class Part:
    """A file being written beside its place. `filled` puts it there, once; `discard` forgets what is not there."""

    def __init__(self, path: Path) -> None:
        with _naming(path):
            # A device or a pipe is written as it is: a rename would replace it.
            is_special = path.exists() and not path.is_file() and not path.is_dir()
            self._place = path if is_special else path.resolve()  # a link stays a link; the file it names is replaced
            if self._place.is_dir():
                raise ConfigError(f"--output {path} is a directory; for files in it, write {path}{os.sep}")
            if not self._place.parent.is_dir():
                raise ConfigError(f"cannot write --output {path}: there is no directory {self._place.parent}")
            if self._place.exists() and not os.access(self._place, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            self._written = self._place if is_special else self._place.parent / f".voxtide-{os.getpid()}.part"
            self._file: TextIO = self._written.open("w", encoding="utf-8")

    @contextmanager
    def filled(self) -> Iterator[TextIO]:
        """The file, to be written in the body; after it the file is put in its place."""
        try:
            yield self._file
            self._file.close()
            if self._written != self._place:
                self._written.replace(self._place)
        except OSError as error:
            raise VoxtideError(f"cannot write {self._place}: {error.strerror}") from error

    def discard(self) -> None:
        """Remove what is not in its place."""
        with suppress(OSError):  # what a full disk did not take is tried again; `filled` has told of it
            self._file.close()
        if self._written != self._place:
            self._written.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the option and the path in what goes wrong with it."""
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
