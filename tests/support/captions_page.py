"""Page object of the captions page: its buttons and its texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

Spoken = Callable[[str], Path]
"""Writes a recording of a text."""

CONNECTION_ERROR = re.compile(
    r"ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|CONTENT_LENGTH_MISMATCH)"
    r"|WebSocket connection to .* failed|status of (401|403|426|503)"
)
"""Messages of the browser about a server that is down, full, or refuses access."""


class CaptionsPage:
    """The page in one tab. `console_errors` are those of its own code."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.console_errors: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.goto(address)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not CONNECTION_ERROR.search(message.text):
            self.console_errors.append(message.text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, name: str) -> None:
        self.button(name).click()

    @property
    def status(self) -> Locator:
        return self.page.get_by_role("status")

    @property
    def problem(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    @property
    def captions(self) -> Locator:
        return self.page.locator("#text")

    @property
    def text(self) -> str:
        """All captions on one line, without times."""
        return " ".join(" ".join(self.page.locator("#text .body").all_text_contents()).split())

    def latency(self, name: str) -> Locator:
        """A latency by its label."""
        return self.page.locator("dl div").filter(has_text=name).locator("dd")

    def set_option(self, label: str, *, is_on: bool) -> None:
        """Change a checkbox in the settings."""
        self.press("Settings")
        self.page.get_by_label(label).set_checked(is_on)
        self.press("Done")

    def open_recording(self, path: Path) -> None:
        self.page.locator("#file").set_input_files(path)

    def wait_for(self, status: str, *, timeout_s: float = 20.0) -> None:
        expect(self.status).to_have_text(status, timeout=1000 * timeout_s)

    def wait_for_text(self, text: str | re.Pattern[str], *, timeout_s: float = 20.0) -> None:
        expect(self.captions).to_contain_text(text, timeout=1000 * timeout_s)

    def transcribe(self, spoken: Spoken, text: str) -> None:
        """Transcribe a recording of the text to its end."""
        self.open_recording(spoken(text))
        self.wait_for_text(text)  # the page is ready before it starts, too
        self.wait_for("Ready")

    @property
    def sessions(self) -> Locator:
        """The past sessions, in the open list."""
        return self.page.get_by_role("dialog", name="Sessions").get_by_role("listitem")

    def open_session(self, title: str) -> None:
        self.sessions.get_by_role("button", name=title).first.click()

    def saved(self, name: str) -> tuple[str, str]:
        """Save in a format of the menu. Returns the file's name and text."""
        self.press("Save")
        with self.page.expect_download() as download:
            self.press(name)
        return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8")


OpenPage = Callable[[str], CaptionsPage]
"""Opens the page of a server in a tab."""
