"""Fixtures of the web page tests: one browser for all, servers that can be killed, and pages."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route

from tests.support import chromium
from tests.support.captions_page import CaptionsPage, OpenPage, Spoken
from tests.support.captions_server import CaptionsServer, StartServer
from tests.support.source_tree import PACKAGE
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ

UNIT_ORIGIN = "http://units.test"
UNIT_ROOTS = {"web": PACKAGE / "web", "unit": Path(__file__).parent / "unit"}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium.running(Path(str(files("voxtide.data") / "beckett.wav"))) as browser:
        yield browser


def _serve_module(route: Route) -> None:
    """Modules of the package under /web, their tests under /unit, else an empty page."""
    folder, _, rest = route.request.url.removeprefix(f"{UNIT_ORIGIN}/").partition("/")
    if folder in UNIT_ROOTS:
        route.fulfill(path=UNIT_ROOTS[folder] / rest)
    else:
        route.fulfill(body="<!doctype html><title>units</title>", content_type="text/html")


@pytest.fixture(scope="module")
def empty_page(browser: Browser) -> Iterator[Page]:
    """A page that can import the modules of the page, and tests of them."""
    page = browser.new_page()
    page.route(f"{UNIT_ORIGIN}/**", _serve_module)
    page.goto(f"{UNIT_ORIGIN}/")
    yield page
    page.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1100, "height": 720}, reduced_motion="reduce")
    context.set_default_timeout(chromium.ANSWER_MS)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext) -> Iterator[OpenPage]:
    """Opens the page of a server. Errors in the browser's console fail the test."""
    pages: list[CaptionsPage] = []

    def open_page(address: str) -> CaptionsPage:
        pages.append(CaptionsPage(context.new_page(), address))
        return pages[-1]

    yield open_page
    assert [error for page in pages for error in page.console_errors] == []


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts servers of an engine with options; they are killed at the end of the test."""
    servers: list[CaptionsServer] = []

    def start(engine: str, *options: str, keys: str = "") -> CaptionsServer:
        servers.append(CaptionsServer(engine, *options, keys=keys))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="package")
def scripted_address() -> Iterator[str]:
    """A server of the scripted engine, shared by all tests that do not change it."""
    server = CaptionsServer("scripted")
    server.start()
    yield server.address
    server.stop()


@pytest.fixture
def spoken(tmp_path: Path) -> Spoken:
    """Writes a file that the scripted engine transcribes as the given text."""

    def write(text: str) -> Path:
        path = tmp_path / "spoken.wav"
        with path.open("wb") as file, wave.open(file) as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(SAMPLE_RATE_HZ)
            wav.writeframes(encode_pcm(speak(text), Encoding.PCM_S16LE))
        return path

    return write
