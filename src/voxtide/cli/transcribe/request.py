"""What the user asked `transcribe` for, and what follows from it. In: options. Out: decisions. Does nothing itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from voxtide.audio.opening import DEFAULT_CHUNK_MS, MICROPHONE, STDIN
from voxtide.cli.remote import EngineChoice
from voxtide.cli.transcribe.output import SUFFIXES, DocumentFormat
from voxtide.errors import ConfigError

Format: TypeAlias = Literal["live", "txt", "srt", "vtt", "json", "jsonl"]
PaceName: TypeAlias = Literal["real", "fast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command's arguments and options, by the same names. None leaves it to us or to the engine.

    Raises:
        ConfigError: Stdin or the microphone is to be heard twice.
    """

    sources: tuple[str, ...]
    engine: EngineChoice
    model: str | None = None
    threads: int | None = None
    language: str | None = None
    delay_ms: int | None = None
    vocabulary: tuple[str, ...] = ()
    has_interim: bool = True
    format: Format | None = None
    output: str | None = None
    pace: PaceName | None = None
    chunk_ms: int = DEFAULT_CHUNK_MS
    microphone: str | None = None
    encoding: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    has_metrics: bool = False
    is_flushing_at_pauses: bool = False
    is_on_terminal: bool = False
    """Whether stdout is a terminal that can redraw."""

    def __post_init__(self) -> None:
        for source in (STDIN, MICROPHONE):
            if self.sources.count(source) > 1:
                raise ConfigError(f"{source} is given {self.sources.count(source)} times; it can be heard only once")

    @property
    def is_live(self) -> bool:
        """Whether text is shown while it comes: asked for, or fit for a terminal that nothing else is written to."""
        if self.format is not None:
            return self.format == "live"
        return self.is_on_terminal and (self.output is None or MICROPHONE in self.sources)

    @property
    def document_format(self) -> DocumentFormat | None:
        """What is written to `output` or stdout; None where the live view is all."""
        if self.format is not None and self.format != "live":
            return self.format
        if self.output is None:
            return None if self.is_live else "txt"
        return SUFFIXES.get(Path(self.output).suffix.lower(), "txt")

    def is_real_time(self, source: str) -> bool:
        """Whether a source is played at the speed of speech: asked for, live by nature, or watched on a terminal."""
        if self.pace is not None:
            return self.pace == "real"
        return source == MICROPHONE or (self.is_live and self.is_on_terminal)


def shown_name(source: str) -> str:
    """The source without what may be secret in an address: user name, password and query."""
    return re.sub(r"://[^/]*@", "://", source).partition("?")[0] if "://" in source else source
