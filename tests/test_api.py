from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

import voxtide
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two sentences for the scripted engine."""
    pause = np.zeros(voxtide.SAMPLE_RATE_HZ, np.float32)
    samples = np.concatenate([speak("Ever tried."), pause, speak("Ever failed."), pause])
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(voxtide.SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def test_transcribe_gives_text_segments_and_words(recording: Path) -> None:
    transcript = voxtide.transcribe(recording, "scripted")
    assert transcript.text == "Ever tried. Ever failed."
    assert [segment.text for segment in transcript.segments] == ["Ever tried.", "Ever failed."]
    assert [word.text for word in transcript.segments[0].words] == ["Ever", "tried."]


def test_a_track_can_be_chosen(recording: Path) -> None:
    assert voxtide.transcribe(recording, "scripted", track="mix").text == "Ever tried. Ever failed."
    with pytest.raises(voxtide.ConfigError, match="no audio track '2'; it has: 1"):
        voxtide.transcribe(recording, "scripted", track=2)


def test_options_reach_the_stream(recording: Path) -> None:
    transcript = voxtide.transcribe(str(recording), "scripted", language="fr", vocabulary=["EVER"])
    assert transcript.text == "EVER tried. EVER failed."
    with pytest.raises(voxtide.UnsupportedOptionError, match="cannot transcribe 'nl'"):
        voxtide.transcribe(recording, "scripted", language="Dutch")


def test_a_translation(recording: Path) -> None:
    transcript = voxtide.transcribe(recording, "scripted", task="translate")
    assert transcript.text == "revE .deirt revE .deliaf"
    with pytest.raises(voxtide.UnsupportedOptionError, match="engine 'moonshine' cannot translate"):
        voxtide.transcribe(recording, "moonshine", task="translate")


async def test_an_engine_serves_several_files_and_stays_open(recording: Path) -> None:
    async with voxtide.open_engine("scripted") as engine:
        first = await voxtide.transcribe_async(recording, engine)
        second = await voxtide.transcribe_async(recording, engine)
    assert first == second


async def test_a_model_cannot_be_given_with_an_open_engine(recording: Path) -> None:
    async with voxtide.open_engine("scripted") as engine:
        with pytest.raises(voxtide.ConfigError, match="model 'tones'"):
            await voxtide.transcribe_async(recording, engine, model="tones")


async def test_inside_a_running_loop_the_error_names_the_async_function(recording: Path) -> None:
    with pytest.raises(voxtide.VoxtideError, match="await voxtide.transcribe_async"):
        voxtide.transcribe(recording, "scripted")


def test_a_missing_file_and_an_unknown_engine_are_refused(tmp_path: Path) -> None:
    with pytest.raises(voxtide.SourceNotFoundError, match="no.wav"):
        voxtide.transcribe(tmp_path / "no.wav", "scripted")
    with pytest.raises(voxtide.ConfigError, match="did you mean scripted"):
        voxtide.open_engine("scriptd")


async def test_a_failure_during_the_stream_is_raised(recording: Path) -> None:
    async with ScriptedEngine(ScriptedConfig(fails_at_s=1.0)) as engine:
        with pytest.raises(voxtide.EngineFailedError):
            await voxtide.transcribe_async(recording, engine)


async def test_a_path_named_like_a_microphone_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with voxtide.open_engine("scripted") as engine:
        with pytest.raises(voxtide.SourceNotFoundError, match="mic"):
            await voxtide.transcribe_async(Path("mic"), engine)


async def test_streaming_by_hand() -> None:
    async with voxtide.open_engine("scripted") as engine, engine.open(voxtide.StreamOptions(language="en")) as stream:
        await stream.feed(speak("no matter"))
        flush_id = await stream.flush()
        async for event in stream:
            if isinstance(event, voxtide.Flushed):
                break
    assert (event.flush_id, event.text) == (flush_id, "no matter")
