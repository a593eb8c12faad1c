"""An upgrade request as data. In: a path and headers. Out: a `Handshake`; `Refusal` is the error response to one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """An upgrade request.

    Attributes:
        path: The path without the query.
        query: The query's fields; of repeated ones the last.
        headers: The headers by lower-case name; repeated ones joined by commas.
        address: The client's network address, without the port.
        subprotocols: The subprotocols offered, in order.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    address: str

    @property
    def subprotocols(self) -> tuple[str, ...]:
        offered = self.headers.get("sec-websocket-protocol", "")
        return tuple(filter(None, (name.strip() for name in offered.split(","))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An HTTP error response instead of a session."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None

    @property
    def body(self) -> str:
        """The response's body, in both vendors' shapes: the client's vendor is unknown here."""
        error = {"message": self.message, "type": self.code, "param": None, "code": self.code}
        return json.dumps({"error": error, "object": "error", **error})

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers other than Content-Length."""
        headers = [("Content-Type", "application/json")]
        if self.retry_after_s is not None:
            headers.append(("Retry-After", str(self.retry_after_s)))
        if self.status == 401:
            headers.append(("WWW-Authenticate", "Bearer"))
        if self.status == 426:
            headers.append(("Upgrade", "websocket"))
        return headers


def handshake_of(target: str, headers: Iterable[tuple[str, str]], transport: asyncio.BaseTransport) -> Handshake:
    """Parse a request. `target` is the raw path and query."""
    parts = urlsplit(target)
    joined: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    peer = transport.get_extra_info("peername")
    return Handshake(
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=joined,
        address=str(peer[0]) if isinstance(peer, tuple) else "",
    )
