"""One request over HTTP. In: an address and an offset. Out: the response from there on. Knows no resumption."""

from __future__ import annotations

import base64
import http.client
import urllib.request
from functools import partial
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from voxtide.audio.addresses import Address, Limits
from voxtide.audio.trust import tls_context


class Response(Protocol):
    """The part of `http.client.HTTPResponse` that is used here."""

    status: int

    def read1(self, size: int = -1, /) -> bytes:
        """The available bytes; b"" at the end."""

    def getheader(self, name: str, /) -> str | None:
        """A header."""

    def close(self) -> None:
        """Close the connection."""


class Requester:
    """Requests the file at an address, each time over a new connection."""

    def __init__(self, address: Address, limits: Limits) -> None:
        self._address = address
        self._open_s = limits.open_s
        self._opener = _opener(limits.read_s)

    def request(self, offset: int) -> Response:
        """The response to a request for the bytes from `offset` on.

        Raises:
            OSError: The server cannot be reached, or answered with an error (`urllib.error.HTTPError`).
            http.client.HTTPException: It did not answer in HTTP.
        """
        parts = urlsplit(self._address.url)
        request = urllib.request.Request(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
        for name, value in (
            ("User-Agent", "voxtide"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
            ("Range", f"bytes={offset}-"),
        ):
            request.add_header(name, value)
        if parts.username is not None:  # not sent on to where a redirect leads
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
        response: Response = self._opener.open(request, timeout=self._open_s)
        return response


class _Connection(http.client.HTTPConnection):
    """Gives the body of a response its own timeout, `read_s`: http.client has one for all."""

    def __init__(self, *arguments: Any, read_s: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._read_s = read_s

    def getresponse(self) -> http.client.HTTPResponse:
        sock = self.sock  # handed over to the response
        response = super().getresponse()
        sock.settimeout(self._read_s)
        return response


class _TlsConnection(_Connection, http.client.HTTPSConnection):
    """The same over TLS."""


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens HTTP and HTTPS with these connections."""

    def __init__(self, read_s: float) -> None:
        super().__init__()
        self._read_s = read_s

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Connection, read_s=self._read_s), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_TlsConnection, read_s=self._read_s, context=tls_context()), request)

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_


def _opener(read_s: float) -> urllib.request.OpenerDirector:
    """HTTP and redirects only: the default opener would also open files, and what FTP servers have."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Handler(read_s),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
