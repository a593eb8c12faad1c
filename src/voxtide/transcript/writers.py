"""File formats. In: segments or a transcript. Out: the text of a txt, srt, vtt or json file."""

from __future__ import annotations

from collections.abc import Iterable

from voxtide.transcript.cues import Cue, CueShape, split_cues
from voxtide.transcript.records import json_text, transcript_record
from voxtide.types import Segment, Transcript

VTT_HEADER = "WEBVTT\n"


def to_txt(segments: Iterable[Segment]) -> str:
    """One line per segment."""
    lines = (" ".join(segment.text.split()) for segment in segments)
    return "".join(f"{line}\n" for line in lines if line)


def to_srt(segments: Iterable[Segment], shape: CueShape | None = None) -> str:
    """SubRip: numbered cues, times with a comma. `shape` bounds the lines; None for two lines of 42 columns."""
    return "\n".join(srt_cue(number, cue) for number, cue in enumerate(split_cues(segments, shape), start=1))


def to_vtt(segments: Iterable[Segment], shape: CueShape | None = None) -> str:
    """WebVTT: a header, then cues with escaped text. `shape` as in `to_srt`."""
    cues = (vtt_cue(number, cue) for number, cue in enumerate(split_cues(segments, shape), start=1))
    return "\n".join([VTT_HEADER, *cues])


def to_json(transcript: Transcript, source: str | None = None) -> str:
    """One JSON object: the source if given, text, language, length, and segments with words."""
    named = {} if source is None else {"source": source}
    return json_text(named | transcript_record(transcript), indent=2) + "\n"


def srt_cue(number: int, cue: Cue) -> str:
    """One cue of SubRip; an empty line separates it from the next."""
    times = f"{_timestamp(cue.start_ms, ',')} --> {_timestamp(cue.end_ms, ',')}"
    return "\n".join([str(number), times, *cue.lines]) + "\n"


def vtt_cue(number: int, cue: Cue) -> str:
    """One cue of WebVTT, likewise. WebVTT needs no numbers."""
    times = f"{_timestamp(cue.start_ms, '.')} --> {_timestamp(cue.end_ms, '.')}"
    return "\n".join([times, *map(_vtt_escaped, cue.lines)]) + "\n"


def _vtt_escaped(line: str) -> str:
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(time_ms: int, decimal_mark: str) -> str:
    seconds, millis = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_mark}{millis:03}"
