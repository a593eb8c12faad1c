"""The openai SDK with files: every response format, events, models, errors."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, LiveServer, Report, drive

USAGE = {"type": "duration", "seconds": 2.0}


@pytest.fixture(scope="module")
def report(server: LiveServer) -> Report:
    return drive("openai", "openai_files", server)


def test_a_file_is_transcribed(report: Report) -> None:
    assert report["default"] == [{"answer": "Transcription", "text": FIRST, "usage": USAGE}]


def test_the_sdk_parses_every_response_format(report: Report) -> None:
    as_json, text, srt, vtt, verbose = report["formats"]
    assert as_json == {"answer": "Transcription", "text": FIRST, "usage": USAGE}
    assert text == {"answer": "str", "text": f"{FIRST}\n"}
    assert srt["text"] == f"1\n00:00:00,000 --> 00:00:01,760\n{FIRST}\n"
    assert vtt["text"] == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.760\n{FIRST}\n"
    assert (verbose["answer"], verbose["text"]) == ("TranscriptionVerbose", FIRST)
    assert (verbose["language"], verbose["duration"]) == ("en", 1.76)
    (segment,) = verbose["segments"]
    assert (segment["start"], segment["end"], segment["text"]) == (0.0, 1.76, FIRST)


def test_words_are_timed_if_requested(report: Report) -> None:
    (answer,) = report["timed_words"]
    assert [word["word"] for word in answer["words"]] == FIRST.split()
    assert answer["words"][1] == {"word": "built", "start": 0.4, "end": 0.8}


def test_hints_take_effect(report: Report) -> None:
    assert [answer["text"] for answer in report["hints"]] == ["Who BUILT the WHITE"]


def test_a_file_is_translated_in_every_response_format(report: Report) -> None:
    translation = " ".join(word[::-1] for word in FIRST.split())  # as the scripted engine does it
    as_json, text, srt, vtt, verbose = report["translations"]
    assert as_json == {"answer": "Translation", "text": translation, "usage": USAGE}
    assert text == {"answer": "str", "text": f"{translation}\n"}
    assert translation in srt["text"] and translation in vtt["text"]
    assert (verbose["answer"], verbose["text"], verbose["language"]) == ("TranslationVerbose", translation, "english")


def test_a_streamed_answer_ends_with_the_whole_text(report: Report) -> None:
    *deltas, done = report["streamed"]
    assert {delta["answer"] for delta in deltas} == {"TranscriptionTextDeltaEvent"}
    assert "".join(delta["delta"] for delta in deltas) == FIRST
    assert done == {"answer": "TranscriptionTextDoneEvent", "type": "transcript.text.done", "text": FIRST}


def test_invalid_requests_are_refused_with_a_code(report: Report) -> None:
    lines = report["wrong_requests"]
    assert [(line["raised"], line["status"]) for line in lines] == [("BadRequestError", 400)] * 5
    codes = ["not_audio", "unsupported_option", "unsupported_language", "unsupported_option", "unsupported_option"]
    assert [line["code"] for line in lines] == codes
    assert "speakers" in lines[1]["message"]


def test_a_wrong_key_is_refused(report: Report) -> None:
    assert [(line["raised"], line["code"]) for line in report["bad_key"]] == [
        ("AuthenticationError", "invalid_api_key")
    ] * 2


def test_the_model_is_listed(report: Report) -> None:
    (model,) = report["models"]
    assert (model["id"], model["object"], model["owned_by"]) == ("tones", "model", "voxtide")
