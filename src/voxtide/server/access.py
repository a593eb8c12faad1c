"""Access control. In: headers and an address. Out: None, or a refusal with its reason.

Keys, tokens, origins and rate limits, for HTTP requests and sessions. Knows no routes.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable, Mapping

from voxtide.server.handshake import Refusal
from voxtide.server.rates import RateLimiter
from voxtide.server.tokens import TokenStore

SUBPROTOCOL = "realtime"
"""Browsers offer it beside their token, and it must be selected. The token is never sent back."""

_KEY_SUBPROTOCOL = "openai-insecure-api-key."
_TOKEN_PREFIXES = ("rt_", "ek_")


class Access:
    """The access rules of one server."""

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        origins: Iterable[str] = (),
        tokens: TokenStore,
        request_rates: RateLimiter,
        session_rates: RateLimiter,
    ) -> None:
        """Accept clients with one of `keys` or a token; without keys, every client.

        `origins` are the web sites whose pages may connect, in addition to this server's own; "*" for any.
        """
        self._digests = [_digest(key) for key in keys]
        self._origins = frozenset(origins)
        self._tokens = tokens
        self._request_rates = request_rates
        self._session_rates = session_rates

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return not self._digests

    def check_request(self, headers: Mapping[str, str], address: str) -> Refusal | None:
        """Check an HTTP request's rate and key. Tokens are for sessions only."""
        return _check_rate(self._request_rates, address) or self._check_key(bearer(headers))

    def check_session(
        self, headers: Mapping[str, str], address: str, *, subprotocols: tuple[str, ...], model: str | None
    ) -> Refusal | None:
        """Check a session's rate, origin, and key or token."""
        secret = bearer(headers) or _offered_secret(subprotocols)
        return (
            _check_rate(self._session_rates, address)
            or self._check_origin(headers)
            or self._check_secret(secret, model)
        )

    def _check_origin(self, headers: Mapping[str, str]) -> Refusal | None:
        """Browsers send the page's origin; a page of another site must not use the visitor's network access."""
        origin = headers.get("origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return None
        if origin.partition("://")[2] == headers.get("host"):
            return None
        return Refusal(
            status=403,
            code="origin_not_allowed",
            message=f"pages of {origin[:200]!r} may not connect; the server allows other sites with --origin",
        )

    def _check_secret(self, secret: str | None, model: str | None) -> Refusal | None:
        if self.is_open or secret is None or not secret.startswith(_TOKEN_PREFIXES):
            return self._check_key(secret)
        token = self._tokens.find(secret)
        if token is None:
            return _unauthorized("the token is unknown or has expired")
        if token.model is not None and model is not None and token.model != model:
            return _unauthorized(f"the token is for model {token.model!r}")
        return None

    def _check_key(self, key: str | None) -> Refusal | None:
        if self.is_open:
            return None
        if key is None:
            return _unauthorized("no API key was given; send the header Authorization: Bearer <key>")
        digest = _digest(key)
        # Compare with every key, so that the time taken reveals nothing.
        if sum([hmac.compare_digest(digest, known) for known in self._digests]):
            return None
        return _unauthorized("the API key is not one of this server's")


def bearer(headers: Mapping[str, str]) -> str | None:
    """The secret in the Authorization header, or None."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None


def _offered_secret(subprotocols: tuple[str, ...]) -> str | None:
    """The secret among the subprotocols offered: browsers cannot send headers with a WebSocket."""
    for name in subprotocols:
        if name.startswith(_KEY_SUBPROTOCOL):
            return name.removeprefix(_KEY_SUBPROTOCOL)
        if name.startswith(_TOKEN_PREFIXES):
            return name
    return None


def _check_rate(rates: RateLimiter, address: str) -> Refusal | None:
    wait_s = rates.wait_s(address)
    if wait_s <= 0:
        return None
    return Refusal(
        status=429,
        code="rate_limit_exceeded",
        message=f"too many requests from {address}; try again in {math.ceil(wait_s)} s",
        retry_after_s=math.ceil(wait_s),
    )


def _unauthorized(message: str) -> Refusal:
    return Refusal(status=401, code="invalid_api_key", message=message)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).digest()
