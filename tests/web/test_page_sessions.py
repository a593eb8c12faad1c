"""The page keeps its text: across a reload, a closed tab and a crash; past sessions; Clear and its undo."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.support.captions_page import CaptionsPage, OpenPage, Spoken

NUMBERS = "One two three four five six seven"


def test_text_and_times_survive_a_reload_and_go_on(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    srt = page.saved("Subtitles (.srt)")
    page.page.reload()
    page.wait_for_text("No matter.")
    assert page.saved("Subtitles (.srt)") == srt
    page.transcribe(spoken, "Try again.")
    assert page.text == "No matter. Try again."
    _, later = page.saved("Subtitles (.srt)")
    assert later.startswith(srt[1])
    assert re.search(r"\n2\n00:00:0(0,[6-9]\d\d|1,\d{3}) --> 00:00:01,\d{3}\nTry again\.\n$", later)
    page.page.reload()
    page.wait_for_text("Try again.")
    assert page.text == "No matter. Try again."


def close(page: Page) -> None:
    page.close()


def crash(page: Page) -> None:
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash")  # aborted


@pytest.mark.parametrize("ending", [close, crash])
def test_text_survives_a_tab_that_ends_while_it_records(
    open_page: OpenPage, scripted_address: str, spoken: Spoken, ending: Callable[[Page], None]
) -> None:
    page = open_page(scripted_address)
    page.open_recording(spoken(" ".join([NUMBERS] * 8)))
    page.wait_for_text(NUMBERS)  # the first two are more than two seconds old
    ending(page.page)
    again = open_page(scripted_address)
    again.wait_for_text("One two")
    again.press("Sessions")
    expect(again.sessions).to_have_count(1)


def test_cleared_text_is_a_past_session_and_can_be_undone(
    context: BrowserContext, open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    srt = page.saved("Subtitles (.srt)")
    page.press("Clear")
    expect(page.notice).to_contain_text("Cleared. The text is kept under Sessions.")
    expect(page.captions).to_have_text("")
    page.press("Undo")
    page.wait_for_text("No matter.")
    expect(page.notice).to_be_hidden()
    assert page.saved("Subtitles (.srt)") == srt
    page.press("Clear")
    page.page.reload()
    expect(page.button("Clear")).to_be_disabled()
    page.page.close()
    again = open_page(scripted_address)  # nor is it shown in a new tab
    again.press("Sessions")
    again.open_session("No matter.")
    again.wait_for_text("No matter.")
    assert again.saved("Subtitles (.srt)") == srt


def test_past_sessions_are_searched_opened_and_deleted(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    for text in ("Ever tried.", "Ever failed.", "No matter."):
        page.transcribe(spoken, text)
        if text != "No matter.":
            page.press("Clear")
    page.press("Sessions")
    expect(page.sessions).to_have_count(3)
    expect(page.sessions.first).to_contain_text(
        re.compile(r"No matter\..*On the page · .*\d{4}.* · 0:0[01]", re.DOTALL)
    )
    page.page.get_by_role("searchbox", name="Search all text").fill("EVER  f")
    expect(page.sessions).to_have_count(1)
    expect(page.page.locator("mark")).to_have_text("Ever f")
    page.page.get_by_role("searchbox").fill("fail")
    expect(page.page.locator("mark")).to_have_text("fail")
    page.sessions.get_by_role("button").first.click()
    expect(page.page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_text("Ever failed.")
    page.page.wait_for_function("getSelection().toString() === 'fail'")
    page.press("Sessions")
    page.press("Delete “Ever tried.”")
    expect(page.sessions).to_have_count(2)
    page.press("Undo")
    expect(page.sessions).to_have_count(3)
    page.press("Delete all past sessions")
    expect(page.sessions).to_have_count(3)  # until it is confirmed
    page.press("Delete 2 now")
    expect(page.sessions).to_have_count(1)
    page.press("Done")
    page.page.reload()
    page.wait_for_text("Ever failed.")
    page.press("Sessions")
    expect(page.sessions).to_have_count(1)


def test_an_edit_is_stored_with_its_times_and_can_be_undone(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.transcribe(spoken, "Try again.")
    before = page.saved("Subtitles (.srt)")
    page.press("Edit")
    area = page.page.get_by_role("textbox", name="Text")
    expect(area).to_have_value("No matter.\n\nTry again.\n")
    area.fill("No matter.\n\nFail better & again.\n")
    page.press("Done")
    page.wait_for_text("Fail better & again.")
    edited = page.saved("Subtitles (.srt)")
    assert edited == (before[0], before[1].replace("Try", "Fail better &"))
    assert page.page.get_by_role("log").inner_text() == ""  # an edit is not read out
    page.press("Undo")
    page.wait_for_text("Try again.")
    assert page.saved("Subtitles (.srt)") == before
    page.press("Edit")
    area.fill("No matter. Fail again.")
    page.page.reload()  # while editing
    page.wait_for_text("Fail again.")
    page.press("Edit")
    area.fill("Other")
    page.press("Discard the edit")
    assert page.text == "No matter. Fail again."


def test_an_undo_ends_when_another_session_is_opened(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Clear")
    page.transcribe(spoken, "Try again.")
    page.press("Edit")
    page.page.get_by_role("textbox", name="Text").fill("Try later.")
    page.press("Done")
    expect(page.notice).to_contain_text("The text was edited.")
    page.press("Sessions")
    page.open_session("No matter.")
    page.wait_for_text("No matter.")
    expect(page.notice).to_be_hidden()


def test_two_tabs_have_two_sessions(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    first = open_page(scripted_address)
    first.transcribe(spoken, "No matter.")
    first.press("Sessions")  # stores the text at once
    expect(first.sessions).to_have_count(1)
    second = open_page(scripted_address)
    second.press("Sessions")
    expect(second.sessions).to_have_count(1)
    second.press("Delete “No matter.”")
    expect(second.page.get_by_text("1 not deleted: open in another tab.")).to_be_visible()
    second.sessions.get_by_role("button").first.click()
    expect(second.notice).to_contain_text("This session is open in another tab.")
    expect(second.captions).to_have_text("")
    second.transcribe(spoken, "Try again.")
    first.page.close()
    second.press("Sessions")
    expect(second.sessions).to_have_count(2)
    second.open_session("No matter.")
    second.wait_for_text("No matter.")


@pytest.mark.parametrize(
    "failure",
    [
        "indexedDB.open = () => { throw new DOMException('', 'SecurityError') }",
        "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError') }",
    ],
)
def test_a_browser_without_storage_is_reported_once_and_works(
    context: BrowserContext, open_page: OpenPage, scripted_address: str, spoken: Spoken, failure: str
) -> None:
    context.add_init_script(failure)
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    if "Quota" in failure:
        expect(page.notice).to_contain_text("This page cannot keep its text. The browser has no room left.")
    page.press("Clear")
    page.press("Undo")
    page.wait_for_text("No matter.")
    page.transcribe(spoken, "Try again.")
    assert page.text == "No matter. Try again."
    expect(page.notice).to_be_hidden()


FAILING = "(name) => { IDBObjectStore.prototype[name] = () => { throw new DOMException('', 'InvalidStateError') } }"
"""Makes a method of the database fail, as after the user cleared the site's data."""


