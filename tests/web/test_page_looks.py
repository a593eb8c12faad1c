"""Appearance and accessibility of the page: reference screenshots and an automatic audit.

VOXTIDE_KEEP_LOOKS=1 replaces the reference screenshots. Check them before you commit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.support.captions_page import CaptionsPage

LOOKS = Path(__file__).parent / "looks"
AUDIT = Path(__file__).parent / "accessibility.js"

MAX_DIFFERENT = 0.01
"""Maximum share of differing pixels: browser versions differ in antialiasing."""

VISIBLE_DIFFERENCE = 0.2
"""Of the brightness of a pixel, from 0 to 1."""

SEGMENTS = ["It was the best of times, it was the worst of times,", "it was the age of wisdom."]
SCREENS = {"light": (1100, 720), "dark": (1100, 720), "phone": (390, 780)}


def answer_socket(socket: WebSocketRoute, *, is_ending: bool) -> None:
    """A server that sends the same text after the first audio. Flushes and the end are answered if `is_ending`."""
    has_sent = False
    segments = [{"text": text, "start": start_s, "end": start_s + 1} for start_s, text in enumerate(SEGMENTS)]

    def send(kind: str, **fields: object) -> None:
        socket.send(json.dumps({"type": kind, **fields}))

    def answer(message: str | bytes) -> None:
        nonlocal has_sent
        if json.loads(message)["type"] != "input_audio.append":
            if is_ending:
                send("transcription.done", text=" ".join(str(it["text"]) for it in segments), segments=segments)
                segments.clear()
            return
        if has_sent:
            return
        has_sent = True
        for segment in segments:
            send("transcription.text.delta", text=f" {segment['text']}")
            send("transcription.segment", **segment)
        send("transcription.text.delta", text=" It was the age of")
        send("transcription.text.interim", text=" foolish")

    socket.on_message(answer)
    send("session.created", session={})


@contextmanager
def in_a_sentence(browser: Browser, address: str, *, is_ending: bool = False) -> Iterator[CaptionsPage]:
    context = browser.new_context(viewport={"width": 1100, "height": 720}, reduced_motion="reduce")
    context.route_web_socket(
        "**/v1/audio/transcriptions/realtime?*", lambda socket: answer_socket(socket, is_ending=is_ending)
    )
    context.route("**/accessibility.js", lambda route: route.fulfill(path=AUDIT))
    page = CaptionsPage(context.new_page(), address)
    page.press("Start")
    page.wait_for_text("foolish")
    yield page
    assert page.console_errors == []
    context.close()


@pytest.fixture(scope="module")
def shown(browser: Browser, scripted_address: str) -> Iterator[CaptionsPage]:
    """The page in the middle of a sentence, for tests that do not change it."""
    with in_a_sentence(browser, scripted_address) as page:
        yield page


@pytest.fixture
def captioned(browser: Browser, scripted_address: str) -> Iterator[CaptionsPage]:
    """The same for a single test."""
    with in_a_sentence(browser, scripted_address) as page:
        yield page


@pytest.fixture
def stopped(browser: Browser, scripted_address: str) -> Iterator[CaptionsPage]:
    """The same after the recording."""
    with in_a_sentence(browser, scripted_address, is_ending=True) as page:
        page.press("Stop")
        page.wait_for("Ready")
        yield page


def set_screen(page: Page, screen: str) -> None:
    width, height = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark" if screen == "dark" else "light", reduced_motion="reduce")
    page.mouse.move(0, 0)


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_matches_the_reference_screenshots(shown: CaptionsPage, screen: str, tmp_path: Path) -> None:
    page = shown.page
    set_screen(page, screen)
    changing = [page.locator("#waves"), page.get_by_role("timer")]
    seen = tmp_path / f"{screen}.png"
    page.screenshot(path=seen, mask=changing, mask_color="#808080", animations="disabled", caret="hide")
    kept = LOOKS / f"{screen}.png"
    if os.environ.get("VOXTIDE_KEEP_LOOKS") == "1":
        kept.write_bytes(seen.read_bytes())
    now, then = (imread(path)[..., :3].mean(axis=2) for path in (seen, kept))
    assert now.shape == then.shape
    different = (abs(now - then) > VISIBLE_DIFFERENCE).mean()
    assert different <= MAX_DIFFERENT, f"{different:.1%} of {seen} differs from {kept}"


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_has_no_accessibility_faults(shown: CaptionsPage, screen: str) -> None:
    page = shown.page
    set_screen(page, screen)
    assert faults(page) == []
    page.get_by_role("button", name="Settings").click()
    assert faults(page) == []
    page.get_by_label("Show latencies").check()
    page.set_viewport_size({"width": 320, "height": 640})  # 1280 px at 400 %, WCAG 1.4.10
    assert faults(page) == []
    page.keyboard.press("Escape")
    assert faults(page) == []
    set_screen(page, screen)
    assert faults(page) == []
    shown.set_option("Show latencies", is_on=False)


def test_sessions_edits_and_notices_have_no_accessibility_faults(stopped: CaptionsPage) -> None:
    page = stopped.page
    for screen in SCREENS:
        set_screen(page, screen)
        for name in ("Save", "Edit", "Sessions"):
            stopped.press(name)
            if name == "Sessions":
                page.get_by_role("searchbox").fill("wisdom")
                expect(page.locator("mark")).to_be_visible()
            assert faults(page) == [], name
            if name == "Sessions":
                page.keyboard.press("Escape")  # empties the search field
            page.keyboard.press("Escape")
            focused = page.evaluate("document.activeElement.textContent.trim() || document.activeElement.ariaLabel")
            assert focused == name
        stopped.press("Clear")
        expect(stopped.notice).to_contain_text("Cleared.")
        assert faults(page) == []
        stopped.press("Undo")
        stopped.wait_for_text("wisdom")
    stopped.press("Clear")
    stopped.press("Sessions")
    stopped.press("Delete all past sessions")
    assert faults(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert faults(page) == []


def faults(page: Page) -> list[str]:
    found: list[str] = page.evaluate("import('/accessibility.js').then((audit) => audit.faults())")
    return found


def test_the_audit_finds_faults(captioned: CaptionsPage) -> None:
    page = captioned.page
    page.evaluate("document.querySelector('#status').style.color = '#bbb'")
    page.evaluate("document.querySelector('#open-settings').removeAttribute('aria-label')")
    assert [fault.partition(" ")[0] for fault in faults(page)] == ["button#open-settings", "p#status:"]


def test_interim_text_differs_with_forced_colours(captioned: CaptionsPage) -> None:
    page = captioned.page
    page.emulate_media(forced_colors="active")
    stable, interim = (
        page.locator(name).evaluate("found => getComputedStyle(found).color") for name in (".open", ".interim")
    )
    assert stable != interim


def test_the_newest_words_stay_visible_when_the_page_shrinks(captioned: CaptionsPage) -> None:
    page = captioned.page
    page.set_viewport_size({"width": 320, "height": 420})
    expect(page.locator(".interim")).to_be_in_viewport(ratio=1)


def test_the_keyboard_reaches_everything_in_page_order(captioned: CaptionsPage) -> None:
    page = captioned.page
    expected = page.evaluate(
        "import('/accessibility.js').then((audit) => audit.focusable().map((element) => element.id))"
    )
    skip = page.get_by_role("link", name="Skip to the controls")
    skip.focus()
    expect(skip).to_be_in_viewport()
    reached = [""]
    for _ in expected[1:]:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", reached[-1]
    assert reached == expected
    assert reached[-2:] == ["start", "flush"]
    skip.press("Enter")
    assert page.evaluate("document.activeElement.id") == "start"
    page.keyboard.press("Enter")
    expect(captioned.status).to_have_text("Finishing")


def test_the_settings_trap_and_restore_the_focus(captioned: CaptionsPage) -> None:
    page = captioned.page
    page.locator("#open-settings").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Settings")).to_be_visible()
    page.get_by_label("Appearance").select_option("Dark")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "open-settings"


def test_interim_text_is_not_read_out(shown: CaptionsPage) -> None:
    page = shown.page
    assert page.locator(".interim").get_attribute("aria-hidden") == "true"
    assert "foolish" not in page.get_by_role("log").inner_text()
