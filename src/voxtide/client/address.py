"""Where a server is. In: an address as a user gives it. Out: the WebSocket's URL. Opens nothing."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from voxtide.errors import ConfigError

MISTRAL_CLOUD = "https://api.mistral.ai"
"""Mistral's own service, global endpoint."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True, slots=True)
class Address:
    """One WebSocket address.

    Attributes:
        url: To be opened; may hold a secret.
        shown: For people: without user name, password and query.
        is_local: Whether it is this machine, so that no proxy lies between.
    """

    url: str = field(repr=False)
    shown: str
    is_local: bool


def parse_address(server: str, *, path: str, query: dict[str, str]) -> Address:
    """The address of the endpoint `path` at `server`.

    Args:
        server: http, https, ws or wss; with any path before the endpoint's. The endpoint's own address will do, too.
        path: Begins with /v1/.
        query: Goes behind what the address has.

    Raises:
        ConfigError: It is no such address.
    """
    try:
        parts = urlsplit(server.strip())
        host, port = parts.hostname, parts.port
    except ValueError:  # a port or brackets that are none
        raise _no_address(server) from None
    shown_host = f"[{host}]" if host and ":" in host else host
    shown = f"{parts.scheme}://{shown_host}{f':{port}' if port is not None else ''}"
    if parts.scheme not in _SCHEMES or not host or parts.fragment:
        raise _no_address(server)
    prefix = parts.path.rstrip("/").removesuffix(path).removesuffix("/v1")
    full_query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *query.items()])
    url = urlunsplit((_SCHEMES[parts.scheme], parts.netloc, prefix + path, full_query, ""))
    return Address(url, shown + prefix, _is_local(host))


def is_mistral_cloud(server: str) -> bool:
    """Whether an address as a user gives it is Mistral's own service, which wants a key and a model's name."""
    return server.strip().rstrip("/").removesuffix("/v1") == MISTRAL_CLOUD


def _no_address(server: str) -> ConfigError:
    may_be_secret = any(sign in server for sign in "@?#")  # a password or a token lies beside such a sign
    named = "what was given (not shown, it may hold a secret)" if may_be_secret else repr(server)
    return ConfigError(
        f"{named} is no address of a server: one begins with http://, https://, ws:// or wss:// and names a host, "
        "such as http://localhost:8000"
    )


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
