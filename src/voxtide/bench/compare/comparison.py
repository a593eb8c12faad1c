"""Streaming against chunked on one recording. In: ways, a reference. Out: the figures of each way.

Times are seconds on the recording's clock, which begins with its first sample.

- spoken: the end of the word in the recording.
- shown: the arrival of the first text, interim or final, that has the word at its place in the way's final text.
- final: the arrival of the final text that has it. In the chunked way the two are one moment.

A word of the reference belongs to the word of the way's text that an alignment pairs it with; a word without a pair is
missing, whether it is lost, cut or misrecognised, and has no times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from voxtide.bench.compare.reference import Reference
from voxtide.bench.compare.ways import Way
from voxtide.bench.load.word_timeline import matches, word_timeline, words_of
from voxtide.bench.word_errors import WordErrors, normaliser_name, word_errors
from voxtide.errors import MissingExtraError
from voxtide.transcript.events import Delta, Interim, TranscriptEvent
from voxtide.types import EngineInfo, Word

DEFAULT_LANGUAGE = "en"
"""Decides how texts are normalised if no way knows its language."""

BORDER_TOLERANCE_S = 0.02
"""A word that reaches less far over a border is not cut: word times are about as exact."""

Latency = tuple[float, float]
"""A word's times in one way: shown and final, on the recording's clock."""


@dataclass(frozen=True, slots=True)
class WayFigures:
    """The figures of one way. Times in seconds; lists have one value per word that was found.

    Attributes:
        way: The way.
        times: By index of a word of the comparison: when it was shown and final.
        shown_s: From spoken to shown.
        final_s: From spoken to final.
        last_word_s: From the end of the last word to its final text; None if it is missing.
        first_text_s: When the first text was shown, interim or final; None if there is none.
        end_to_final_s: From the end of the audio to the last final text; None if there is none.
        errors: Errors against the reference text; None without one.
        num_cut: Words that a chunk border cuts.
        num_cut_missing: Those of them that are missing.
    """

    way: Way
    times: dict[int, Latency]
    shown_s: list[float]
    final_s: list[float]
    last_word_s: float | None
    first_text_s: float | None
    end_to_final_s: float | None
    errors: WordErrors | None
    num_cut: int
    num_cut_missing: int


class Comparison:
    """The ways of one recording, measured so far.

    Attributes:
        source: The recording's name.
        audio_s: Its length.
        played_s: How much of it every way transcribed: less after a stop.
        engine: The engine that transcribed it in every way.
        language: ISO 639-1 code; decides how texts are normalised to count errors.
        reference: What was spoken, and when.
        words: The words that every way had the chance to transcribe: all, or those played before a stop.
    """

    def __init__(
        self,
        source: str,
        audio_s: float,
        engine: EngineInfo,
        reference: Reference,
        ways: Sequence[Way],
        *,
        notes: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.audio_s = audio_s
        self.engine = engine
        self.language = next((way.language for way in ways if way.language), DEFAULT_LANGUAGE)
        self.reference = reference
        self._ways = tuple(ways)
        self._notes = tuple(notes)  # what the caller knows about the run
        self.played_s = min((way.audio_s for way in ways), default=audio_s)
        self._no_errors = ""  # why errors cannot be counted
        self.words: tuple[Word, ...] = tuple(it for it in reference.words if it.end_s <= self.played_s)

    @cached_property
    def figures(self) -> tuple[WayFigures, ...]:
        """The figures of each way."""
        return tuple(self._figures(way) for way in self._ways)

    def _figures(self, way: Way) -> WayFigures:
        timeline = word_timeline(way.events)
        pairs = matches(timeline.final, [word.text for word in self.reference.words])
        times = {
            index: (timeline.first_s[place], timeline.stable_s[place])
            for place, index in pairs.items()
            if index < len(self.words)
        }
        last = len(self.words) - 1
        cut = [index for index, word in enumerate(self.words) if _is_cut(word, way)]
        return WayFigures(
            way=way,
            times=times,
            shown_s=[shown_s - self.words[index].end_s for index, (shown_s, _) in times.items()],
            final_s=[final_s - self.words[index].end_s for index, (_, final_s) in times.items()],
            last_word_s=times[last][1] - self.words[last].end_s if last in times else None,
            first_text_s=next((it.at_s for it in way.events if _has_words(it.event)), None),
            end_to_final_s=max(timeline.stable_s.values()) - way.audio_s if timeline.stable_s else None,
            errors=self._errors(way),
            num_cut=len(cut),
            num_cut_missing=sum(index not in times for index in cut),
        )

    def _errors(self, way: Way) -> WordErrors | None:
        if self.reference.text is None or way.audio_s < self.audio_s:
            return None  # there is no text of a part
        try:
            return word_errors(way.name, self.reference.text, way.text, language=self.language)
        except MissingExtraError as error:
            self._no_errors = str(error)
        except ValueError:  # such as "um"
            self._no_errors = f"{self.reference.origin} has only words that {normaliser_name(self.language)} leaves out"
        return None

    def notes(self) -> list[str]:
        """What the reader should know about this run, a line each."""
        figures = self.figures  # finds out whether errors can be counted
        lines = [*self._notes, *(note for it in figures for note in _way_notes(it.way))]
        if self.played_s < self.audio_s:
            lines.append(
                f"stopped after {self.played_s:.1f} of {self.audio_s:.1f} s: times are those of the words before; "
                "errors and CPU of the chunks are of the whole recording"
            )
        if self.reference.text is None:
            lines.append("no errors: the spoken text is not known; name it with --reference FILE")
        if self._no_errors:
            lines.append(f"no errors: {self._no_errors}")
        return lines


def _has_words(event: TranscriptEvent) -> bool:
    """Whether it shows text, also text that changes later."""
    return isinstance(event, Delta | Interim) and bool(words_of(event.text))


def _is_cut(word: Word, way: Way) -> bool:
    return any(
        word.start_s + BORDER_TOLERANCE_S < chunk.end_s < word.end_s - BORDER_TOLERANCE_S for chunk in way.chunks
    )


def _way_notes(way: Way) -> list[str]:
    late = [chunk for chunk in way.chunks if chunk.waited_s > 0]
    notes = [f"{way.name}: {way.note}"] if way.note else []
    if late:
        most_s = max(chunk.waited_s for chunk in late)
        waited = f"{len(late)} of {len(way.chunks)} waited for the one before, up to {most_s:.2f} s"
        notes.append(f"{way.name} fall behind: {waited}")
    return notes