FAILING_AFTER_ONE = """() => {
    const remove = IDBObjectStore.prototype.delete;
    const deleted = new Set();
    IDBObjectStore.prototype.delete = function (id) {
        deleted.add(id);
        if (deleted.size > 1) throw new DOMException('', 'InvalidStateError');
        return remove.call(this, id);
    };
}"""
"""Makes the database delete one session, and fail with the next."""


@pytest.fixture
def with_past_session(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> CaptionsPage:
    """A page with the past sessions "Ever tried." and "No matter."; the list is open."""
    page = open_page(scripted_address)
    for text in ("Ever tried.", "No matter."):
        page.transcribe(spoken, text)
        page.press("Clear")
    page.press("Sessions")
    expect(page.sessions).to_have_count(2)
    return page


def test_a_session_that_cannot_be_read_is_reported(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(FAILING, "get")
    page.open_session("No matter.")
    expect(page.notice).to_contain_text("The session was not opened. The browser cannot read it. Save the text")
    page.page.evaluate(FAILING, "getAll")
    page.press("Sessions")
    expect(page.page.locator("#sessions-note")).to_contain_text("The browser cannot read the sessions.")
    expect(page.sessions).to_have_count(0)


def test_sessions_that_cannot_be_deleted_are_counted(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(FAILING, "delete")
    page.press("Delete all past sessions")
    page.press("Delete 2 now")
    note = page.page.locator("#sessions-note")
    expect(note).to_have_text("2 not deleted: the browser cannot change its storage.")
    expect(page.sessions).to_have_count(2)


def test_all_past_sessions_but_those_of_other_tabs_are_deleted_and_put_back(
    open_page: OpenPage, scripted_address: str, spoken: Spoken, with_past_session: CaptionsPage
) -> None:
    other = open_page(scripted_address)
    other.transcribe(spoken, "Try again.")
    other.press("Sessions")  # stores the text at once
    expect(other.sessions).to_have_count(3)
    page = with_past_session
    page.press("Done")
    page.transcribe(spoken, "Fail better.")
    page.press("Sessions")
    expect(page.sessions).to_have_count(4)
    page.press("Delete all past sessions")
    page.press("Delete 3 now")  # not the one on the page
    note = page.page.locator("#sessions-note")
    expect(note).to_have_text("2 deleted. 1 not deleted: open in another tab.")
    expect(page.sessions).to_have_count(2)
    expect(page.sessions.filter(has_text="Try again.")).to_have_count(1)
    expect(page.sessions.filter(has_text="Fail better.")).to_have_count(1)
    page.press("Undo")
    expect(page.sessions).to_have_count(4)
    page.open_session("Ever tried.")
    page.wait_for_text("Ever tried.")


def test_what_was_deleted_before_a_failure_can_be_put_back(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(FAILING_AFTER_ONE)
    page.press("Delete all past sessions")
    page.press("Delete 2 now")
    note = page.page.locator("#sessions-note")
    expect(note).to_have_text("1 deleted. 1 not deleted: the browser cannot change its storage.")
    expect(page.sessions).to_have_count(1)
    page.page.locator("#undo-delete").click()  # the notice has an Undo of its own
    expect(page.sessions).to_have_count(2)


def test_an_undo_that_cannot_be_stored_is_reported(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Clear")
    expect(page.notice).to_contain_text("Cleared.")
    page.page.evaluate(FAILING, "get")
    page.press("Undo")
    expect(page.notice).to_contain_text("The session was not opened.")
