"""Destinations of results. In: a source and its text. Out: stdout, one file, or a directory with a file per source.

Files are written to a partial file beside the target, then renamed. Whether that can work is checked before anything is
transcribed. Knows no streams.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from voxtide.audio.opening import is_live
from voxtide.cli.failures import printable
from voxtide.cli.names import fitted_name
from voxtide.cli.transcribe.results import (
    APPENDABLE,
    DocumentFormat,
    Existing,
    Result,
    StreamResult,
    TextSink,
    naming_option,
    open_result,
)
from voxtide.errors import ConfigError

STDOUT = "-"
"""The value of `--output` that means standard output."""

SUFFIXES: dict[str, DocumentFormat] = {".txt": "txt", ".srt": "srt", ".vtt": "vtt", ".json": "json", ".jsonl": "jsonl"}

_TXT_SUFFIXES = {"", ".text", ".md", ".log"}
"""Other suffixes of plain text files."""

_OFFICE = {".doc", ".docx", ".odt", ".rtf", ".pdf", ".pages", ".xls", ".xlsx", ".ods", ".ppt", ".pptx", ".epub", ".zip"}
_AUDIO = {
    ".aac",
    ".aif",
    ".aiff",
    ".amr",
    ".flac",
    ".m4a",
    ".mka",
    ".mp2",
    ".mp3",
    ".oga",
    ".ogg",
    ".opus",
    ".wav",
    ".wma",
}
_VIDEO = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
_FOREIGN_SUFFIXES = _OFFICE | _AUDIO | _VIDEO
"""Refused whatever `--format` is: the programs that open such files expect another format."""


class Destination(ABC):
    """Takes the results of all sources. Use it in `with`; call `open` once for each source."""

    @abstractmethod
    def open(self, source: str) -> AbstractContextManager[Result]:
        """One source's result. If the body raises, grown text is kept, if any."""

    @abstractmethod
    def close(self) -> None:
        """End the output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_destination(
    output: str | None,
    doc_format: DocumentFormat,
    sources: Sequence[str],
    existing: Existing | None = None,
    stdout: TextSink | None = None,
) -> Destination:
    """The destination that `--output` names, or stdout.

    Raises:
        ConfigError: It is not writable, is one of the sources, or would replace an existing text by that of a live
            source; or the format cannot hold several results.
    """
    existing = existing or Existing()
    num_sources = len(sources)
    _check_existing(output, doc_format, existing)
    if output is None or output == STDOUT:
        if num_sources > 1 and doc_format in {"srt", "vtt"}:
            raise ConfigError(f"{num_sources} sources cannot share one {doc_format}; name a directory with --output")
        return Stdout(doc_format, stdout, is_shared=num_sources > 1)
    path = Path(output).expanduser()
    if is_directory(output, num_sources):
        return Directory(path, doc_format, existing)
    if any(_is_same_file(path, source) for source in sources):
        raise ConfigError(f"--output {path} is the source itself and would overwrite it; name another file")
    return File(path, doc_format, existing, is_live=any(map(is_live, sources)))


def is_directory(output: str, num_sources: int) -> bool:
    """Whether `--output` names a directory of files."""
    return num_sources > 1 or output.endswith(("/", os.sep))


def format_of(output: str, *, is_stated: bool) -> DocumentFormat:
    """The format that a file's suffix names. With `is_stated`, --format decides, and an unknown suffix is accepted.

    Raises:
        ConfigError: The suffix cannot be used.
    """
    suffix = Path(output).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix in _FOREIGN_SUFFIXES or not (is_stated or suffix in _TXT_SUFFIXES):
        remedy = "" if suffix in _FOREIGN_SUFFIXES else ", or state the format with --format"
        raise ConfigError(f"--output {output}: {suffix} is no format of voxtide; use {', '.join(SUFFIXES)}{remedy}")
    return "txt"


def _check_existing(output: str | None, doc_format: DocumentFormat, existing: Existing) -> None:
    if existing.is_appended and existing.is_forced:
        raise ConfigError("--append keeps the text of an existing file and --force replaces it; give one of them")
    if existing.is_appended and (output is None or output == STDOUT):
        raise ConfigError("--append needs a file: name it with --output")
    if existing.is_appended and doc_format not in APPENDABLE:
        raise ConfigError(f"--append works for txt and jsonl, not for {doc_format}; name another file with --output")


def _is_same_file(path: Path, source: str) -> bool:
    with suppress(OSError, ValueError):  # not a file, or not a valid path
        return path.is_file() and path.samefile(source)
    return False


class Stdout(Destination):
    """Standard output. Several results are separated: txt by headers, json as one array; others need no separator."""

    def __init__(self, doc_format: DocumentFormat, file: TextSink | None, *, is_shared: bool) -> None:
        self._format = doc_format
        self._file = file or sys.stdout
        self._separated = doc_format if is_shared else None
        self._num_results = 0

    @contextmanager
    def open(self, source: str) -> Iterator[Result]:
        result = StreamResult(self._file, lambda: self._separator(source), can_grow=self._format != "json")
        try:
            yield result
        finally:
            result.close()

    def close(self) -> None:
        if self._separated == "json":
            self._file.write("]\n" if self._num_results else "[]\n")
            self._file.flush()

    def _separator(self, source: str) -> str:
        """What precedes the next result."""
        self._num_results += 1
        is_first = self._num_results == 1
        match self._separated:
            case "txt":
                return ("" if is_first else "\n") + f"==> {printable(source)} <==\n"
            case "json":
                return "[\n" if is_first else ",\n"
            case _:
                return ""


class File(Destination):
    """One file for one source. Opening it at once proves that it is writable."""

    def __init__(self, path: Path, doc_format: DocumentFormat, existing: Existing, *, is_live: bool) -> None:
        self._result = open_result(path, doc_format, existing, is_live=is_live)

    @contextmanager
    def open(self, source: str) -> Iterator[Result]:
        yield self._result

    def close(self) -> None:
        self._result.close()


class Directory(Destination):
    """A file for each source, named after it; sources of the same name are numbered."""

    def __init__(self, path: Path, doc_format: DocumentFormat, existing: Existing) -> None:
        self._path = path
        self._format = doc_format
        self._existing = existing
        self._names: set[str] = set()
        with naming_option(path):
            path.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=path).close()

    @contextmanager
    def open(self, source: str) -> Iterator[Result]:
        result = open_result(self._path / self._new_name(source), self._format, self._existing)
        try:
            yield result
        finally:
            result.close()

    def close(self) -> None:
        pass  # no file is open between two sources

    def _new_name(self, source: str) -> str:
        stem = stem_of(source)
        name, number = fitted_name(self._path, stem, f".{self._format}"), 1
        while name.lower() in self._names:  # some file systems ignore case
            number += 1
            name = fitted_name(self._path, stem, f"-{number}.{self._format}")
        self._names.add(name.lower())
        return name


def stem_of(source: str) -> str:
    """A file name for a source's result, without suffix."""
    if source == "-":
        return "stdin"
    if "://" in source:
        address = urlsplit(source)
        return PurePosixPath(address.path).stem or address.hostname or "stream"
    return Path(source).stem or "audio"
