"""Real clients, engine and recording: each sentence arrives, whether client or server detects the pauses."""

from __future__ import annotations

import re

from tests.support.conformance_clients import SENTENCES, LiveServer, drive, of

SPEECH = " ".join(SENTENCES)


def words(text: str) -> str:
    """The text without case and punctuation, which depend on how much audio the model receives at once."""
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def test_the_mistral_sdk_flushes_and_continues(speech_server: LiveServer) -> None:
    lines = drive("mistral1", "mistral_realtime", speech_server, "real_speech")["real_speech"]
    assert [words(line["text"]) for line in of(lines, "transcription.done")] == [SPEECH, SPEECH]


def test_the_mistral_sdk_receives_turns_without_a_done(speech_server: LiveServer) -> None:
    lines = drive("mistral3", "mistral_realtime", speech_server, "server_turns")["server_turns"]
    assert not [line for line in lines if line["event"] == "UnknownRealtimeEvent"]
    assert [words(line["text"]) for line in of(lines, "transcription.done")] == [SPEECH]
    starts, ends = (of(lines, kind) for kind in ("turn.start", "turn.end"))
    assert len(starts) == len(ends) == len(SENTENCES)
    times_s = [line["time_s"] for pair in zip(starts, ends, strict=True) for line in pair]
    assert times_s == sorted(times_s)
    assert {line["end_reason"] for line in ends} == {"threshold"}


def test_the_openai_sdk_leaves_the_turns_to_the_server(speech_server: LiveServer) -> None:
    lines = drive("openai", "openai_realtime", speech_server, "server_turns")["server_turns"]
    completed = of(lines, "conversation.item.input_audio_transcription.completed")
    assert [words(line["transcript"]) for line in completed] == [
        *SENTENCES,
        "",
    ]  # the last one is the client's own commit
    spoken = [line["item_id"] for line in completed[:-1]]
    assert [line["item_id"] for line in of(lines, "input_audio_buffer.speech_started")] == spoken
    assert [line["item_id"] for line in of(lines, "input_audio_buffer.speech_stopped")] == spoken


def test_pipecat_flushes_or_leaves_the_turns_to_the_server(speech_server: LiveServer) -> None:
    lines = drive("pipecat", "pipecat_stt", speech_server, "real_speech")["real_speech"]
    finals = [words(line["text"]) for line in lines if line["frame"] == "TranscriptionFrame"]
    assert finals == [SPEECH, *SENTENCES]
    assert not [line for line in lines if line["frame"] == "ErrorFrame"]


def test_livekit_detects_pauses_or_leaves_them_to_the_server(speech_server: LiveServer) -> None:
    lines = drive("livekit", "livekit_stt", speech_server, "real_speech")["real_speech"]
    transcripts: dict[str, list[str]] = {}
    for line in lines:
        transcripts.setdefault(line["service"], []).append(words(line["text"]))
    assert len(transcripts) == 3
    assert {service: texts for service, texts in transcripts.items() if texts != SENTENCES} == {}


def test_an_engine_without_delays_refuses_one_and_the_session_continues(speech_server: LiveServer) -> None:
    lines = drive("mistral2", "mistral_realtime", speech_server, "delay_refused")["delay_refused"]
    (error,) = of(lines, "error")
    assert "481 ms" in error["error"]["message"] and "not adjustable" in error["error"]["message"]
    assert lines[-1]["type"] == "transcription.done"
