"""What was spoken: text files, known recordings, and the engine's reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.pulled_models import recording
from voxtide.bench.compare import reference
from voxtide.bench.compare.reference import read_text, reference_of, text_beside
from voxtide.engines.scripted import ScriptedEngine, speak
from voxtide.errors import ConfigError
from voxtide.types import EngineInfo, StreamOptions, Transcript

FAST = StreamOptions(pace="fast", interim=False)


class WithoutTimes(ScriptedEngine):
    """Reads no word times."""

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(name="plain", model="p", word_times="estimated")


async def test_the_text_and_the_times_of_a_bench_recording_are_known() -> None:
    async with WithoutTimes() as engine:
        found = await reference_of(engine, recording("beckett.wav"), FAST, None)
    assert found.timing == "known"
    assert found.text is not None and found.text.startswith("Ever tried.")
    assert [word.text for word in found.words[:2]] == ["ever", "tried"]


async def test_a_text_file_replaces_the_known_text_and_keeps_the_times(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Ever tied.")
    async with WithoutTimes() as engine:
        found = await reference_of(engine, recording("beckett.wav"), FAST, tmp_path / "mine.txt")
    assert (found.text, found.origin, found.timing) == ("Ever tied.", "mine.txt", "known")


async def test_the_times_of_another_recording_are_read() -> None:
    async with ScriptedEngine() as engine:
        found = await reference_of(engine, speak("Ever ill-tried"), FAST, None)
    assert (found.text, found.timing) == (None, "read")
    assert [word.text for word in found.words] == ["ever", "ill", "tried"]
    assert (found.words[0].start_s, found.words[0].end_s) == pytest.approx((0, 0.32))


@pytest.mark.parametrize(
    ("engine", "text", "reason"),
    [
        (WithoutTimes(), "no", "the engine plain reads no word times"),
        (ScriptedEngine(), "", "the engine found no words"),
    ],
)
async def test_without_word_times_the_reason_is_named(engine: ScriptedEngine, text: str, reason: str) -> None:
    async with engine:
        found = await reference_of(engine, np.concatenate([speak(text), np.zeros(8000, np.float32)]), FAST, None)
    assert (found.words, found.timing) == ((), "none")
    assert reason in found.reason


def test_scripts_without_spaces_have_no_words() -> None:
    assert reference._words(Transcript("\u4f60\u597d", (), "zh", 1.0)) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe\xfa", "is no text in UTF-8; convert it"),
        (b" ...\n", "has no words"),
        (b"word " * 200_001, "has more than 1000000 bytes"),
    ],
)
def test_a_file_that_is_no_reference_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_text(path)


def test_a_reference_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the reference .*no\.txt: No such file"):
        read_text(tmp_path / "no.txt")


def test_the_text_of_the_same_name_is_found(tmp_path: Path) -> None:
    source = tmp_path / "talk.wav"
    assert text_beside(source) is None
    (tmp_path / "talk.txt").write_text("Ever tried.")
    assert text_beside(source) == tmp_path / "talk.txt"
    assert text_beside(tmp_path / "talk.txt") is None, "a source is not its own text"
