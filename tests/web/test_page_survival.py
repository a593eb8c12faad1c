"""The page and a server that dies, restarts, is full or needs a key: no text is lost, and remedies are shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect
from websockets.sync.client import connect

from tests.support.captions_page import OpenPage, Spoken
from tests.support.captions_server import CaptionsServer, StartServer

NO_WEBSOCKETS = """() => {
  window.WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006 })); } close() {} };
}"""
"""Like a proxy without WebSocket support."""

STOP_S = 8.0
"""Far less than the 20 s within which a reachable server must answer at the end, even on two busy cores."""

NUMBERS = "One two three four five six seven"


@pytest.mark.parametrize("ending", [CaptionsServer.kill, CaptionsServer.stop])
def test_a_restarted_server_gets_the_missing_audio(
    open_page: OpenPage, start_server: StartServer, spoken: Spoken, ending: Callable[[CaptionsServer], None]
) -> None:
    server = start_server("scripted")
    page = open_page(server.address)
    page.open_recording(spoken(NUMBERS))
    page.wait_for_text("One")
    ending(server)
    expect(page.status).to_have_text(re.compile("Waiting for the server|Finishing"))
    expect(page.captions).to_contain_text("One")  # shown text stays
    server.start()
    page.wait_for("Ready")
    assert page.text == NUMBERS
    expect(page.problem).to_be_hidden()


def test_stop_does_not_wait_for_an_unreachable_server(
    open_page: OpenPage, start_server: StartServer, spoken: Spoken
) -> None:
    server = start_server("scripted")
    page = open_page(server.address)
    page.open_recording(spoken(" ".join([NUMBERS] * 8)))
    page.wait_for_text("One")
    server.kill()
    page.wait_for("Waiting for the server")
    shown = page.text
    page.press("Stop")
    page.wait_for("Ready", timeout_s=STOP_S)
    assert page.text == shown
    expect(page.problem).to_contain_text("The last words may be missing")


def test_a_full_server_is_retried(open_page: OpenPage, start_server: StartServer, spoken: Spoken) -> None:
    server = start_server("scripted", "--capacity", "1")
    page = open_page(server.address)
    with connect(f"ws://127.0.0.1:{server.port}/v1/audio/transcriptions/realtime"):
        page.open_recording(spoken("No matter."))
        expect(page.problem).to_contain_text("The server is full. 1 of 1 sessions of this server are open")
    page.wait_for("Ready")
    assert page.text == "No matter."
    expect(page.problem).to_be_hidden()


def test_a_refused_origin_shows_the_remedy(open_page: OpenPage, start_server: StartServer, spoken: Spoken) -> None:
    """As behind a proxy that changes the Host header."""
    server = start_server("scripted")
    page = open_page(server.address)

    def rename(route: Route) -> None:
        route.fulfill(response=route.fetch(headers=route.request.headers | {"origin": "https://captions.example"}))

    page.page.route("**/realtime*", rename)
    page.page.evaluate(NO_WEBSOCKETS)
    page.open_recording(spoken("No matter."))
    expect(page.problem).to_contain_text("The server does not allow this page.")
    expect(page.problem).to_contain_text("captions.example")
    expect(page.problem).to_contain_text("--origin")


def test_blocked_websockets_are_reported(open_page: OpenPage, start_server: StartServer, spoken: Spoken) -> None:
    server = start_server("scripted")
    page = open_page(server.address)
    page.page.evaluate(NO_WEBSOCKETS)
    page.open_recording(spoken("No matter."))
    expect(page.problem).to_contain_text("WebSockets do not reach the server.")


def test_an_unreachable_server_is_reported(open_page: OpenPage, start_server: StartServer, spoken: Spoken) -> None:
    server = start_server("scripted")
    page = open_page(server.address)
    server.kill()
    page.open_recording(spoken("No matter."))
    expect(page.problem).to_contain_text("The server cannot be reached. A part of this page is missing")
    server.start()
    page.page.reload()
    page.open_recording(spoken("No matter."))
    page.wait_for_text("No matter.")


def test_a_server_with_keys_asks_for_one(open_page: OpenPage, start_server: StartServer, spoken: Spoken) -> None:
    server = start_server("scripted", keys="first,open-sesame")
    page = open_page(server.address)
    page.open_recording(spoken("No matter."))
    expect(page.problem).to_contain_text("This server needs an API key.")
    page.wait_for("Ready")
    page.press("Enter a key")
    page.page.get_by_label("API key").fill("open-sesame")
    page.page.keyboard.press("Enter")
    page.transcribe(spoken, "Try again.")
    kept = page.page.evaluate("[JSON.stringify(localStorage), JSON.stringify(sessionStorage)]")
    assert "sesame" not in kept[0]
    assert "sesame" in kept[1]


def test_a_refused_language_is_reported_and_captions_continue(
    open_page: OpenPage, scripted_address: str, spoken: Spoken
) -> None:
    page = open_page(scripted_address)
    page.press("Settings")
    page.page.get_by_label("Language").select_option("Japanese")
    page.press("Done")
    page.open_recording(spoken("No matter."))
    expect(page.problem).to_contain_text(re.compile("cannot transcribe 'ja'"))
    page.wait_for("Ready")
    assert page.text == "No matter."
