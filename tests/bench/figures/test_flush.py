"""Flush latencies, on handwritten events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from voxtide.bench.figures import flush
from voxtide.bench.figures.flush import error_measures, latencies_ms, latency_measures
from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan
from voxtide.bench.load.play import Played, TimedEvent, play
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.bench.load.utterances import UtteranceTalks, utterance_talks
from voxtide.bench.load.variants import quiet
from voxtide.bench.word_errors import word_errors
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted import speak
from voxtide.transcript.events import Delta, Flushed
from voxtide.types import Transcript


def played(flushed_at_s: tuple[float, ...], *answers: tuple[int, float]) -> Played:
    events = tuple(TimedEvent(Flushed(flush_id, "", (), at_s), at_s) for flush_id, at_s in answers)
    return Played((TimedEvent(Delta("a", 0.1), 0.1), *events), flushed_at_s, (), 0.0, Transcript("", (), None, 1.0))


def test_each_answer_is_matched_with_its_flush() -> None:
    assert latencies_ms(played((1.0, 2.0, 2.5), (1, 1.004), (2, 2.6), (3, 2.61))) == pytest.approx([4, 600, 110])


def test_flushes_without_exactly_one_answer_have_no_latency() -> None:
    assert latencies_ms(played((1.0, 2.0, 3.0), (1, 1.1), (1, 1.2), (3, 3.02))) == pytest.approx([20])
    assert latencies_ms(played((1.0,))) == []


def test_unanswered_flushes_are_reported_even_if_none_was_answered() -> None:
    *latencies, unanswered = latency_measures([4.0, 8.0], 3)
    assert [measure.value for measure in latencies] == [4, 8, 8]
    assert (unanswered.value, unanswered.is_met) == (1, False)
    (alone,) = latency_measures([], 3)
    assert (alone.name, alone.value, alone.is_met) == ("flushes unanswered", 3, False)


async def test_an_engine_that_answers_no_flush_has_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unanswering(*arguments: Any, **options: Any) -> Played:
        return played((1.0, 2.0))

    talk = CorpusTalk("coded", quiet(1.0), (SpokenSpan(0.0, 1.0, "the tower"),))
    monkeypatch.setattr(flush, "play", unanswering)
    monkeypatch.setattr(flush, "feeding_note", lambda plays: "fed in time")
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        session._shared[utterance_talks, "quick"] = UtteranceTalks("code", "en", (talk,))
        figure = await flush.measure(session)
    assert figure.measures[0].name == "flushes unanswered" and figure.measures[0].value == 12
    assert figure.plots == ()


def test_what_flushes_add_is_the_difference_of_the_rates() -> None:
    spoken = ["go home", "press one now", "wait here"]
    plain = word_errors("talk", spoken, "go home press one now wait here")
    flushed = word_errors("talk", spoken, "go home press two now wait here")
    before, after, added = error_measures(plain, flushed)
    assert (before.value, after.value) == (0, pytest.approx(100 / 7))
    assert added.value == pytest.approx(100 / 7) and added.is_met is False
    assert "95 % interval +0.0 to +" in added.method


async def test_the_talks_are_transcribed_without_and_with_a_flush_at_every_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flushed_at_s: list[tuple[float, ...]] = []

    async def noting(*arguments: Any, **options: Any) -> Played:
        flushed_at_s.append(tuple(options["flush_at_s"]))
        return await play(*arguments, **options)

    monkeypatch.setattr(flush, "play", noting)
    words = speak("the white tower")
    end_s = 0.5 + len(words) / 16000
    talk = CorpusTalk("coded", np.concatenate([quiet(0.5), words]), (SpokenSpan(0.5, end_s, "the white tower"),))
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        errors = await flush._errors(session, UtteranceTalks("code", "en", (talk,)))
    assert flushed_at_s == [(), (pytest.approx(end_s + 0.25),)]
    assert [(found.num_words, found.num_errors) for found in errors.values()] == [(3, 0), (3, 0)]
