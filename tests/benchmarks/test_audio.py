"""Talks: words and utterances are where they are said to be."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.audio import TRAILING_QUIET_S, bundled_talk, load_talks
from tests.support.media_files import wav_bytes
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.variants import quiet
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples


def tone(duration_s: float) -> Samples:
    time_s = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


def cut(samples: Samples, start_s: float, end_s: float) -> bytes:
    """Samples as bytes, to be searched for."""
    return samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)].tobytes()


def test_each_word_of_a_talk_is_at_its_time() -> None:
    recordings = load_recordings()
    talk = bundled_talk(recordings, seed=0)
    assert sorted(word.text for word in talk.words) == sorted(word.text for it in recordings for word in it.words)
    spoken = {word.text: [] for word in talk.words}
    for recording in recordings:
        for word in recording.words:
            spoken[word.text].append(cut(recording.samples, word.start_s + 0.001, word.end_s - 0.001))
    for word in talk.words:
        here = cut(talk.samples, word.start_s, word.end_s)
        assert any(sound in here and len(here) - len(sound) < 0.003 * 4 * SAMPLE_RATE_HZ for sound in spoken[word.text])


def test_pauses_are_known_and_the_talk_ends_in_quiet() -> None:
    talk = bundled_talk(load_recordings(), seed=1)
    assert " ".join(span.text for span in talk.spans) == " ".join(word.text for word in talk.words)
    assert all(0.5 <= after.start_s - before.end_s <= 1.8 for before, after in pairwise(talk.spans))
    assert talk.duration_s - talk.spans[-1].end_s >= TRAILING_QUIET_S


def test_two_talks_differ_and_a_talk_repeats() -> None:
    recordings = load_recordings()
    first, again, other = (bundled_talk(recordings, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.samples, again.samples)
    assert [span.text for span in first.spans] != [span.text for span in other.spans]


async def test_a_file_is_one_utterance_with_its_text(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(np.concatenate([quiet(0.5), tone(0.3), quiet(0.2)])))
    with pytest.raises(ConfigError, match=r"a\.wav needs its text in .*a\.txt"):
        await load_talks(str(path), None, 1)
    (tmp_path / "a.txt").write_text("one\n two", "utf-8")
    (talk,) = await load_talks(str(path), None, 1)
    (span,) = talk.spans
    assert span.text == "one two"
    assert (span.start_s, span.end_s) == pytest.approx((0.5, 0.8), abs=0.011)
    assert talk.duration_s == pytest.approx(1.0 + TRAILING_QUIET_S)


async def test_another_language_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prompts-fr").mkdir()
    (tmp_path / "prompts-fr" / "a.wav").write_bytes(wav_bytes(tone(0.1)))
    (tmp_path / "prompts-fr" / "a.txt").write_text("bonjour", "utf-8")
    monkeypatch.setattr("voxtide.bench.load.corpora.corpus.corpora_directory", lambda: tmp_path)
    with pytest.raises(ConfigError, match="corpus 'prompts-fr' is French; the peers are set to English"):
        await load_talks("talks", "prompts-fr", 1)


async def test_the_utterances_of_a_directory_have_true_bounds(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes(wav_bytes(np.concatenate([quiet(0.2), tone(0.3), quiet(0.4)])))
        (tmp_path / f"{name}.txt").write_text("one two", "utf-8")
    (talk,) = await load_talks("talks", str(tmp_path), 1)
    assert [span.end_s - span.start_s for span in talk.spans] == pytest.approx([0.3, 0.3], abs=0.021)
    first, second = talk.spans
    assert 0.5 + 0.6 <= second.start_s - first.end_s <= 1.5 + 0.7
