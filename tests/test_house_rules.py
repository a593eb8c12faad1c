"""Rules of the house that no linter knows: docstrings, sizes, who reads the environment, who prints."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT, Module, module_of, modules, modules_beside_the_package

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 50
ENVIRONMENT_NAMES = {"environ", "environb", "getenv", "getenvb"}

Rule = Callable[[Module], Iterator[str]]


def says_what_it_is(module: Module) -> Iterator[str]:
    first_line, _, rest = (ast.get_docstring(module.tree) or "").partition("\n")
    if len(first_line.split()) < 3 or (rest and not rest.startswith("\n")):
        yield module.at(1, "needs a docstring whose first line, one sentence or a few, says what the module is")


def has_a_readable_size(module: Module) -> Iterator[str]:
    num_lines = module.text.count("\n")
    if num_lines > MAX_FILE_LINES:
        yield module.at(1, f"{num_lines} lines; the wall is {MAX_FILE_LINES}")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body
            num_lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            if num_lines > MAX_FUNCTION_LINES:
                yield module.at(node, f"{node.name} has {num_lines} lines; the wall is {MAX_FUNCTION_LINES}")


def leaves_the_environment_alone(module: Module) -> Iterator[str]:
    if module.is_in("cli", "api"):
        return
    for node in ast.walk(module.tree):
        names = {node.attr} if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os" else set()
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
        for name in sorted(names & ENVIRONMENT_NAMES):
            yield module.at(node, f"os.{name}: only cli/ and api.py read the environment")


def prints_only_in_cli(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and not module.is_in("cli"):
            yield module.at(node, "print: only cli/ writes to the terminal")


def gives_a_reason_for_each_ignore(module: Module) -> Iterator[str]:
    if not re.search(r"#\s*(type: ?ignore|noqa|pragma)", module.text):  # tokens take long
        return
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        is_comment = token.type == tokenize.COMMENT
        if is_comment and re.search(r"#\s*(type: ?ignore|noqa|pragma)(?![^#]*#\s*\w+)", token.string):
            yield module.at(token.start[0], "an ignore without its reason beside it")


NEVER = re.compile(
    r"\b(?:told|tells?|telling|hears?|heard|hearing|nobody|somebody|whoever|anybody|ruts?|hangs? on|hangs? up|for good|"
    r"settled|settling|glances?|glimpses?|lanes?|lingers?|lingering|looks again|twice is the same as once|wording|"
    r"courier|teller|dialler|dreams?|dreamt|wishes|mends?|astray|journal|news|is kept waiting|interim tail|"
    r"same door)\b".replace(" ", r"[\s#*/]+"),
    re.IGNORECASE,
)
"""Words of a private language, also across lines and signs of comments. The glossary in ARCHITECTURE.md has the field's
word for each."""

TEXT_SUFFIXES = {".py", ".md", ".js", ".html", ".css", ".toml", ".yaml", ".json", ".svg"}
_NOT_PROSE = re.compile(r"\.tell\(\)|\bdef tell\(")
"""The file method, which Python names."""


def private_words(text: str) -> Iterator[tuple[int, str]]:
    """Such words with their lines, also inside names: `heard_at_s`, `numTold`, `_Teller`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _NOT_PROSE.sub("", text)).replace("_", " ")
    lines = text.split("\n")
    for found in NEVER.finditer(words):
        number = words.count("\n", 0, found.start()) + 1
        yield number, f"{found[0]!r}: {lines[number - 1].strip()[:100]}"


def texts() -> Iterator[Path]:
    """Everything a user or a contributor reads, except tests and the texts of recordings."""
    for folder in ("src", "docs", "scripts", "examples", "deploy", "benchmarks/adapters", "benchmarks", "."):
        pattern = "*" if folder in ("benchmarks", ".") else "**/*"  # not peers' environments, nor their texts
        paths = (path for path in (ROOT / folder).glob(pattern) if path.suffix in TEXT_SUFFIXES)
        yield from (path for path in paths if (path.suffix, path.parent.name) != (".json", "data"))
    yield from (path for path in (ROOT / "scripts").iterdir() if path.suffix == "")


def test_texts_use_the_terms_of_the_field() -> None:
    paths = sorted(set(texts()))
    assert len(paths) > 200
    assert [
        f"{path.relative_to(ROOT)}:{line}: {found}"
        for path in paths
        if path.is_file()
        for line, found in private_words(path.read_text("utf-8"))
    ] == []


@pytest.mark.parametrize(
    "text", ["clients are told why", "_heard_at_s = 0", "numTold", "class Teller:", "hangs on it", "# hangs\n  # on it"]
)
def test_a_private_word_is_found(text: str) -> None:
    assert list(private_words(text))


@pytest.mark.parametrize("text", ["position = file.tell()", "a tolderone", "rutabaga", "the tellurium server"])
def test_other_words_are_left_alone(text: str) -> None:
    assert not list(private_words(text))


RULES: dict[Rule, str] = {
    says_what_it_is: "import os\n",
    has_a_readable_size: "def long():\n" + "    pass\n" * 51,
    leaves_the_environment_alone: "import os\nhome = os.environ['HOME']\n",
    prints_only_in_cli: "def f():\n    print('x')\n",
    gives_a_reason_for_each_ignore: "x = 1  # type: ignore[misc]\n",
}
"""Each rule with a module that breaks it."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module(rule: Rule) -> None:
    assert len(modules()) > 20
    assert [finding for module in modules() for finding in rule(module)] == []


def test_every_ignore_elsewhere_has_its_reason() -> None:
    others = modules_beside_the_package()
    assert {module.name.partition(".")[0] for module in others} == {"tests", "examples", "scripts", "benchmarks"}
    assert [finding for module in others for finding in gives_a_reason_for_each_ignore(module)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_breaks_it(rule: Rule) -> None:
    assert list(rule(module_of(RULES[rule])))


def test_the_package_has_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert version("voxtide") == project["version"]
