"""The endpoints with a real model: a recording's words and times, and the examples of docs/files.md as written."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import Block, blocks_of, commands_of
from tests.support.http_calls import files_server, transcribed
from tests.support.pulled_models import model_directory
from tests.support.serving import RunningServer
from tests.support.source_tree import PACKAGE, ROOT
from voxtide.api import open_engine
from voxtide.audio.vad import VAD_MODEL

ADDRESS = "127.0.0.1:8000"
WITH_SDK = re.compile(r"^from (openai|mistralai)\b", re.MULTILINE)
"""Each SDK has its own environment; see tests/conformance."""

SECRET = re.compile(r"\b(rt|ek|sess)_[\w-]+")
"""Random in each response; the document shows the prefix and three dots."""

BLOCKS = [
    block
    for block in blocks_of("docs/files.md", (ROOT / "docs" / "files.md").read_text("utf-8"))
    if ADDRESS in block.text and block.language in ("console", "python") and not WITH_SDK.search(block.text)
]


async def test_a_recording_is_transcribed_and_the_examples_work(tmp_path: Path) -> None:
    """One test, because loading the model takes most of the time."""
    for name in ("moonshine-tiny-en", VAD_MODEL):
        model_directory(name)
    if shutil.which("curl") is None:
        pytest.skip("no curl command")
    assert len(BLOCKS) == 4
    shutil.copy(PACKAGE / "data" / "beckett.wav", tmp_path / "talk.wav")
    async with files_server(load=open_engine) as server:
        await check_words(server, (tmp_path / "talk.wav").read_bytes())
        for block in BLOCKS:
            await asyncio.to_thread(run_example, block, f"127.0.0.1:{server.port}", tmp_path)


async def check_words(server: RunningServer, recording: bytes) -> None:
    words = ("timestamp_granularities[]", "word")
    answer = await transcribed(server, recording, words, response_format="verbose_json")
    assert answer.json["text"].lower().endswith("fail better.")
    assert answer.json["language"] == "en"
    last = answer.json["words"][-1]
    assert last["word"] == "better." and 8.0 < last["start"] < last["end"] < 10.0


def run_example(block: Block, address: str, directory: Path) -> None:
    if block.language == "python":
        assert "ever failed" in output([sys.executable, "-c", block.text.replace(ADDRESS, address)], directory)
        return
    for command in commands_of(block):
        printed = SECRET.sub(r"\1_...", output(["bash", "-c", command.line.replace(ADDRESS, address)], directory))
        assert command.is_shown_by(printed), printed


def output(command: list[str], directory: Path) -> str:
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
