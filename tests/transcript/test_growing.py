"""Documents that grow: valid after every event, with all stable text, and the same as the writers' in the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given

from tests.support.transcript_strategies import timed_segments
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.cues import Cue, spoken_cues
from voxtide.transcript.events import Delta, Finished, Interim, LanguageDetected, SegmentEnded, TranscriptEvent
from voxtide.transcript.growing import GrowingDocument, GrowingJson, GrowingSubtitles, GrowingText
from voxtide.transcript.writers import VTT_HEADER, srt_cue, to_json, to_txt, vtt_cue
from voxtide.types import Segment, Transcript


def subtitles(cue_text: Callable[[int, Cue], str], header: list[str], transcript: Transcript) -> str:
    """As `to_srt` and `to_vtt`, but no cue is lengthened."""
    cues = enumerate(spoken_cues(transcript.segments), start=1)
    return "\n".join([*header, *(cue_text(number, cue) for number, cue in cues)])


DOCUMENTS: dict[str, tuple[Callable[[], GrowingDocument], Callable[[Transcript], str]]] = {
    "txt": (GrowingText, lambda transcript: to_txt(transcript.segments)),
    "srt": (lambda: GrowingSubtitles(srt_cue), lambda transcript: subtitles(srt_cue, [], transcript)),
    "vtt": (
        lambda: GrowingSubtitles(vtt_cue, VTT_HEADER),
        lambda transcript: subtitles(vtt_cue, [VTT_HEADER], transcript),
    ),
    "json": (lambda: GrowingJson("mic"), lambda transcript: to_json(transcript, "mic")),
}


def events_of(segments: list[Segment]) -> Iterator[TranscriptEvent]:
    """A stream's events: each word becomes stable, then its segment ends."""
    gap = ""
    for segment in segments:
        for word in segment.words:
            yield Delta(gap + word.text, word.end_s)
            yield Interim("more", word.end_s)
            gap = " "
        if segment.words:
            yield SegmentEnded(segment, segment.end_s)
    yield Finished(segments[-1].end_s if segments else 0.0)


@pytest.mark.parametrize("name", ["txt", "srt", "vtt"])
@given(segments=timed_segments())
def test_after_every_event_the_document_is_that_of_the_transcript_so_far(name: str, segments: list[Segment]) -> None:
    make, written = DOCUMENTS[name]
    document, assembler, fixed = make(), Assembler(), ""
    for event in events_of(segments):
        assembler.add(event)
        if document.add(event):
            fixed += document.take_fixed()
        assert fixed + document.end() == written(assembler.transcript())
    assert document.end() == ""


@given(segments=timed_segments())
def test_growing_json_has_the_fields_of_the_transcript_so_far(segments: list[Segment]) -> None:
    document, assembler, fixed = GrowingJson("mic"), Assembler(), ""
    for event in [LanguageDetected("en", 0.0), *events_of(segments)]:
        assembler.add(event)
        if document.add(event):
            fixed += document.take_fixed()
            assert json.loads(fixed + document.end()) == json.loads(to_json(assembler.transcript(), "mic"))


@pytest.mark.parametrize(("name", "empty"), [("txt", ""), ("srt", ""), ("vtt", "WEBVTT\n")])
def test_a_document_is_valid_before_the_first_event(name: str, empty: str) -> None:
    document = DOCUMENTS[name][0]()
    assert document.take_fixed() + document.end() == empty


def test_interim_text_changes_no_document() -> None:
    assert not GrowingText().add(Interim("maybe", 1.0))
    assert GrowingText().add(Delta("yes", 1.0))
