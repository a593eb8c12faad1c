"""Invented numbers: digits that the text has and that were not spoken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.media_files import wav_bytes
from voxtide.bench.figures.completeness import NUM_QUICK_STARTS, has_invented_number, measure_numbers
from voxtide.bench.load.corpora.corpus import open_corpus
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted import speak
from voxtide.errors import ConfigError


@pytest.mark.parametrize(
    ("spoken", "written", "is_invented"),
    [("1", "18004395732", True), ("", "5", True), ("12", "13", False), ("1 2", "12", False), ("4", "for", False)],
)
def test_a_number_is_invented_if_it_has_more_digits(spoken: str, written: str, is_invented: bool) -> None:
    assert has_invented_number(("a prompt", spoken, written)) is is_invented


async def test_prompts_are_transcribed_from_several_starts(tmp_path: Path) -> None:
    texts = {"a": "press 1 to go", "b": "press star", "c": "dial 2", "d": "Press 3 now"}
    for name, text in texts.items():
        (tmp_path / f"{name}.wav").write_bytes(wav_bytes(speak(text.replace("1", "1732"))))
        (tmp_path / f"{name}.txt").write_text(text)
    lines: list[str] = []
    async with load_engine("scripted") as engine:
        choice = BenchEngine("scripted")
        corpus = open_corpus(str(tmp_path))
        session = BenchSession(choice, engine, size="quick", progress=lines.append, corpus=corpus)
        figure = await measure_numbers(session)
    assert figure.details["prompts"] == ["a", "d"]
    invented, _ = figure.measures
    assert invented.value == NUM_QUICK_STARTS, "of one of the two"
    assert len(figure.errors) == invented.value
    assert len(figure.details["words"]["parts"]) == 2, "the starts of a prompt are not independent"
    assert lines == ["a, prompt 1 of 2: 5 starts", "d, prompt 2 of 2: 5 starts"]


async def test_a_corpus_without_such_prompts_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_bytes(speak("press star")))
    (tmp_path / "a.txt").write_text("press star")
    async with load_engine("scripted") as engine:
        corpus = open_corpus(str(tmp_path))
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=print, corpus=corpus)
        with pytest.raises(ConfigError, match="no prompt that begins with 'press' and has a digit"):
            await measure_numbers(session)
