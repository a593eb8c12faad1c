"""A request to open a session, as data. In: a path and headers. Out: `Handshake`; what the door says to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """What a client asks for before there is a session.

    Attributes:
        path: The path of the request, without its query.
        query: The query's fields; of a field that comes twice, the last.
        headers: The headers by their names in small letters; a header that comes twice, joined by commas.
        address: The client's network address, without the port.
        subprotocols: What the client offers, in its order.
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
    """An HTTP answer instead of a session."""

    status: int
    code: str
    message: str
    retry_after_s: int | None = None

    @property
    def body(self) -> str:
        """The answer's body, of both vendors' shapes: nobody knows here whose client asks."""
        error = {"message": self.message, "type": self.code, "param": None, "code": self.code}
        return json.dumps({"error": error, "object": "error", **error})

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers beside the length."""
        headers = [("Content-Type", "application/json")]
        if self.retry_after_s is not None:
            headers.append(("Retry-After", str(self.retry_after_s)))
        if self.status == 401:
            headers.append(("WWW-Authenticate", "Bearer"))
        if self.status == 426:
            headers.append(("Upgrade", "websocket"))
        return headers


def handshake_of(target: str, headers: Iterable[tuple[str, str]], transport: asyncio.BaseTransport) -> Handshake:
    """Read a request. `target` is path and query as they came."""
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
