"""Fenced blocks of the documents. In: Markdown. Out: blocks, and the commands in them with the output shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
    """A line of a shell block and the output shown under it."""

    line: str
    output: str

    def calls(self, program: str) -> Iterator[list[str]]:
        """The arguments of each call of `program` in a line that may be a pipe."""
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

    @property
    def output_pattern(self) -> str:
        """Lines as shown; `...` stands for whatever is there."""
        return re.escape(self.output.strip()).replace(re.escape("..."), ".*")


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
    """In a console block a command follows `$ `, the rest is output; in a bash block all lines are commands."""
    text = block.text.replace("\\\n", " ")
    if block.language == "bash":
        return [Command(line, "") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [Command(line, output) for line, _, output in (part.partition("\n") for part in parts)]
