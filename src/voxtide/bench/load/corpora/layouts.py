"""Corpora on disk. In: a directory. Out: its utterances, audio files with their texts, and what was left out.

Known layouts, recognised by their files:

- Asterisk's prompts: `sounds/VOICE/NAME.g722` and a text file with `NAME: TEXT` lines. Only the odd-numbered prompts,
  by name: the others are for checking what was tuned on these.
- LibriSpeech: `*.trans.txt` with `ID TEXT` lines beside `ID.flac`.
- FLEURS: a table such as `test.tsv` without a header, whose second and third columns are a file and its text.
- Common Voice: a table with the columns `path` and `sentence`, and the folder `clips`.
- Any folder of audio files, each with a text file of the same name: `talk.wav` and `talk.txt`.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from voxtide.errors import ConfigError

MIN_WORDS = 3
"""Shorter prompts, such as letters and digits, are no sentences."""

MAX_UTTERANCES = 100_000
"""More than any test set has; a directory of more is probably the wrong one."""

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".g722")
TABLES = ("test.tsv", "dev.tsv", "validation.tsv", "validated.tsv")

NUM_SHOWN = 3
"""Rows named in the line about those left out: enough to find the mistake."""

NO_AUDIO, NO_TEXT, NO_WORDS = "no audio file", "no text", "no words in its text"
"""Why a row is left out."""

_WORD = re.compile(r"[^\W_]")
"""A letter or a digit of any script: a text without one has no words."""

_REMARK = re.compile(r"[\[(<].*?[\])>]")
"""In a prompt's text: a description of a sound, which is not spoken."""


@dataclass(frozen=True, slots=True)
class CorpusUtterance:
    """An audio file and what is spoken in it."""

    name: str
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a corpus, or a file, that is not measured."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def left_out_line(left_out: Sequence[LeftOut], num_used: int) -> str:
    """How many rows are left out, with the first of them."""
    shown = "; ".join(map(str, left_out[:NUM_SHOWN]))
    more = "; ..." if len(left_out) > NUM_SHOWN else ""
    return f"{len(left_out)} of {len(left_out) + num_used} left out: {shown}{more}"


def utterances_in(directory: Path) -> tuple[list[CorpusUtterance], list[LeftOut]]:
    """The utterances of a directory, and the rows without audio or words, by name.

    Raises:
        ConfigError: There is no such directory, it has none of the known layouts, or a file of it cannot be read.
    """
    if not directory.is_dir():
        raise ConfigError(f"there is no directory {directory}; scripts/corpora fetches the named corpora")
    unused: list[LeftOut] = []  # of the first layout with rows
    for layout in LAYOUTS:
        rows = sorted(layout(directory), key=lambda it: it.name)
        if len(rows) > MAX_UTTERANCES:
            raise ConfigError(f"{directory} has {len(rows)} utterances; the limit is {MAX_UTTERANCES}")
        found = [row for row in rows if isinstance(row, CorpusUtterance)]
        left_out = [row for row in rows if isinstance(row, LeftOut)]
        if found:
            return found, left_out
        unused = unused or left_out
    reason = f"; {left_out_line(unused, 0)}" if unused else ""
    raise ConfigError(
        f"{directory} has no speech with text: put each text beside its audio file (talk.wav, talk.txt), or use the "
        f"layout of LibriSpeech, FLEURS or Common Voice{reason}"
    )


def _row(name: str, audio: Path | None, text: str) -> CorpusUtterance | LeftOut:
    if audio is None or not audio.is_file():
        return LeftOut(name, NO_AUDIO)
    if not _WORD.search(text):
        return LeftOut(name, NO_WORDS if text.strip() else NO_TEXT)
    return CorpusUtterance(name, audio, text.strip())


