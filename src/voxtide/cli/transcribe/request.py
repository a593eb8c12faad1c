"""The options of `transcribe` and the decisions that follow from them. In: options. Out: decisions. Does no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from voxtide.audio.opening import DEFAULT_CHUNK_MS, MICROPHONE, STDIN
from voxtide.cli.remote import EngineChoice
from voxtide.cli.transcribe.output import STDOUT, format_of, is_directory
from voxtide.cli.transcribe.results import DocumentFormat
from voxtide.errors import ConfigError
from voxtide.transcript.cues import LINE_LENGTH, MAX_LINES, CueShape
from voxtide.types import Task

Format: TypeAlias = Literal["live", "txt", "srt", "vtt", "json", "jsonl"]
PaceName: TypeAlias = Literal["real", "fast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command's arguments and options, by the same names. None means the default.

    Raises:
        ConfigError: Stdin or the microphone is given twice, `output` is empty, its suffix names no format, or the
            shape of subtitles does not apply or is invalid.
    """

    sources: tuple[str, ...]
    engine: EngineChoice
    model: str | None = None
    threads: int | None = None
    language: str | None = None
    task: Task = "transcribe"
    delay_ms: int | None = None
    vocabulary: tuple[str, ...] = ()
    has_interim: bool = True
    format: Format | None = None
    output: str | None = None
    is_appending: bool = False
    is_forced: bool = False
    pace: PaceName | None = None
    chunk_ms: int = DEFAULT_CHUNK_MS
    microphone: str | None = None
    encoding: str | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    track: str | None = None
    line_length: int | None = None
    max_lines: int | None = None
    has_metrics: bool = False
    is_flushing_at_pauses: bool = False
    is_on_terminal: bool = False
    """Whether stdout is a terminal that can redraw lines."""

    def __post_init__(self) -> None:
        for source in (STDIN, MICROPHONE):
            if self.sources.count(source) > 1:
                raise ConfigError(f"{source} is given {self.sources.count(source)} times; it can be read only once")
        if self.output == "":
            raise ConfigError("--output is empty; name a file or a directory, or - for stdout")
        self._suffix_format()
        is_shaped = self.line_length is not None or self.max_lines is not None
        if is_shaped and self.document_format not in {"srt", "vtt"}:
            raise ConfigError("--line-length and --max-lines are for subtitles: add --format srt or vtt, or omit them")
        _ = self.cue_shape  # checks the values

    @property
    def cue_shape(self) -> CueShape:
        """The size of subtitles."""
        return CueShape(
            LINE_LENGTH if self.line_length is None else self.line_length,
            MAX_LINES if self.max_lines is None else self.max_lines,
        )

    @property
    def is_live(self) -> bool:
        """Whether text is shown while it is spoken: on request, or on a terminal that gets no other output."""
        if self.format is not None:
            return self.format == "live"
        return self.is_on_terminal and (self.output is None or MICROPHONE in self.sources)

    @property
    def document_format(self) -> DocumentFormat | None:
        """The format written to `output` or stdout; None if there is only the live view."""
        if self.format is not None and self.format != "live":
            return self.format
        if self.output is None:
            return None if self.is_live else "txt"
        return self._suffix_format()

    def _suffix_format(self) -> DocumentFormat:
        """The format that the suffix of `output` names; txt for stdout and for a directory."""
        if self.output is None or self.output == STDOUT or is_directory(self.output, len(self.sources)):
            return "txt"
        return format_of(self.output, is_stated=self.format not in (None, "live"))

    def is_real_time(self, source: str) -> bool:
        """Whether a source is played at the speed of speech: on request, from a microphone, or on a terminal."""
        if self.pace is not None:
            return self.pace == "real"
        return source == MICROPHONE or (self.is_live and self.is_on_terminal)
