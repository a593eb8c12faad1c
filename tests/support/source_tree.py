"""The source of voxtide as data, for the tests of the house rules. In: Python files. Out: modules and their imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "voxtide"


@dataclass(frozen=True)
class Module:
    """A source file and its import name."""

    name: str
    text: str
    tree: ast.Module

    def is_in(self, *rooms: str) -> bool:
        """Whether the module is in one of `rooms` ("cli", "engines.local")."""
        inner_name = self.name.removeprefix("voxtide.")
        return any(inner_name == room or inner_name.startswith(f"{room}.") for room in rooms)

    def at(self, node: ast.AST | int, what: str) -> str:
        """Formats a finding with its location."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return f"{self.name}:{line}: {what}"


@dataclass(frozen=True)
class Import:
    """An imported module. `is_eager`: importing the importing module imports it too."""

    name: str
    line: int
    is_eager: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def module_of(text: str, name: str = "voxtide.example") -> Module:
    """A module without a file, to test a rule."""
    return Module(name, text, ast.parse(text))


@cache
def modules() -> tuple[Module, ...]:
    """All modules of the package."""
    return _modules_below(PACKAGE)


@cache
def modules_beside_the_package() -> tuple[Module, ...]:
    """All modules of the tests, examples, scripts and benchmarks."""
    folders = ("tests", "examples", "scripts", "benchmarks")
    return tuple(module for folder in folders for module in _modules_below(ROOT / folder))


def _modules_below(folder: Path) -> tuple[Module, ...]:
    own = (path for path in folder.iterdir() if not path.name.startswith("."))  # not the environments of peers
    paths = sorted(path for top in own for path in ([top] if top.suffix == ".py" else top.rglob("*.py")))
    return tuple(module_of(path.read_text("utf-8"), _name(path.relative_to(folder.parent))) for path in paths)


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(module: Module) -> list[Import]:
    """All imports of a module, at any level."""
    return list(_imports(module.tree, is_eager=True))


def _imports(node: ast.AST, *, is_eager: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, node.lineno, is_eager) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0 and node.module, "we import by full names"
        yield from (Import(f"{node.module}.{alias.name}", node.lineno, is_eager) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, is_eager=is_eager and not _is_lazy(child, node))


def _is_lazy(child: ast.AST, parent: ast.AST) -> bool:
    if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    is_for_types = isinstance(parent, ast.If) and ast.unparse(parent.test).endswith("TYPE_CHECKING")
    return is_for_types and child in parent.body
