"""The web page's files. In: a directory. Out: an ASGI application that serves it and tells browsers what to forbid."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

HEADERS = {
    # The page's own policy stands in its head; that it is shown in no other site's frame can only be said here.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    # Each file is asked for again, and answered 304 where it is the same: no page of two versions of the server.
    "Cache-Control": "no-cache",
}
"""Of every file."""


class PageFiles(StaticFiles):
    """Files of one directory, with `HEADERS`; index.html at /."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As Starlette has it."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response
