"""`case` runs a test for every engine; `engine` is that engine, shared; `fresh_engine` may be broken by the test.

Engines whose extra or model is missing are skipped; with VOXTIDE_REQUIRE_ENGINES=1 they fail.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.support.engine_cases import VLLM, VOXTIDE, AnyEngine, EngineCase, cases
from voxtide.errors import MissingExtraError, ModelMissingError

pytest.register_assert_rewrite("tests.support.stream_runs")  # it contains assertions

_CASES = [
    pytest.param(case, id=case.name, marks=[pytest.mark.whisper] if case.name == "whisper" else []) for case in cases()
]


@pytest.fixture(params=_CASES)
def case(request: pytest.FixtureRequest) -> EngineCase:
    return request.param


@pytest.fixture(scope="session")
def loaded_engines() -> Iterator[dict[str, AnyEngine]]:
    """Engines by case name, shared because loading a model takes longer than most tests."""
    engines: dict[str, AnyEngine] = {}
    yield engines
    for engine in engines.values():
        asyncio.run(engine.close())
    VOXTIDE.close()
    VLLM.close()


@pytest.fixture
def engine(case: EngineCase, loaded_engines: dict[str, AnyEngine]) -> Iterator[AnyEngine]:
    if case.name not in loaded_engines:
        loaded_engines[case.name] = _made(case)
    engine = loaded_engines[case.name]
    yield engine
    assert engine.num_open_streams == 0


@pytest.fixture
def fresh_engine(case: EngineCase) -> Iterator[AnyEngine]:
    engine = _made(case)
    yield engine
    asyncio.run(engine.close())
    assert engine.num_open_streams == 0


def _made(case: EngineCase) -> AnyEngine:
    try:
        return case.make_engine()
    except (MissingExtraError, ModelMissingError) as error:
        if os.environ.get("VOXTIDE_REQUIRE_ENGINES") == "1":
            raise
        pytest.skip(str(error))
