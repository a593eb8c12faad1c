"""What was spoken, and when. In: samples, a text file, an engine's reading of the whole recording. Out: a `Reference`.

The recordings of the bench are recognised by their samples: their text and word times are known. For others the engine
transcribes the whole recording at pace `fast`, and its word times count.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from voxtide.bench.load.play import play
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.word_timeline import words_of
from voxtide.engines.base import Engine
from voxtide.errors import ConfigError
from voxtide.transcript.spacing import writes_spaces
from voxtide.types import Samples, StreamOptions, Transcript, Word

MAX_TEXT_BYTES = 1_000_000
"""A longer file is no text of ten minutes of speech, which has some 10,000 bytes."""

Timing: TypeAlias = Literal["known", "read", "none"]
"""Word times of the reference: known, read from the engine's transcript of the whole recording, or none."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a comparison is made against.

    Attributes:
        text: The spoken text; None if it is unknown.
        origin: Where the text is from, such as a file's name; "" without a text.
        words: Each spoken word in lower case with its times; empty without word times.
        timing: What the word times are.
        reason: Why there are no word times; "" if there are.
    """

    text: str | None
    origin: str
    words: tuple[Word, ...]
    timing: Timing
    reason: str = ""


def read_text(path: Path) -> str:
    """The reference text in a plain text file.

    Raises:
        ConfigError: It cannot be read, is no UTF-8, is too long, or has no words.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the reference {path}: {error.strerror}; name a text file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the reference {path} is no text in UTF-8; convert it") from error
    if len(data) > MAX_TEXT_BYTES:
        raise ConfigError(f"the reference {path} has more than {MAX_TEXT_BYTES} bytes; name the text of the recording")
    if not words_of(text):
        raise ConfigError(f"the reference {path} has no words; name the text of the recording")
    return text


def text_beside(source: Path) -> Path | None:
    """The text file of the same name beside a recording, if there is one."""
    path = source.with_suffix(".txt")
    return path if path != source and path.is_file() else None


async def reference_of(engine: Engine, samples: Samples, options: StreamOptions, text_file: Path | None) -> Reference:
    """The reference of a recording.

    Args:
        engine: Reads the word times, if they are not known and the engine can.
        samples: The whole recording.
        options: Of the stream that reads it, at pace `fast`.
        text_file: The file with the spoken text; None uses the text of a known recording.

    Raises:
        ConfigError: The text file cannot be used.
        VoxtideError: The engine failed.
    """
    text = None if text_file is None else read_text(text_file)
    origin = "" if text_file is None else text_file.name
    for known in load_recordings():
        if np.array_equal(known.samples, samples):
            return Reference(text or known.text, origin or "the recording's known text", known.words, "known")
    if engine.info.word_times != "read":
        reason = f"the engine {engine.info.name} reads no word times, and those of this recording are not known"
        return Reference(text, origin, (), "none", reason)
    async with engine.open(options) as stream:
        transcript = (await play(stream, samples, is_paced=False)).transcript
    words = _words(transcript)
    return Reference(text, origin, words, "read" if words else "none", "" if words else _missing(transcript))


def _words(transcript: Transcript) -> tuple[Word, ...]:
    """The words of a transcript as `words_of` cuts them; none in a script without spaces, where it cannot."""
    if not writes_spaces(transcript.text):
        return ()
    return tuple(
        Word(part, word.start_s, word.end_s)
        for segment in transcript.segments
        for word in segment.words
        if not word.is_estimated
        for part in words_of(word.text)
    )


def _missing(transcript: Transcript) -> str:
    if not transcript.text.strip():
        return "the engine found no words in the recording"
    return "words are timed only in scripts that separate them by spaces"
