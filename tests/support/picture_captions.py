"""Makes docs/captions-light.png and docs/captions-dark.png: the page while it captions a real recording.

Run it as .venv/bin/python -m tests.support.picture_captions. It takes half a minute and needs the model
moonshine-tiny-en.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from tests.support import chromium
from tests.support.captions_page import CaptionsPage
from tests.support.captions_server import CaptionsServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
SIZE = {"width": 1000, "height": 580}


def main() -> None:
    server = CaptionsServer("moonshine")
    server.start()
    with chromium.running(Path(str(files("voxtide.data") / "two_cities.wav"))) as browser:
        context = browser.new_context(viewport=SIZE, device_scale_factor=1.25)
        page = CaptionsPage(context.new_page(), server.address)
        page.press("Start")
        page.wait_for_text("winter of despair", timeout_s=60)
        page.page.locator(".interim").filter(has_text=re.compile(r"\w{4}")).wait_for()
        for scheme in ("light", "dark"):
            page.page.emulate_media(color_scheme=scheme)
            page.page.mouse.move(0, 0)
            page.page.screenshot(path=DOCS / f"captions-{scheme}.png", animations="disabled")
    server.stop()


if __name__ == "__main__":
    main()
