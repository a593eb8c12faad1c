"""A local web server with configurable faults. Serves from memory and records requests."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Content, faults, and recorded requests."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    statuses: deque[int] = field(default_factory=deque)  # sent before any content
    retry_after: deque[str] = field(default_factory=deque)  # sent with those statuses
    cuts: deque[int] = field(default_factory=deque)  # one per response: body bytes before the connection closes
    hold_at: int | None = None  # body bytes after which a response waits for `release`
    is_range_ignored: bool = False
    is_length_hidden: bool = False
    etags: deque[str] = field(default_factory=deque)  # one per response
    dates: deque[str] = field(default_factory=deque)  # one per response, sent as Last-Modified
    wrong_start: int = 0  # added to the start of Content-Range
    basic_auth: str | None = None  # the required Authorization header
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    served_bytes: int = 0
    url: str = ""

    def requested(self, path: str) -> list[dict[str, str]]:
        """The headers of each request for `path`, with lower-case names."""
        return [headers for requested_path, headers in self.requests if requested_path == path]


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    """Serve on a free local port for the block."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"shelf": server}))
    server.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    shelf: FileServer

    def do_GET(self) -> None:
        shelf = self.shelf
        shelf.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if shelf.basic_auth and self.headers.get("Authorization") != shelf.basic_auth:
            self._answer(401)
        elif shelf.statuses:
            waits = {"Retry-After": shelf.retry_after.popleft()} if shelf.retry_after else {}
            self._answer(shelf.statuses.popleft(), **waits)
        elif self.path in shelf.redirects:
            self._answer(302, Location=shelf.redirects[self.path])
        elif self.path not in shelf.files:
            self._answer(404)
        else:
            self._serve(shelf.files[self.path])

    def _serve(self, body: bytes) -> None:
        requested_path = self.headers.get("Range")
        start = (
            int(requested_path.removeprefix("bytes=").rstrip("-"))
            if requested_path and not self.shelf.is_range_ignored
            else 0
        )
        is_part = requested_path is not None and not self.shelf.is_range_ignored
        sent = body[start:]
        if self.shelf.cuts:  # taken before the headers go: a test may set the next fault as soon as it has them
            sent = sent[: self.shelf.cuts.popleft()]
        self.send_response(206 if is_part else 200)
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
        if self.shelf.etags:
            self.send_header("ETag", self.shelf.etags.popleft())
        if self.shelf.dates:
            self.send_header("Last-Modified", self.shelf.dates.popleft())
        if is_part:
            claimed = start + self.shelf.wrong_start
            self.send_header("Content-Range", f"bytes {claimed}-{len(body) - 1}/{len(body)}")
        if not self.shelf.is_length_hidden:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self._send(sent)

    def _send(self, body: bytes) -> None:
        shelf = self.shelf
        if shelf.hold_at is not None:
            self._write(body[: shelf.hold_at])
            shelf.held.set()
            shelf.release.wait(timeout=60)
            body = body[shelf.hold_at :]
        self._write(body)

    def _write(self, body: bytes) -> None:
        self.shelf.served_bytes += len(body)  # before sending: the receiver may check it at once
        with suppress(ConnectionError):  # the client may have gone
            self.wfile.write(body)

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""
