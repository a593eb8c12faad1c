"""`case` runs a test for every engine; `engine` is that engine, shared; `fresh_engine` may be broken by the test.
`whole` is the engine's result for the case's clip.

Engines whose extra or model is missing are skipped; with VOXTIDE_REQUIRE_ENGINES=1 they fail.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from tests.support.engine_cases import VLLM, VOXTIDE, AnyEngine, EngineCase, cases
from tests.support.stream_runs import StreamResult, transcribe
from voxtide.errors import MissingExtraError, ModelMissingError

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


@pytest.fixture(scope="session")
def wholes() -> dict[str, StreamResult]:
    """The results of `whole` by case name."""
    return {}


@pytest.fixture
def whole(case: EngineCase, engine: AnyEngine, wholes: dict[str, StreamResult]) -> StreamResult:
    """The result for the clip, fed at once. Transcribed once for each engine: a model takes seconds."""
    if case.name not in wholes:
        wholes[case.name] = asyncio.run(transcribe(engine, [case.clip.samples]))
    return wholes[case.name]


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
