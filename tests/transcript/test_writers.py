import json
import re

from hypothesis import given

from tests.support.transcript_strategies import timed_segments
from voxtide.transcript.writers import to_json, to_srt, to_txt, to_vtt
from voxtide.types import Notice, Segment, Transcript, Word

SEGMENTS = (
    Segment("Ever tried.", 0.25, 1.0, (Word("Ever", 0.25, 0.5), Word("tried.", 0.5, 1.0, is_estimated=True))),
    Segment("Ever <failed> & more.", 3661.5, 3662.9996),
)


def test_txt_has_one_line_per_segment() -> None:
    assert to_txt([*SEGMENTS, Segment(" ", 0, 0)]) == "Ever tried.\nEver <failed> & more.\n"


def test_srt() -> None:
    assert to_srt(SEGMENTS) == (
        "1\n00:00:00,250 --> 00:00:01,083\nEver tried.\n\n2\n01:01:01,500 --> 01:01:03,000\nEver <failed> & more.\n"
    )


def test_vtt_escapes_its_markup() -> None:
    assert to_vtt(SEGMENTS) == (
        "WEBVTT\n\n00:00:00.250 --> 00:00:01.083\nEver tried.\n"
        "\n01:01:01.500 --> 01:01:03.000\nEver &lt;failed&gt; &amp; more.\n"
    )


def test_no_segments_give_empty_documents() -> None:
    assert (to_txt([]), to_srt([]), to_vtt([])) == ("", "", "WEBVTT\n")


def test_json_has_segments_and_words_in_milliseconds() -> None:
    notices = (Notice("wrong_length", "talk.wav is too short"),)
    segment = Segment("Ever tried.", 0.2500001, 1.0, SEGMENTS[0].words)
    transcript = Transcript("Ever tried.", (segment,), "en", 1.5, notices)
    assert json.loads(to_json(transcript)) == {
        "text": "Ever tried.",
        "language": "en",
        "audio_s": 1.5,
        "segments": [
            {
                "text": "Ever tried.",
                "start_s": 0.25,
                "end_s": 1.0,
                "words": [
                    {"text": "Ever", "start_s": 0.25, "end_s": 0.5, "is_estimated": False},
                    {"text": "tried.", "start_s": 0.5, "end_s": 1.0, "is_estimated": True},
                ],
            }
        ],
        "notices": [{"code": "wrong_length", "message": "talk.wav is too short"}],
    }


@given(timed_segments())
def test_no_text_can_look_like_a_cue_time_in_vtt(segments: list[Segment]) -> None:
    blocks = to_vtt(segments).rstrip("\n").split("\n\n")
    assert blocks[0] == "WEBVTT"
    for block in blocks[1:]:
        times, *lines = block.split("\n")
        assert re.fullmatch(r"\d{2,}:\d\d:\d\d\.\d{3} --> \d{2,}:\d\d:\d\d\.\d{3}", times)
        assert not any("-->" in line or "<" in line for line in lines)
