"""The shape of the source tree: entries per folder, import levels, and modules that are fragments of another."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import pytest

from tests.support.source_tree import Module, imports, module_of, modules

MAX_ENTRIES = 16
MAX_LEVELS = 5
MAX_FRAGMENTS = 25
FRAGMENT_LINES = 100

LAYERED = {"voxtide": 10, "voxtide.voxtral": 8}
"""Folders whose levels are by design: the rooms (test_import_rules.py), and a model built of layers."""

Graph = dict[str, set[str]]


@cache
def dependencies() -> Graph:
    """Modules by the modules of ours that they import."""
    return graph_of(modules())


def graph_of(of: tuple[Module, ...]) -> Graph:
    names = {module.name for module in of}
    return {module.name: {found for it in imports(module) if (found := _home(it.name, names))} for module in of}


def _home(name: str, names: set[str]) -> str | None:
    """The module that an imported name is in, or None if it is not ours."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name or None


def entries(folder: str, graph: Graph) -> Graph:
    """A folder's files and subfolders by those they import."""
    depth = folder.count(".") + 2
    inside = [name for name in graph if name.startswith(f"{folder}.")]
    found: Graph = {".".join(name.split(".")[:depth]): set() for name in inside}
    for name in inside:
        entry = ".".join(name.split(".")[:depth])
        targets = {".".join(other.split(".")[:depth]) for other in graph[name] if other.startswith(f"{folder}.")}
        found[entry] |= targets - {entry}
    return found


def num_levels(of: Graph) -> int:
    """The longest chain of imports. Fails on a cycle."""
    level: dict[str, int] = {}

    def visit(entry: str, path: tuple[str, ...]) -> int:
        assert entry not in path, f"import cycle: {' -> '.join((*path, entry))}"
        if entry not in level:
            level[entry] = 1 + max((visit(other, (*path, entry)) for other in of[entry]), default=0)
        return level[entry]

    return max((visit(entry, ()) for entry in of), default=0)


def folders(graph: Graph) -> list[str]:
    return sorted({name.rpartition(".")[0] for name in graph if "." in name})


def test_no_folder_has_too_many_entries() -> None:
    graph = dependencies()
    assert len(folders(graph)) > 20
    assert [
        f"{folder}: {len(found)} entries"
        for folder in folders(graph)
        if len(found := entries(folder, graph)) > MAX_ENTRIES
    ] == []


def test_imports_are_shallow_and_have_no_cycle() -> None:
    graph = dependencies()
    assert [
        f"{folder}: {levels} levels"
        for folder in folders(graph)
        if (levels := num_levels(entries(folder, graph))) > LAYERED.get(folder, MAX_LEVELS)
    ] == []


def test_few_modules_are_fragments_of_their_only_importer() -> None:
    importers: dict[str, set[str]] = defaultdict(set)
    for name, targets in dependencies().items():
        for target in targets - {name}:
            importers[target].add(name)
    lines = {module.name: module.text.count("\n") for module in modules()}
    packages = {name.rpartition(".")[0] for name in lines}
    fragments = [
        name for name, of in importers.items() if len(of) == 1 and lines[name] < FRAGMENT_LINES and name not in packages
    ]
    assert len(fragments) <= MAX_FRAGMENTS, sorted(fragments)


def test_a_chain_is_measured_and_a_cycle_is_found() -> None:
    texts = {"v.a": "import v.b.c", "v.b.c": "", "v.d": "from v import a"}
    chain = entries("v", graph_of(tuple(module_of(text, name) for name, text in texts.items())))
    assert chain == {"v.a": {"v.b"}, "v.b": set(), "v.d": {"v.a"}}
    assert num_levels(chain) == 3
    with pytest.raises(AssertionError, match="v.a -> v.b -> v.a"):
        num_levels({"v.a": {"v.b"}, "v.b": {"v.a"}})
