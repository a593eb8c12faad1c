"""What an engine refuses, and why."""

from __future__ import annotations

from voxtide.types import EngineInfo


def test_an_engine_that_takes_anything_refuses_nothing() -> None:
    engine = EngineInfo(name="test", model="m", delays_ms=(80,), can_use_vocabulary=True)
    assert engine.model_refusal("anything") is engine.language_refusal("xx") is engine.delay_refusal(80) is None
    assert engine.vocabulary_refusal() is engine.turns_refusal() is None


def test_a_refusal_names_the_accepted_values() -> None:
    engine = EngineInfo(
        name="test",
        model="tiny",
        models=("tiny", "alias"),
        languages=("en",),
        delays_ms=(80, 160),
        can_detect_turns=False,
    )
    assert engine.model_refusal("tiny") is engine.model_refusal("alias") is None
    assert engine.model_refusal("x" * 500) == f"Invalid model: '{'x' * 80}...'; this server has tiny, alias"
    assert engine.language_refusal("de") == "tiny cannot transcribe 'de': it knows en"
    assert engine.delay_refusal(100) == "tiny has no delay of 100 ms; it has 80, 160"
    assert engine.vocabulary_refusal() and engine.turns_refusal()


def test_of_many_languages_a_refusal_names_the_nearest() -> None:
    languages = ("en", "fr", "de", "es", "it", "nl", "da", "sv", "no", "fi", "cs", "pl", "ru", "uk", "el", "tr")
    assert EngineInfo(name="test", model="large", languages=languages).language_refusal("fy") == (
        "large cannot transcribe 'fy': it knows 16 languages, the nearest of which are Russian (ru), Ukrainian (uk), "
        "Norwegian (no), Italian (it), French (fr)"
    )
