from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.protocols.session_info import language_code
from voxtide.types import EngineInfo


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en", "en"), ("EN", "en"), ("en-US", "en"),
     (" zh_Hans_CN ", "zh"), ("yue", "yue"), ("e", None), ("english", None),
     ("", None), ("en-", None), ("12", None), ("日本", None)],
)  # fmt: skip
def test_the_language_of_a_tag(tag: str, code: str | None) -> None:
    assert language_code(tag) == code


@given(st.text())
def test_any_tag_gives_a_short_ascii_code_or_none(tag: str) -> None:
    code = language_code(tag)
    assert code is None or (code.isascii() and code.islower() and len(code) in (2, 3))


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