def _asterisk(directory: Path) -> Iterator[CorpusUtterance | LeftOut]:
    texts = {}
    for path in directory.glob("usr/share/doc/*/core-sounds-*.txt.gz"):
        for line in gzip.decompress(path.read_bytes()).decode("utf-8-sig").splitlines():
            name, colon, text = line.partition(":")
            if colon and not line.startswith(";"):
                texts[name.strip()] = _REMARK.sub(" ", text).strip(" .\u2026\u201c\u201d")
    files: dict[str, Path] = {}
    for voice in directory.glob("usr/share/asterisk/sounds/*"):
        files |= {path.relative_to(voice).with_suffix("").as_posix(): path for path in voice.rglob("*.g722")}
    yield from (LeftOut(name, NO_AUDIO) for name in texts.keys() - files.keys())
    for name in sorted(texts.keys() & files.keys())[::2]:  # the 1st, 3rd, ...
        if len(texts[name].split()) >= MIN_WORDS:
            yield _row(name, files[name], texts[name])


def _librispeech(directory: Path) -> Iterator[CorpusUtterance | LeftOut]:
    for path in directory.rglob("*.trans.txt"):
        for line in _text(path).split("\n"):
            name, _, text = line.partition(" ")
            if name:
                yield _row(name, path.with_name(f"{name}.flac"), text)


def _fleurs(directory: Path) -> Iterator[CorpusUtterance | LeftOut]:
    for rows, folder in _tables(directory):
        yield from _table_rows(rows, folder, path=1, text=2)


def _common_voice(directory: Path) -> Iterator[CorpusUtterance | LeftOut]:
    for rows, folder in _tables(directory):
        header = rows[0]
        if {"path", "sentence"} <= set(header):
            yield from _table_rows(rows[1:], folder, path=header.index("path"), text=header.index("sentence"))


def _table_rows(rows: list[list[str]], folder: Path, *, path: int, text: int) -> Iterator[CorpusUtterance | LeftOut]:
    """The rows of a table; `path` and `text` are the numbers of its columns."""
    for row in filter(None, rows):
        if len(row) > max(path, text):
            name = Path(row[path]).name
            yield _row(name, folder / name if name else None, row[text])
        else:
            yield LeftOut(row[0], f"{len(row)} columns")


def _tables(directory: Path) -> Iterator[tuple[list[list[str]], Path]]:
    """The first table there is, with the folder of its audio."""
    table = next((path for name in TABLES if (path := directory / name).is_file()), None)
    if table is None:
        return
    lines = csv.reader(_text(table).split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        rows = list(lines)
    except csv.Error as error:  # a field of more than 128 KiB
        raise ConfigError(f"{table} is no table (line {lines.line_num}: {error}); correct or remove it") from error
    folders = (directory / "clips", directory / "audio" / table.stem, directory / table.stem, directory)
    if rows:
        yield rows, next(folder for folder in folders if folder.is_dir())


def _text(path: Path) -> str:
    """The text of a file. Its lines end at line feeds only: `splitlines` would split a text at U+2028 and others."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text (byte {error.start}); convert it") from error


def _folder(directory: Path) -> Iterator[CorpusUtterance | LeftOut]:
    for path in directory.rglob("*.txt"):
        audio = next((it for suffix in AUDIO_SUFFIXES if (it := path.with_suffix(suffix)).is_file()), None)
        name = path.relative_to(directory).with_suffix("").as_posix()
        yield LeftOut(name, NO_AUDIO) if audio is None else _row(name, audio, _text(path))
    for path in directory.rglob("*"):
        if path.suffix in AUDIO_SUFFIXES and not path.with_suffix(".txt").is_file():
            yield LeftOut(path.relative_to(directory).as_posix(), NO_TEXT)


Layout: TypeAlias = Callable[[Path], Iterator[CorpusUtterance | LeftOut]]
"""Yields the rows of a directory; none if it has another layout."""

LAYOUTS: tuple[Layout, ...] = (_asterisk, _librispeech, _common_voice, _fleurs, _folder)
