"""Talks of several utterances: their length, their true times, and where they come from."""

from __future__ import annotations

import itertools
import wave
from pathlib import Path

import numpy as np
import pytest

from voxtide.bench.load import utterances
from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan, open_corpus
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.bench.load.talks import phrases_of, spoken_talk
from voxtide.bench.load.utterances import shortened, speech_bounds_s, utterance_talks
from voxtide.engines.registry import load_engine
from voxtide.types import SAMPLE_RATE_HZ, Samples


def tone(duration_s: float, level: float) -> Samples:
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32)


def talk_of(*spans: tuple[float, float], length_s: float) -> CorpusTalk:
    found = tuple(SpokenSpan(start_s, end_s, "word") for start_s, end_s in spans)
    return CorpusTalk("talk", np.zeros(round(length_s * SAMPLE_RATE_HZ), np.float32), found)


def test_speech_is_what_is_not_far_below_the_loudest() -> None:
    samples = np.concatenate([tone(0.2, 0.001), tone(0.5, 0.1), tone(0.3, 0.01), tone(0.4, 0.001)])
    assert speech_bounds_s(samples) == (pytest.approx(0.2), pytest.approx(1.0)), "20 dB below is speech, 40 dB is not"
    assert speech_bounds_s(tone(0.004, 0.1)) == (0.0, pytest.approx(0.01)), "shorter than a frame"


def test_talks_are_cut_after_the_utterance_that_comes_closest() -> None:
    one = talk_of((1, 9), (10, 19), (20, 29), length_s=30)
    (cut,) = shortened([one, one], 16)
    assert [span.start_s for span in cut.spans] == [1, 10]
    assert len(cut.samples) == 19 * SAMPLE_RATE_HZ
    (cut,) = shortened([one], 2)
    assert len(cut.spans) == 1, "one is always played"
    whole, cut = shortened([one, one], 42)
    assert (len(whole.spans), len(cut.spans)) == (3, 1)
    assert len(list(shortened([one, one], 30))) == 1, "no room for another one"


def test_a_talk_of_recordings_has_known_pauses() -> None:
    phrases = phrases_of(load_recordings())
    for duration_s in (12, 60, 300):
        length_s = len(spoken_talk(phrases, seed=0, duration_s=duration_s).samples) / SAMPLE_RATE_HZ
        assert abs(length_s - duration_s) <= 4.5, "half of the longest phrase and pause"
    assert len(spoken_talk(phrases, seed=0, duration_s=0.1).spans) == 1
    talk = spoken_talk(phrases, seed=0, duration_s=60)
    pauses_s = [following.start_s - span.end_s for span, following in itertools.pairwise(talk.spans)]
    assert min(pauses_s) >= 0.5 and max(pauses_s) <= 1.5 + 2 * 0.3, "plus the recordings' own silence"
    for span in talk.spans:
        inside = talk.samples[round(span.start_s * SAMPLE_RATE_HZ) : round(span.end_s * SAMPLE_RATE_HZ)]
        assert np.abs(inside).max() > 0.02, span.text


async def test_without_a_corpus_the_recordings_are_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utterances, "USUAL_CORPUS", "not-fetched")
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        of = await session.shared(utterance_talks)
        assert await session.shared(utterance_talks) is of, "made once"
        session.size = "standard"
        longer = await session.shared(utterance_talks)
    assert of.source == "the bundled recordings"
    assert of.note.startswith("talks of the bundled recordings: ")
    assert sum(len(talk.samples) for talk in longer.talks) > sum(len(talk.samples) for talk in of.talks)


async def test_a_fetched_corpus_is_preferred_and_its_silence_is_no_speech(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    directory = write_corpus(tmp_path, np.concatenate([tone(0.5, 0.0001), tone(1.0, 0.1), tone(0.5, 0.0001)]))
    monkeypatch.setattr(utterances, "USUAL_CORPUS", str(directory))
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        of = await session.shared(utterance_talks)
    assert of.source == "the corpus prompts"
    for span in of.talks[0].spans:
        assert span.end_s - span.start_s == pytest.approx(1.0, abs=0.02)


async def test_no_more_of_a_corpus_is_read_than_is_played(tmp_path: Path) -> None:
    directory = tmp_path / "long"
    directory.mkdir()
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        (directory / f"{name}.txt").write_text("some spoken words", "utf-8")
        write_wav(directory / f"{name}.wav", tone(60.0, 0.1))
    (directory / "b.wav").write_bytes(b"RIFF")
    (directory / "g.wav").write_bytes(b"RIFF")
    corpus = open_corpus(str(directory))
    (whole, *others), _ = await corpus.talks()
    ((first,), left_out) = await corpus.talks(enough_s=45)
    assert (first.spans, [it.name for it in left_out], len(others)) == (whole.spans, ["b"], 1)
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None, corpus=corpus)
        of = await session.shared(utterance_talks)
    assert of.note.endswith(f"; {of.left_out}") and of.left_out.startswith("1 of 5 left out: b: ")


def write_corpus(root: Path, samples: Samples) -> Path:
    """Two recordings with their texts."""
    directory = root / "prompts"
    directory.mkdir()
    for name in ("a", "b"):
        write_wav(directory / f"{name}.wav", samples)
        (directory / f"{name}.txt").write_text("some spoken words", "utf-8")
    return directory


def write_wav(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
