"""What a user or another tab does while the page stores or opens text: no text is lost or stored in its place."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.support.captions_page import CaptionsPage, OpenPage, Spoken

DURING_WRITE = """(id) => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...values) {
    const request = put.apply(this, values);
    if (this.name === "texts") {
      IDBObjectStore.prototype.put = put;
      queueMicrotask(() => document.getElementById(id).click());
    }
    return request;
  };
}"""
"""Clicks an element while the next write of a text is in progress."""

NO_ROOM = """(numWrites) => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...values) {
    if (this.name !== "sessions" || numWrites-- <= 0) return put.apply(this, values);
    this.transaction.abort();
    throw new DOMException("", "QuotaExceededError");
  };
}"""
"""Makes this many writes fail with QuotaExceededError."""

DROP = """([id, file]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))], "a.wav"));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.getElementById(id).dispatchEvent(event);
  }
}"""


@pytest.fixture
def with_past_session(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> CaptionsPage:
    """A page with "Try again." and the past session "No matter.", in the open list."""
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Clear")
    page.transcribe(spoken, "Try again.")
    page.press("Sessions")
    expect(page.sessions).to_have_count(2)
    return page


def test_a_recording_that_begins_while_a_session_is_opened_overwrites_none(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(DURING_WRITE, "start")
    page.open_session("No matter.")
    page.wait_for("Transcribing")
    expect(page.notice).to_contain_text("The session was not opened. The text on the page is in use.")
    page.press("Stop")
    page.wait_for("Ready")
    page.press("Sessions")
    expect(page.sessions).to_have_count(2)
    expect(page.sessions.first).to_contain_text("Try again.")
    expect(page.sessions.last).to_contain_text("No matter.")


def test_an_edit_that_begins_while_a_session_is_opened_changes_its_own_text(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(DURING_WRITE, "edit")
    page.open_session("No matter.")
    area = page.page.get_by_role("textbox", name="Text")
    expect(area).to_have_value("Try again.\n")
    expect(page.notice).to_contain_text("The session was not opened.")
    area.fill("Fail again.")
    page.press("Done")
    page.wait_for_text("Fail again.")
    page.press("Sessions")
    expect(page.sessions).to_have_count(2)
    expect(page.sessions.first).to_contain_text("Fail again.")
    expect(page.sessions.last).to_contain_text("No matter.")


def test_a_recording_that_begins_right_after_clear_cannot_be_undone(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.page.evaluate(DURING_WRITE, "start")
    page.press("Clear")
    page.wait_for("Transcribing")
    expect(page.notice).to_contain_text("Cleared. The text is kept under Sessions.")
    expect(page.button("Undo")).to_be_hidden()


def test_a_recording_dropped_on_an_edit_is_ignored(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Edit")
    page.page.get_by_role("textbox", name="Text").fill("Fail better.")
    page.page.evaluate(DROP, ["editor", base64.b64encode(spoken("Try again.").read_bytes()).decode()])
    page.press("Done")
    expect(page.notice).to_contain_text("The text was edited.")
    assert page.status.inner_text() == "Ready"
    assert page.text == "Fail better."
    page.page.evaluate(DROP, ["transcript", base64.b64encode(spoken("Try again.").read_bytes()).decode()])
    page.wait_for_text("Try again.")
    page.wait_for("Ready")
    assert page.text == "Fail better. Try again."


def test_a_browser_that_restores_form_fields_restores_no_edit(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Edit")
    area = page.page.locator("#editor-text")
    area.press_sequentially("Try again. ")  # browsers keep what is typed
    page.press("Done")
    page.wait_for_text("Try again. No matter.")
    page.page.goto("about:blank")
    page.page.go_back()
    page.wait_for_text("Try again. No matter.")
    expect(area).to_have_value("")
    page.transcribe(spoken, "Fail better.")
    assert page.text == "Try again. No matter. Fail better."


def test_a_full_browser_deletes_the_oldest_sessions_that_no_tab_has_open(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    other = open_page(scripted_address)
    other.transcribe(spoken, "Ever tried.")  # the oldest
    page = open_page(scripted_address)
    for text in ("Ever failed.", "No matter.", "Try again.", "Fail again."):
        page.transcribe(spoken, text)
        page.press("Clear")
    page.transcribe(spoken, "Fail better.")
    page.press("Edit")
    page.page.get_by_role("textbox", name="Text").fill("Fail better now.")
    page.page.evaluate(NO_ROOM, 3)  # the write, its retry, and the one after a deletion
    page.press("Done")
    loss = page.page.locator("#loss-notice")
    expect(loss).to_contain_text("The browser has no room left. The 2 oldest sessions were deleted to store the text")
    expect(loss).to_contain_text("“Ever failed.”, “No matter.”")
    expect(page.notice).to_contain_text("The text was edited.")  # its undo stays
    page.press("Sessions")
    expect(page.sessions).to_have_count(4)
    for text in ("Fail better now.", "Fail again.", "Try again.", "Ever tried."):
        expect(page.sessions.filter(has_text=text)).to_have_count(1)
    page.press("Done")
    page.press("Dismiss the notice of deleted sessions")
    expect(loss).to_be_hidden()


def test_the_undo_of_clear_shows_the_text_as_another_tab_left_it(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Clear")
    expect(page.notice).to_contain_text("Cleared.")
    other = open_page(scripted_address)
    other.press("Sessions")
    other.open_session("No matter.")
    other.transcribe(spoken, "Try again.")
    other.press("Clear")
    expect(other.notice).to_contain_text("Cleared.")
    page.press("Undo")
    page.wait_for_text("Try again.")
    assert page.text == "No matter. Try again."


def test_a_session_that_another_tab_deleted_is_not_opened(
    with_past_session: CaptionsPage, open_page: OpenPage, scripted_address: str
) -> None:
    page = with_past_session
    other = open_page(scripted_address)
    other.press("Sessions")
    other.press("Delete “No matter.”")
    expect(other.sessions).to_have_count(1)
    page.open_session("No matter.")
    expect(page.notice).to_contain_text("This session has been deleted.")
    assert page.text == "Try again."


def test_a_deletion_that_cannot_be_undone_is_not_forgotten(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.press("Delete “No matter.”")
    expect(page.sessions).to_have_count(1)
    page.page.evaluate(NO_ROOM, 2)  # the write, and its second attempt
    undo = page.page.get_by_role("dialog", name="Sessions").get_by_role("button", name="Undo")
    undo.click()
    note = page.page.locator("#sessions-note")
    expect(note).to_have_text("Not put back: the browser cannot store it.")
    expect(page.sessions).to_have_count(1)
    undo.click()
    expect(page.sessions).to_have_count(2)
    expect(note).to_have_text("2 sessions")
    expect(undo).to_be_hidden()


def test_a_text_that_cannot_be_stored_stays_on_the_page(with_past_session: CaptionsPage) -> None:
    page = with_past_session
    page.page.evaluate(NO_ROOM, 1000)
    page.open_session("No matter.")
    expect(page.notice).to_contain_text("The text on the page cannot be stored.")
    assert page.text == "Try again."


def test_a_text_that_is_deleted_in_an_edit_right_before_the_page_closes_stays_deleted(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.transcribe(spoken, "No matter.")
    page.press("Edit")
    page.page.evaluate("""() => {
      dispatchEvent(new Event("pagehide")); // stores the text, and the next write waits
      document.getElementById("editor-text").value = "";
    }""")
    page.page.reload()
    page.press("Sessions")
    expect(page.page.get_by_text("No sessions")).to_be_visible()
