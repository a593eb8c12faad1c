from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from voxtide.engines.registry import ENGINE_NAMES, ENGINES, load_engine
from voxtide.errors import ConfigError
from voxtide.models import ModelStore
from voxtide.models.manifest import Manifest


async def test_an_engine_is_loaded_by_its_name() -> None:
    async with load_engine("scripted", max_streams=3) as engine:
        assert engine.info.name == "scripted"


@pytest.mark.parametrize(("name", "hint"), [("moonshin", "moonshine"), ("Whisper", "whisper"), ("scripts", "scripted")])
def test_an_unknown_name_is_answered_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"no engine '{name}': did you mean {hint}\\? voxtide has "):
        load_engine(name)


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    with pytest.raises(ConfigError, match=f"no engine 'xyz': voxtide has {', '.join(ENGINE_NAMES)}"):
        load_engine("xyz")


def test_an_option_that_an_engine_does_not_know_is_refused_by_name_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match=r"engine 'moonshine' has no option 'window-minutes'; engine voxtral has"):
        load_engine("moonshine", options={"window_minutes": 2.0})
    with pytest.raises(ConfigError, match=r"engine 'voxtral' has no option 'colour'; nor has any other"):
        load_engine("voxtral", options={"colour": "red"})
    with pytest.raises(ConfigError, match=r"engine 'vllm' has no option 'device'"):
        load_engine("vllm", options={"device": "cpu"})


@pytest.mark.parametrize("name", ["moonshine", "whisper"])
def test_an_engine_whose_models_lie_in_a_store_needs_one(name: str) -> None:
    with pytest.raises(ConfigError, match=f"engine '{name}' needs a model store; pass store="):
        load_engine(name)


@pytest.mark.parametrize("name", ENGINE_NAMES)
@pytest.mark.parametrize("count", ["num_threads", "max_streams"])
def test_numbers_that_cannot_be_are_refused_by_name_before_anything_is_loaded(name: str, count: str) -> None:
    with pytest.raises(ConfigError, match=f"^{count} is 0; it must be 1 or more"):
        load_engine(name, **{count: 0})  # type: ignore[arg-type]  # both are int


@pytest.mark.parametrize("name", ["remote", "vllm"])
def test_threads_are_not_for_an_engine_elsewhere(name: str) -> None:
    with pytest.raises(ConfigError, match=f"engine '{name}' computes elsewhere"):
        load_engine(name, num_threads=2, server="http://localhost:8000", model="any")


@pytest.mark.parametrize("name", ["moonshine", "scripted"])
def test_a_model_of_another_engine_is_refused_before_it_is_pulled(name: str, tmp_path: Path) -> None:
    store = ModelStore(tmp_path, manifest=Manifest.packaged(), sources=())
    with pytest.raises(ConfigError, match=f"engine '{name}' cannot run model 'whisper-base', which is for whisper"):
        load_engine(name, model="whisper-base", store=store)


def test_an_engines_options_are_keywords_of_its_load() -> None:
    pytest.importorskip("torch")
    for entry in ENGINES.values():
        keywords = inspect.signature(importlib.import_module(entry.module).load).parameters
        assert set(entry.options) <= set(keywords)


def test_each_engine_says_what_it_is() -> None:
    assert all("\n" not in entry.description and len(entry.description) > 20 for entry in ENGINES.values())


def test_no_engine_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, voxtide.engines.registry as registry\n"
        "print([e.module for e in registry.ENGINES.values() if e.module in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"
