"""The public API is exactly `voxtide.__all__`."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

import voxtide
from tests.support.source_tree import PACKAGE


@pytest.mark.parametrize("name", voxtide.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(voxtide, name) is not None


def test_the_list_is_sorted_without_duplicates() -> None:
    constants = [name for name in voxtide.__all__ if name.isupper()]
    classes = [name for name in voxtide.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in voxtide.__all__ if name.islower()]
    assert voxtide.__all__ == sorted(set(constants)) + sorted(set(classes)) + sorted(set(functions))
    assert set(dir(voxtide)) == {*voxtide.__all__, "__version__"}


def test_every_name_has_one_home() -> None:
    assert sorted(name for names in voxtide._HOMES.values() for name in names) == sorted(voxtide.__all__)


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    seen: dict[str, str] = {}
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("voxtide."):
            seen |= {alias.name: node.module for alias in node.names}
    assert sorted(seen) == sorted(voxtide.__all__)
    for name, home in seen.items():
        assert getattr(voxtide, name) is getattr(import_module(home), name)


def test_every_error_and_event_is_public() -> None:
    for home in ("voxtide.errors", "voxtide.transcript.events"):
        module = import_module(home)
        classes = {name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == home}
        assert {name for name in classes if not name.startswith("_")} <= set(voxtide.__all__)


def test_the_version_is_the_distributions() -> None:
    assert voxtide.__version__ == version("voxtide")


def test_an_unknown_name_raises() -> None:
    with pytest.raises(AttributeError, match="no attribute 'transcibe'"):
        voxtide.transcibe  # type: ignore[attr-defined]  # noqa: B018  # it must not exist


def test_events_and_errors_need_no_engine_library() -> None:
    program = "import sys, voxtide as v; v.Delta, v.AudioError; print({'av', 'onnxruntime'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
