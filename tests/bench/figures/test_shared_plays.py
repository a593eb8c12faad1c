"""Accuracy, stability and latency over several recordings, from handwritten plays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from voxtide.bench.figure import Figure
from voxtide.bench.figures import accuracy, utterances, words
from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan
from voxtide.bench.load.play import Played, TimedEvent
from voxtide.bench.load.recordings import BenchRecording
from voxtide.bench.load.session import LIVE_OPTIONS, BenchEngine, BenchSession
from voxtide.bench.load.utterances import UtterancePlays, UtteranceTalks, utterance_plays
from voxtide.engines.registry import load_engine
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta, Interim
from voxtide.types import Samples, StreamOptions, Transcript, Word

NOISE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
TEN = BenchRecording("ten", "Ten of clubs", NOISE, (Word("ten", 0, 0.2), Word("of", 0.2, 0.3), Word("clubs", 0.3, 0.5)))
GO = BenchRecording("go", "go", NOISE[:8000], (Word("go", 0.1, 0.2),))
SILENT = BenchRecording("silent", "hush", NOISE[:800], (Word("hush", 0.0, 0.05),))


def played(text: str, *events: TimedEvent) -> Played:
    return Played(events, (), (0.0, 0.001), 0.1, Transcript(text, (), None, 1.0))


TALK_EVENTS = TimedEvent(Interim("no", 0.3), 0.3), TimedEvent(Interim("go", 0.3), 0.3), TimedEvent(Delta("Go", 1), 1)


class FakeSession(BenchSession):
    """A session with given plays, whose engine transcribes any audio as `fast`."""

    def __init__(self, plays: list[tuple[BenchRecording, Played]], *, fast: str = "Ten of clubs") -> None:
        super().__init__(BenchEngine("scripted"), load_engine("scripted"), size="quick", progress=lambda line: None)
        self.talk_events: tuple[TimedEvent, ...] = TALK_EVENTS
        self.recordings = tuple(recording for recording, _ in plays)
        self._plays = plays
        self._fast = fast

    async def paced(self) -> list[tuple[BenchRecording, Played]]:
        return self._plays

    async def shared(self, make: object) -> Any:
        assert make is utterance_plays
        talk = CorpusTalk("talk", NOISE, (SpokenSpan(0.1, 0.2, "go"),))
        return UtterancePlays(UtteranceTalks("a source", "en", (talk,)), (played("", *self.talk_events),))

    async def text(self, samples: Samples, options: StreamOptions) -> str:
        return "Ten of gloves" if options is LIVE_OPTIONS else self._fast


def values(figure: Figure) -> dict[str, float]:
    return {measure.name: measure.value for measure in figure.measures}


async def test_accuracy_covers_each_set_and_the_effect_of_real_time() -> None:
    session = FakeSession([(TEN, played("Ten of cloves, sure"))])
    async with session.engine:
        figure = await accuracy.measure(session)
    assert values(figure) == {
        "WER, clean, live, real time": pytest.approx(200 / 3),
        "WER, clean, live": pytest.approx(100 / 3),
        "WER, clean, fast": 0,
        "WER, noise, live": pytest.approx(100 / 3),
        "WER, noise, fast": 0,
        "text that differs, real time or not": 2,
    }
    assert figure.details["clean, live"] == {"words": 3, "errors": 1, "parts": ((3, 1),)}
    assert "noise, live: ten: clubs -> gloves" in figure.errors


async def test_stability_sums_over_recordings() -> None:
    session = FakeSession(
        [
            (TEN, played("", TimedEvent(Interim("ten oh", 0.3), 0.3), TimedEvent(Delta("Ten of clubs.", 1.0), 1.0))),
            (
                GO,
                played(
                    "",
                    TimedEvent(Interim("go", 0.3), 0.3),
                    TimedEvent(Interim("go on", 0.4), 0.4),
                    TimedEvent(Delta("Go", 1), 1),
                ),
            ),
        ]
    )
    async with session.engine:
        figure = await words.measure_stability(session)
    assert values(figure) == {
        "stable words retracted": 0,
        "interim words changed": 50,
        "interim words changed, talks": 50,
    }
    assert figure.errors == ("ten, word 2: oh -> of", "go, word 2: on -> (nothing)", "talk, word 1: no -> go")


async def test_latencies_of_all_recordings_form_one_distribution() -> None:
    session = FakeSession(
        [
            (TEN, played("", TimedEvent(Interim("ten", 0.2), 0.5), TimedEvent(Delta("Ten of gloves", 1.0), 1.0))),
            (GO, played("", TimedEvent(Delta("Go", 1.0), 0.3))),
        ]
    )
    async with session.engine:
        figure = await words.measure_latency(session)
    assert figure.details["first_ms"] == pytest.approx([300, 700, 100])
    assert figure.details["stable_ms"] == pytest.approx([800, 700, 100])
    assert values(figure) == {
        "word to first text, p50": pytest.approx(300),
        "word to first text, p95": pytest.approx(700),
        "word to stable, p50": pytest.approx(700),
        "word to stable, p95": pytest.approx(800),
        "phrase to stable, p50": pytest.approx(100),
        "phrase to stable, p95": pytest.approx(100),
        "words without a latency": 1,
    }
    assert figure.notes == ("chunks were fed 1.0 ms late at p95, which the latencies include",)


async def test_phrases_whose_last_word_is_missing_have_no_latency() -> None:
    session = FakeSession([(TEN, played("", TimedEvent(Delta("Ten of gloves", 1.0), 1.0)))])
    async with session.engine:
        figure = await words.measure_latency(session)
    assert [name for name in values(figure) if name.startswith("phrase")] == []
    assert [line.label for line in figure.plots[0].lines] == ["first text", "stable"]


async def test_without_interim_text_its_stability_has_no_verdict() -> None:
    session = FakeSession([(GO, played("", TimedEvent(Delta("Go", 1.0), 0.3)))])
    async with session.engine:
        figure = await words.measure_stability(session)
    assert [measure.is_met for measure in figure.measures] == [True, None, False]


@pytest.mark.parametrize(
    "measure",
    [words.measure_latency, words.measure_stability, utterances.measure_latency, utterances.measure_endpointing],
)
async def test_an_engine_without_text_has_no_figures(measure: Callable[[BenchSession], Awaitable[Figure]]) -> None:
    session = FakeSession([(SILENT, played(""))])
    session.talk_events = ()
    async with session.engine:
        with pytest.raises(VoxtideError, match="nothing to measure"):
            await measure(session)
