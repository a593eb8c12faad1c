"""Headless Chromium for the tests of the web page: where it is, how it is started, and what its microphone hears."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = (
    "--no-sandbox",  # CI is root, for whom the sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",  # the same letters on every machine
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",  # the microphone is allowed without a question
)

ANSWER_MS = 10_000
"""How long the page may take for anything, on two busy cores."""


@contextmanager
def running(recording: Path) -> Iterator[Browser]:
    """A browser whose microphone hears `recording` once, from the moment it is opened."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        reason = "there is no Chromium; scripts/setup-browser installs it"
        if os.environ.get("VOXTIDE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    heard = f"--use-file-for-fake-audio-capture={recording}%noloop"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, heard])
        yield browser
        browser.close()
