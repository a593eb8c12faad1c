"""Fenced blocks of the documents. In: Markdown. Out: blocks, and their commands with the output shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

MIN_LIKENESS = 0.9

FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]+?) -->\n+)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    place: str
    language: str
    text: str
    is_run: bool


@dataclass(frozen=True)
class Command:
    """A command of a shell block and the output shown below it."""

    line: str
    output: str

    def calls(self, program: str) -> Iterator[list[str]]:
        """The arguments of each call of `program` in the line, which may be a pipeline."""
        tokens = shlex.shlex(self.line, posix=True, punctuation_chars="|;&<>")
        tokens.whitespace_split = True
        call: list[str] = []
        for token in [*tokens, ";"]:
            if not set(token) <= set("|;&<>"):
                call.append(token)
                continue
            if call and Path(call[0]).name == program:
                yield call[1:]
            call = []

    def is_shown_by(self, actual: str) -> bool:
        """Whether the output shown is what was printed, in order and without gaps but for lines that are `...`.

        The comparison is loose, because times, sizes and models' spelling differ between machines: numbers count as
        equal, white space collapses, and a line may differ in a tenth of its characters.
        """
        printed = [_loose(line) for line in actual.strip().splitlines()]
        at, is_gap = 0, True
        for line in map(_loose, self.output.strip().splitlines()):
            if line == "...":
                is_gap = True
                continue
            places = range(at, len(printed) if is_gap else min(at + 1, len(printed)))
            found = next((place for place in places if _is_alike(line, printed[place])), None)
            if found is None:
                return False
            at, is_gap = found + 1, False
        return True


def _loose(line: str) -> str:
    return re.sub(r"\d+", "0", " ".join(line.split()))


def _is_alike(shown: str, printed: str) -> bool:
    return shown == printed or SequenceMatcher(None, shown, printed, autojunk=False).ratio() >= MIN_LIKENESS


def blocks_of(document: str, text: str) -> list[Block]:
    return [
        Block(
            f"{document}:{text.count(chr(10), 0, fence.start()) + 1}",
            fence["language"],
            fence["text"],
            not fence["reason"],
        )
        for fence in FENCE.finditer(text)
    ]


def commands_of(block: Block) -> list[Command]:
    """In a console block, commands follow `$ ` and the rest is output; in a bash block, every line is a command."""
    text = block.text.replace("\\\n", " ")
    if block.language == "bash":
        return [Command(line, "") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [Command(line, output) for line, _, output in (part.partition("\n") for part in parts)]
