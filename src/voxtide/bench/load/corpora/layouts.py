"""Corpora on disk. In: a directory. Out: its utterances, audio files with their texts.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from voxtide.errors import ConfigError

MIN_WORDS = 3
"""Shorter prompts, such as letters and digits, are no sentences."""

MAX_UTTERANCES = 100_000
"""More than any test set has; a directory of more is probably the wrong one."""

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".g722")
TABLES = ("test.tsv", "dev.tsv", "validation.tsv", "validated.tsv")

_REMARK = re.compile(r"[\[(<].*?[\])>]")
"""In a prompt's text: a description of a sound, which is not spoken."""


@dataclass(frozen=True, slots=True)
class CorpusUtterance:
    """An audio file and what is spoken in it."""

    name: str
    path: Path
    text: str


def utterances_in(directory: Path) -> list[CorpusUtterance]:
    """The utterances of a directory, by name.

    Raises:
        ConfigError: There is no such directory, or it has none of the known layouts.
    """
    if not directory.is_dir():
        raise ConfigError(f"there is no directory {directory}; scripts/corpora fetches the named corpora")
    for layout in LAYOUTS:
        found = sorted(layout(directory), key=lambda it: it.name)
        if len(found) > MAX_UTTERANCES:
            raise ConfigError(f"{directory} has {len(found)} utterances; the limit is {MAX_UTTERANCES}")
        if found:
            return found
    raise ConfigError(
        f"{directory} has no speech with text: put each text beside its audio file (talk.wav, talk.txt), or use the "
        "layout of LibriSpeech, FLEURS or Common Voice"
    )


def _asterisk(directory: Path) -> Iterator[CorpusUtterance]:
    texts = {}
    for path in directory.glob("usr/share/doc/*/core-sounds-*.txt.gz"):
        for line in gzip.decompress(path.read_bytes()).decode("utf-8-sig").splitlines():
            name, colon, text = line.partition(":")
            if colon and not line.startswith(";"):
                texts[name.strip()] = _REMARK.sub(" ", text).strip(" .\u2026\u201c\u201d")
    files: dict[str, Path] = {}
    for voice in directory.glob("usr/share/asterisk/sounds/*"):
        files |= {path.relative_to(voice).with_suffix("").as_posix(): path for path in voice.rglob("*.g722")}
    for name in sorted(texts.keys() & files.keys())[::2]:  # the 1st, 3rd, ...
        if len(texts[name].split()) >= MIN_WORDS:
            yield CorpusUtterance(name, files[name], texts[name])


def _librispeech(directory: Path) -> Iterator[CorpusUtterance]:
    for path in directory.rglob("*.trans.txt"):
        for line in _text(path).splitlines():
            name, _, text = line.partition(" ")
            audio = path.with_name(f"{name}.flac")
            if text.strip() and audio.is_file():
                yield CorpusUtterance(name, audio, text.strip())


def _fleurs(directory: Path) -> Iterator[CorpusUtterance]:
    for rows, folder in _tables(directory):
        for row in rows:
            audio = folder / Path(row[1]).name if len(row) > 2 else None
            if audio is not None and audio.is_file() and row[2].strip():
                yield CorpusUtterance(audio.stem, audio, row[2].strip())


def _common_voice(directory: Path) -> Iterator[CorpusUtterance]:
    for rows, folder in _tables(directory):
        header = rows[0]
        if {"path", "sentence"} <= set(header):
            path, sentence = header.index("path"), header.index("sentence")
            for row in rows[1:]:
                audio = folder / Path(row[path]).name if len(row) > max(path, sentence) else None
                if audio is not None and audio.is_file() and row[sentence].strip():
                    yield CorpusUtterance(audio.name, audio, row[sentence].strip())


def _tables(directory: Path) -> Iterator[tuple[list[list[str]], Path]]:
    """The first table there is, with the folder of its audio."""
    table = next((path for name in TABLES if (path := directory / name).is_file()), None)
    if table is None:
        return
    rows = list(csv.reader(_text(table).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    folders = (directory / "clips", directory / "audio" / table.stem, directory / table.stem, directory)
    if rows:
        yield rows, next(folder for folder in folders if folder.is_dir())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text (byte {error.start}); convert it") from error


def _folder(directory: Path) -> Iterator[CorpusUtterance]:
    for path in directory.rglob("*.txt"):
        audio = next((it for suffix in AUDIO_SUFFIXES if (it := path.with_suffix(suffix)).is_file()), None)
        if audio is not None and (text := _text(path).strip()):
            yield CorpusUtterance(path.relative_to(directory).with_suffix("").as_posix(), audio, text)


LAYOUTS: tuple[Callable[[Path], Iterator[CorpusUtterance]], ...] = (
    _asterisk,
    _librispeech,
    _common_voice,
    _fleurs,
    _folder,
)
