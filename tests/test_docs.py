"""What the documents say is true: their blocks run or parse, their links lead somewhere, their lists are complete.

A block that must not run is preceded by a comment with the reason: <!-- not run: needs a microphone -->.
It is still parsed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from tests.support.documents import FENCE, Block, Command, blocks_of, commands_of
from tests.support.source_tree import PACKAGE, ROOT
from voxtide.cli.app import app

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"])
RECORDINGS = {"talk.wav": "beckett.wav", "two_cities.wav": "two_cities.wav"}
"""What blocks find in their working directory, and which of the package's recordings it is."""

MAX_RUN_S = 100
BLOCKS = [
    block for path in DOCUMENTS for block in blocks_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
]


def blocks(*languages: str) -> Any:
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=lambda block: block.place)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where a reader would try the examples: it holds a few recordings."""
    for name, recording in RECORDINGS.items():
        shutil.copy(PACKAGE / "data" / recording, tmp_path / name)
    return tmp_path


def run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "VOXTIDE_OFFLINE": "1", "PYTHONWARNINGS": "error", "COLUMNS": "100"}
    return subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MAX_RUN_S,
    )


def test_every_block_says_its_language() -> None:
    known = {"python", "javascript", "bash", "console", "json", "toml", "text"}
    assert {block.language for block in BLOCKS} <= known
    for path in DOCUMENTS:
        assert path.read_text("utf-8").count("\n```") == 2 * sum(
            block.place.startswith(f"{path.relative_to(ROOT)}:") for block in BLOCKS
        )


@blocks("python")
def test_a_python_block_runs(block: Block, directory: Path) -> None:
    compile(block.text, block.place, "exec")
    if block.is_run:
        done = run([sys.executable, "-W", "error", "-c", block.text], directory)
        assert done.returncode == 0, done.stderr


@blocks("javascript")
def test_a_javascript_block_parses(block: Block, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    module = tmp_path / "block.mjs"
    module.write_text(block.text, "utf-8")
    checked = run([node, "--check", str(module)], tmp_path)
    assert checked.returncode == 0, checked.stderr


@blocks("json", "toml")
def test_a_data_block_parses(block: Block) -> None:
    if block.language == "toml":
        tomllib.loads(block.text)
        return
    try:
        json.loads(block.text)
    except json.JSONDecodeError:  # events, one object a line
        assert all(json.loads(line) for line in block.text.splitlines())


@blocks("bash", "console")
def test_the_commands_of_a_block_exist(block: Block) -> None:
    commands = commands_of(block)
    assert commands
    for command in commands:
        for arguments in command.calls("voxtide"):
            parse(arguments)
        for script in re.findall(r"(?:^|\s)(scripts/\w+)", command.line):
            assert os.access(ROOT / script, os.X_OK), f"{script} is no script"


@blocks("console")
def test_a_console_block_shows_what_happens(block: Block, directory: Path) -> None:
    for command in commands_of(block) if block.is_run else []:
        done = run(["bash", "-c", f"set -o pipefail; {command.line}"], directory)
        assert done.returncode == 0, f"{command.line}: {done.stderr}"
        assert command.is_shown_by(done.stdout + done.stderr), done.stdout + done.stderr


def parse(arguments: list[str]) -> None:
    """Take the arguments as the command line would, and run nothing.

    Raises:
        Exception: There is no such command or option, or a value does not fit.
    """
    command: Any = typer.main.get_command(app)
    with contextlib.suppress(typer.Exit):  # --help and --version end the parsing
        context = command.make_context("voxtide", list(arguments))
        while hasattr(command, "resolve_command") and (rest := [*context._protected_args, *context.args]):
            name, command, rest = command.resolve_command(context, rest)
            context = command.make_context(name, rest, parent=context)


@pytest.mark.parametrize(
    "arguments", ["transcibe talk.wav", "transcribe --no-such talk.wav", "demo --pace slow", "models pul"]
)
def test_a_command_that_does_not_exist_is_found(arguments: str) -> None:
    with pytest.raises(Exception, match=r"No such|is not one of"):
        parse(arguments.split())


def test_a_block_is_read_as_it_is_meant() -> None:
    text = (
        "<!-- not run: why -->\n```console\n$ cat a | voxtide transcribe - \\\n  -f txt\nhello\n$ voxtide doctor\n```\n"
    )
    (block,) = blocks_of("a.md", text)
    first, second = commands_of(block)
    assert not block.is_run
    assert (list(first.calls("voxtide")), first.output) == ([["transcribe", "-", "-f", "txt"]], "hello\n")
    assert list(second.calls("voxtide")) == [["doctor"]]


@pytest.mark.parametrize(
    ("shown", "is_true"),
    [
        ("12 MB in 3 s\nready", True),
        ("...\nready", True),
        ("12 MB in 3 s\n...", True),
        ("ready", True),
        ("11 MB   in 99 s\nready", True),
        ("ready\n12 MB in 3 s", False),
        ("12 MB in 3 s\nsteady", False),
        ("12 MB in 3 s\nready\nand more", False),
    ],
)
def test_output_is_compared_loosely_but_not_blindly(shown: str, is_true: bool) -> None:
    assert Command("voxtide", shown).is_shown_by("9 MB in 4 s\nready\n") is is_true


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    prose = FENCE.sub("", document.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", prose):
        path, _, anchor = "".join(target).partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), f"{document.name}: no {path}"
        assert not anchor or anchor in anchors(linked), f"{document.name}: no heading #{anchor} in {linked.name}"


def anchors(document: Path) -> set[str]:
    """Headings as the addresses a web view gives them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_documents_name_one_command_for_the_bench() -> None:
    """`voxtide bench`. What explains the script names that, once each; the changelog has older names, too."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS}
    named = [name for name, text in texts.items() for _ in re.findall("scripts/bench", text) if name != "CHANGELOG.md"]
    assert named == ["CONTRIBUTING.md", "docs/bench.md"]


def test_the_changelog_begins_with_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    versions = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == project["version"]


def test_the_map_of_rooms_is_the_rooms() -> None:
    rooms = {path.name + ("/" if path.is_dir() else "") for path in PACKAGE.iterdir()} - {"__pycache__/"}
    table = re.search(
        r"^\| Room \|.*\n\|[-|]+\n((?:\|.*\n)+)", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE
    )
    assert table
    drawn = re.findall(r"^\| `([\w./]+)` \| \S", table[1], re.MULTILINE)
    assert sorted(drawn) == sorted(rooms - {"__init__.py", "__main__.py", "py.typed"})
