"""Engines by name: what `auto` means, and what is refused before anything is loaded."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from voxtide.engines import registry
from voxtide.engines.registry import AUTO, ENGINE_NAMES, ENGINES, engine_for, load_engine
from voxtide.errors import ConfigError, MissingExtraError, UnsupportedOptionError, install_command
from voxtide.models import ModelStore
from voxtide.models.manifest import Manifest


async def test_loads_an_engine_by_name() -> None:
    async with load_engine("scripted", max_streams=3) as engine:
        assert engine.info.name == "scripted"


@pytest.mark.parametrize(("name", "hint"), [("moonshin", "moonshine"), ("Whisper", "whisper"), ("scripts", "scripted")])
def test_unknown_name_suggests_the_closest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"There is no engine '{name}'; choose from .* \(did you mean {hint}\?\)$"):
        load_engine(name)


@pytest.mark.parametrize(
    ("language", "model", "engine"),
    [(None, None, "moonshine"), ("English", None, "moonshine"), ("en-GB", None, "moonshine"), ("fr", None, "whisper"),
     ("français", None, "whisper"), (None, "whisper-base", "whisper"), ("en", "whisper-tiny.en", "whisper"),
     (None, "moonshine-tiny-en", "moonshine"), (None, "voxtral", "voxtral"), (None, "large-v3", "whisper"),
     (None, "Systran/faster-whisper-small", "whisper"), ("fr", ".", "whisper"), (None, ".", "moonshine")],
)  # fmt: skip  # a table of short cases
def test_auto_is_decided_by_the_model_or_the_language(language: str | None, model: str | None, engine: str) -> None:
    assert engine_for(AUTO, language=language, model=model) == engine
    assert engine_for("scripted", language=language, model=model) == "scripted"


def test_a_translation_needs_an_engine_that_can() -> None:
    assert engine_for(AUTO, task="translate") == engine_for(AUTO, language="en", task="translate") == "whisper"
    assert engine_for("whisper", task="translate") == "whisper"
    for name in ("moonshine", "voxtral", "remote", "vllm"):
        with pytest.raises(UnsupportedOptionError, match=f"engine '{name}' cannot translate; use engine whisper"):
            engine_for(name, task="translate")


@pytest.mark.parametrize("model", ["small.en", "whisper-tiny.en", "distil-small.en", "owner/whisper.en"])
def test_an_english_model_is_refused_for_more_before_it_is_downloaded(model: str) -> None:
    for name in (AUTO, "whisper"):
        with pytest.raises(UnsupportedOptionError, match=f"'{model}' cannot transcribe 'fr': it knows only English"):
            engine_for(name, language="French", model=model)
        with pytest.raises(UnsupportedOptionError, match=f"'{model}' cannot translate"):
            engine_for(name, model=model, task="translate")
        assert engine_for(name, model=model, language="en") == "whisper"
        assert engine_for(name, model="small", language="fr") == "whisper"


def test_auto_without_the_extra_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    store = ModelStore(tmp_path, manifest=Manifest.packaged(), sources=(), is_offline=True)
    with pytest.raises(MissingExtraError, match=f"'whisper' needs .*{re.escape(install_command('whisper'))}$"):
        load_engine(AUTO, language="fr", store=store)


@pytest.mark.parametrize("has_extra", [True, False])
def test_a_language_the_engine_lacks_is_refused_with_the_engine_that_has_it(
    monkeypatch: pytest.MonkeyPatch, has_extra: bool
) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _: object() if has_extra else None)
    first = "" if has_extra else rf" \(first install its extra: {re.escape(install_command('whisper'))}\)"
    with pytest.raises(
        UnsupportedOptionError, match=f"'moonshine' cannot transcribe 'fr': it knows en; use engine whisper{first}$"
    ):
        load_engine("moonshine", language="French")
    with pytest.raises(UnsupportedOptionError, match="no language 'frnch'"):
        load_engine(AUTO, language="frnch")


def test_unknown_name_lists_the_engines() -> None:
    with pytest.raises(ConfigError, match=f"There is no engine 'xyz'; choose from auto, {', '.join(ENGINE_NAMES)}$"):
        load_engine("xyz")


def test_unknown_option_is_named_before_loading() -> None:
    with pytest.raises(
        ConfigError, match=r"engine 'moonshine' has no option 'window-minutes'; it belongs to engine voxtral"
    ):
        load_engine("moonshine", options={"window_minutes": 2.0})
    with pytest.raises(ConfigError, match=r"engine 'voxtral' has no option 'colour'; no engine has it"):
        load_engine("voxtral", options={"colour": "red"})
    with pytest.raises(ConfigError, match=r"engine 'vllm' has no option 'device'"):
        load_engine("vllm", options={"device": "cpu"})


@pytest.mark.parametrize("name", ["moonshine", "whisper"])
def test_engine_needs_its_model_store(name: str) -> None:
    with pytest.raises(ConfigError, match=f"engine '{name}' needs a model store; pass store="):
        load_engine(name)


@pytest.mark.parametrize("name", ENGINE_NAMES)
@pytest.mark.parametrize("count", ["num_threads", "max_streams"])
def test_invalid_count_is_named_before_loading(name: str, count: str) -> None:
    with pytest.raises(ConfigError, match=f"^{count} is 0; it must be 1 or more"):
        load_engine(name, **{count: 0})  # type: ignore[arg-type]  # both are int


@pytest.mark.parametrize("name", ["remote", "vllm"])
def test_remote_engine_refuses_num_threads(name: str) -> None:
    with pytest.raises(ConfigError, match=f"engine '{name}' runs on a server; leave the number of threads out"):
        load_engine(name, num_threads=2, server="http://localhost:8000", model="any")


@pytest.mark.parametrize("name", ["moonshine", "scripted"])
def test_model_of_another_engine_is_refused_before_the_pull(name: str, tmp_path: Path) -> None:
    store = ModelStore(tmp_path, manifest=Manifest.packaged(), sources=())
    with pytest.raises(ConfigError, match=f"engine '{name}' cannot run model 'whisper-base'; use engine whisper"):
        load_engine(name, model="whisper-base", store=store)


@pytest.mark.parametrize(("name", "package"), [("whisper", "faster-whisper"), ("voxtral", "torch")])
def test_a_missing_extra_is_named_before_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    store = ModelStore(tmp_path, manifest=Manifest.packaged(), sources=(), is_offline=True)
    for model in (None, "small"):
        with pytest.raises(MissingExtraError, match=f"engine '{name}' needs the package '{package}'; install it with"):
            load_engine(name, model=model, store=store)


def test_options_are_keywords_of_load() -> None:
    pytest.importorskip("torch")
    for entry in ENGINES.values():
        keywords = inspect.signature(importlib.import_module(entry.module).load).parameters
        assert set(entry.options) <= set(keywords)


def test_each_engine_has_a_one_line_description() -> None:
    assert all("\n" not in entry.description and len(entry.description) > 20 for entry in ENGINES.values())


def test_registry_imports_no_engine() -> None:
    program = (
        "import sys, voxtide.engines.registry as registry\n"
        "print([e.module for e in registry.ENGINES.values() if e.module in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"
