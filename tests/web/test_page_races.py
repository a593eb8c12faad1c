"""What a user or another tab does while the page stores or opens text: no text is lost or stored in its place."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.support.captions_page import CaptionsPage

OpenPage = Callable[[str], CaptionsPage]
Spoken = Callable[[str], Path]

DROP = """([id, file]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0))], "a.wav"));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.getElementById(id).dispatchEvent(event);
  }
}"""


def transcribe(page: CaptionsPage, spoken: Spoken, text: str) -> None:
    page.open_recording(spoken(text))
    page.wait_for_text(text)
    page.wait_for("Ready")


def test_a_recording_dropped_on_an_edit_is_ignored(open_page: OpenPage, scripted_address: str, spoken: Spoken) -> None:
    page = open_page(scripted_address)
    transcribe(page, spoken, "No matter.")
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
