"""The names of the figure, and how they are counted."""

from __future__ import annotations

import asyncio

import pytest

from voxtide.bench.figures import vocabulary
from voxtide.bench.figures.vocabulary import LIST_SIZE, NUM_OTHERS, has_name
from voxtide.bench.load.names import VOICES, load_sentences, other_names
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.registry import load_engine
from voxtide.types import Samples, StreamOptions


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("Ask Siobhan.", True),
        ("ask siobhan's sister", True),
        ("Ask Siobhans.", False),
        ("Ask White Tower!", False),
        ("", False),
    ],
)
def test_a_name_is_found_as_whole_words_in_any_case(text: str, is_found: bool) -> None:
    assert has_name(text, "Siobhan") is is_found
    assert has_name("the white tower.", "White Tower")


@pytest.mark.parametrize("voice", VOICES)
def test_every_sentence_has_its_name_and_speech(voice: str) -> None:
    sentences = asyncio.run(load_sentences(voice))
    assert len(sentences) == 40
    for sentence in sentences:
        assert has_name(sentence.text, sentence.name)
        assert 1.0 < len(sentence.samples) / 16_000 < 6.0
        assert 0.3 < abs(sentence.samples).max() <= 1.0


def test_the_other_names_do_not_occur() -> None:
    others = other_names()
    assert len(set(others)) == len(others) == LIST_SIZE == max(NUM_OTHERS)
    spoken = " ".join(it.text for it in (*load_recordings(), *asyncio.run(load_sentences(VOICES[0]))))
    assert not [name for name in others if has_name(spoken, name)]


@pytest.mark.parametrize(
    ("num_before", "num_after", "fixed", "is_met"), [(1, 3, 200 / 3, True), (1, 1, 0, False), (4, 4, 0, None)]
)
def test_misses_are_judged_only_if_there_were_some(
    num_before: int, num_after: int, fixed: float, is_met: bool | None
) -> None:
    measure = vocabulary._Found(4, num_before, num_after, ()).measures("live")[-1]
    assert (measure.value, measure.is_met) == (pytest.approx(fixed), is_met)


class ExactSession(BenchSession):
    """Has the text of every recording."""

    async def text(self, samples: Samples, options: StreamOptions) -> str:
        return next(it.text for it in self.recordings if len(samples) - 16_000 == len(it.samples))


@pytest.mark.parametrize(("engine", "num_measures"), [("scripted", 3), ("remote", 2)])
async def test_the_cost_of_a_servers_vocabulary_is_not_measured(engine: str, num_measures: int) -> None:
    async with load_engine("scripted") as scripted:
        session = ExactSession(BenchEngine(engine), scripted, size="quick", progress=lambda line: None)
        harm = await vocabulary._harm(session, "live", StreamOptions())
    assert harm.plain.num_errors == 0 and len(harm.measures("live")) == num_measures
