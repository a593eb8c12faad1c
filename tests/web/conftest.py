"""One browser for all tests of the web page, servers that can be killed, and the page as a person uses it."""

from __future__ import annotations

import socket
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import chromium
import pytest
from captions_page import CaptionsPage
from playwright.sync_api import Browser, BrowserContext

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ

START_S = 60.0
"""How long a server may take to load its model, on two busy cores."""


class CaptionsServer:
    """A server on a port that stays its own when it is killed and started again."""

    def __init__(self, engine: str, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self._command = [
            sys.executable,
            str(Path(__file__).with_name("captions_server.py")),
            engine,
            str(self.port),
            *options,
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """Let it finish what was said."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it in the middle of everything."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.communicate(timeout=START_S)
        self._process = None


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium.running(Path(str(files("voxtide.data") / "beckett.wav"))) as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 720}, reduced_motion="reduce")
    context.set_default_timeout(chromium.ANSWER_MS)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext) -> Iterator[Callable[[str], CaptionsPage]]:
    """Opens the page of a server. What the browser complains about fails the test."""
    pages: list[CaptionsPage] = []

    def open_page(address: str) -> CaptionsPage:
        pages.append(CaptionsPage(context.new_page(), address))
        return pages[-1]

    yield open_page
    assert [complaint for page in pages for complaint in page.complaints] == []


@pytest.fixture
def start_server() -> Iterator[Callable[..., CaptionsServer]]:
    """Starts servers of an engine with further options; they end with the test."""
    servers: list[CaptionsServer] = []

    def start(engine: str, *options: str) -> CaptionsServer:
        servers.append(CaptionsServer(engine, *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def spoken(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a file that the scripted engine hears as the given text."""

    def write(text: str) -> Path:
        path = tmp_path / "spoken.wav"
        with path.open("wb") as file, wave.open(file) as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(SAMPLE_RATE_HZ)
            wav.writeframes(encode_pcm(speak(text), Encoding.PCM_S16LE))
        return path

    return write
