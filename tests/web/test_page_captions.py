"""The page captions: a microphone that hears a real recording, and files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from tests.support.captions_page import CaptionsPage
from tests.support.captions_server import CaptionsServer
from tests.support.pulled_models import model_directory

OpenPage = Callable[[str], CaptionsPage]
StartServer = Callable[..., CaptionsServer]


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def test_a_microphone_is_captioned(context: BrowserContext, open_page: OpenPage, start_server: StartServer) -> None:
    for name in ("moonshine-tiny-en", "silero-vad"):
        model_directory(name)  # or skip
    page = open_page(start_server("moonshine").address)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.press("Start")
    page.wait_for("Listening")
    expect(page.page.locator(".interim")).to_have_text(re.compile(r"\w"), timeout=10_000)
    expect(page.figure("First text")).to_have_text(re.compile(r"\d+ ms"))
    page.wait_for_text("failed")
    page.press("Flush")
    expect(page.figure("Flush")).to_have_text(re.compile(r"\d+ ms"))
    expect(page.page.get_by_role("meter")).not_to_have_attribute("aria-valuenow", "0")
    page.wait_for_text("matter.")
    expect(page.figure("After a pause")).to_have_text(re.compile(r"\d+ ms"))
    page.press("Stop")
    page.wait_for("Ready")
    said = words(page.text)
    assert said.startswith("ever tried ever failed no matter")
    assert words(" ".join(page.page.get_by_role("log").all_inner_texts())) == said  # once to screen readers
    page.press("Copy")
    expect(page.button("Copied")).to_be_visible()
    assert words(page.page.evaluate("navigator.clipboard.readText()")) == said


def test_a_file_is_captioned_to_its_end(
    open_page: OpenPage, scripted_address: str, spoken: Callable[[str], Path]
) -> None:
    page = open_page(scripted_address)
    page.caption_file(spoken("No matter. Try again."))
    page.wait_for("Listening")
    expect(page.page.get_by_role("timer")).to_have_text(re.compile(r"^0:0\d / 0:0[12]$"))
    page.wait_for("Ready")
    assert page.text == "No matter. Try again."
    assert page.saved("Download as text") == ("captions.txt", "No matter. Try again.\n")
    name, srt = page.saved("Download as subtitles")
    assert name == "captions.srt"
    assert re.fullmatch(r"1\n00:00:00,\d{3} --> 00:00:0[12],\d{3}\nNo matter\. Try again\.\n", srt)
    page.press("Clear")
    expect(page.captions).to_have_text("")
    expect(page.button("Copy")).to_be_disabled()


def test_a_flush_by_keyboard_makes_text_final_and_captions_go_on(
    open_page: OpenPage, scripted_address: str, spoken: Callable[[str], Path]
) -> None:
    page = open_page(scripted_address)
    page.press("Settings")
    page.page.get_by_label("Flush at pauses").uncheck()
    page.press("Done")
    page.caption_file(spoken("One two three four five six"))
    page.wait_for_text("two")
    assert page.page.get_by_role("log").inner_text() == ""  # nothing is settled yet
    page.page.keyboard.press("Control+Enter")
    expect(page.page.get_by_role("log")).to_contain_text("One two")
    page.wait_for("Ready")
    assert page.text == "One two three four five six"
    page.page.reload()
    expect(page.page.get_by_label("Flush at pauses")).not_to_be_checked()  # settings are kept


def test_a_file_that_is_no_sound_is_refused(open_page: OpenPage, scripted_address: str, tmp_path: Path) -> None:
    page = open_page(scripted_address)
    text = tmp_path / "notes.txt"
    text.write_text("no sound")
    page.caption_file(text)
    expect(page.problem).to_contain_text("The browser cannot play this file.")
    page.wait_for("Ready")
    page.press("Dismiss")
    expect(page.problem).to_be_hidden()


def test_a_microphone_that_is_denied_is_explained(
    context: BrowserContext, open_page: OpenPage, scripted_address: str
) -> None:
    denied = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    context.add_init_script(f"MediaDevices.prototype.getUserMedia = () => {denied}")
    page = open_page(scripted_address)
    page.press("Start")
    expect(page.problem).to_contain_text("The microphone is not allowed. Allow it for this page")
    page.wait_for("Ready")
