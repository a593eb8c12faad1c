"""The documents' programs for third-party clients run as printed, except for address and key."""

from __future__ import annotations

import re
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
import soxr

from tests.support.conformance_clients import FIRST, LiveServer, run_client
from tests.support.documents import blocks_of, commands_of
from tests.support.pulled_models import recording
from tests.support.source_tree import PACKAGE, ROOT
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.types import SAMPLE_RATE_HZ

PROGRAM = re.compile(
    r"^<!-- not run: [^>]*tests/conformance runs it (?P<is_unmodified>unmodified )?with (?P<clients>[^>]+?) -->\n+"
    r"```python\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def programs(*, is_unmodified: bool = False) -> Iterator[object]:
    for document in DOCUMENTS:
        for index, program in enumerate(PROGRAM.finditer(document.read_text("utf-8"))):
            if bool(program["is_unmodified"]) is not is_unmodified:
                continue
            for client in program["clients"].split(" and "):
                yield pytest.param(client, program["text"], id=f"{document.name}-{index}-{client}")


@pytest.mark.parametrize(("client", "program"), list(programs()))
def test_a_program_runs_as_printed(client: str, program: str, server: LiveServer, tmp_path: Path) -> None:
    shutil.copy(server.audio_dir / "first.wav", tmp_path / "talk.wav")
    assert "127.0.0.1:8000" in program
    program = program.replace("http://127.0.0.1:8000", server.url).replace("ws://127.0.0.1:8000", server.ws_url)
    program = re.sub(r'api_key="\w+"', f'api_key="{server.key}"', program)
    printed = run_client(client, ["-c", program], server, directory=tmp_path)
    if "print(" in program:
        assert FIRST in printed


@pytest.mark.parametrize(("client", "program"), list(programs(is_unmodified=True)))
def test_an_unmodified_program_needs_only_two_variables(
    client: str, program: str, server: LiveServer, tmp_path: Path
) -> None:
    shutil.copy(server.audio_dir / "first.wav", tmp_path / "talk.wav")
    write_24k(tmp_path, (server.audio_dir / "first.24k").read_bytes())
    assert "127.0.0.1" not in program and "key" not in program
    variables = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": server.key}
    printed = run_client(client, ["-c", program], server, directory=tmp_path, variables=variables)
    assert printed == f"{FIRST}\n"


def write_24k(directory: Path, pcm: bytes) -> None:
    """The recording that the realtime program reads."""
    with wave.open(str(directory / "talk_24k.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", "not compressed"))
        file.writeframes(pcm)


def test_a_recipe_shows_what_its_programs_print(speech_server: LiveServer, tmp_path: Path) -> None:
    recipes = (ROOT / "docs" / "recipes.md").read_text("utf-8")
    consoles = [commands_of(block) for block in blocks_of("recipes.md", recipes) if block.language == "console"]
    (console,) = (commands for commands in consoles if "OPENAI_BASE_URL=http:" in commands[0].line)
    assert [command.line for command in console[1:]] == ["python file.py", "python live.py"]
    shutil.copy(PACKAGE / "data" / "beckett.wav", tmp_path / "talk.wav")
    samples = soxr.resample(recording("beckett.wav"), SAMPLE_RATE_HZ, 24_000)
    write_24k(tmp_path, encode_pcm(samples, Encoding.PCM_S16LE))
    variables = {"OPENAI_BASE_URL": f"{speech_server.url}/v1", "OPENAI_API_KEY": speech_server.key}
    programs = [program["text"] for program in PROGRAM.finditer(recipes) if program["is_unmodified"]]
    for command, program in zip(console[1:], programs, strict=True):
        printed = run_client("openai", ["-c", program], speech_server, directory=tmp_path, variables=variables)
        assert command.is_shown_by(printed), printed


def test_both_unmodified_programs_are_found() -> None:
    assert len(list(programs(is_unmodified=True))) == 2


def test_the_table_lists_the_tested_versions() -> None:
    table = (ROOT / "docs" / "clients.md").read_text("utf-8").partition("\n\n## ")[0]
    locks = {lock.stem: lock.read_text("utf-8") for lock in (ROOT / "requirements" / "clients").glob("*.txt")}
    packages = {
        "mistral1": ("mistralai",),
        "mistral2": ("mistralai",),
        "mistral3": ("mistralai",),
        "openai": ("openai",),
        "pipecat": ("pipecat-ai",),
        "livekit": ("livekit-plugins-mistralai", "livekit-plugins-openai"),
    }
    assert sorted(packages) == sorted(locks)
    for client, names in packages.items():
        for name in names:
            pinned = re.search(rf"^{name}==(\S+)", locks[client], re.MULTILINE)
            assert pinned
            rows = [row for row in table.splitlines() if name.removeprefix("pipecat-") in row]
            assert any(pinned[1] in row for row in rows), f"docs/clients.md: {name} is {pinned[1]}"
