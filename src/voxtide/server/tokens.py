"""Tokens that live for minutes, so that a browser need not know a key. In: what one is for. Out: the token, if good.

Held in memory: a server that restarts knows none.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from voxtide.errors import CapacityError, ConfigError
from voxtide.protocols.http.client_secrets import MAX_TTL_S, MIN_TTL_S

MAX_TOKENS = 10_000
"""Tokens alive at once; two megabytes. Every live caption of a large hall has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token as it is handed out, once.

    Attributes:
        value: What the client shows; secret.
        expires_at_s: Until when, in whole seconds since 1970.
        model: The one model it is good for; None for any.
    """

    value: str = field(repr=False)
    expires_at_s: int
    model: str | None = None


class TokenStore:
    """Mints and knows tokens. It keeps their hashes only: what is not held cannot be read out of it."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[bytes, AccessToken] = {}

    def mint(self, *, prefix: str, ttl_s: int, model: str | None = None) -> AccessToken:
        """A new token, good for any number of sessions until it expires.

        Args:
            prefix: What it begins with: "rt_" for Mistral's clients, "ek_" for OpenAI's.
            ttl_s: Seconds it lives, `MIN_TTL_S` to `MAX_TTL_S`.
            model: The one model it is good for; None for any.

        Raises:
            ConfigError: The lifetime is out of range.
            CapacityError: There are too many already.
        """
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise ConfigError(f"a token lives {MIN_TTL_S} to {MAX_TTL_S} seconds, not {ttl_s}")
        self._forget_expired()
        if len(self._tokens) >= MAX_TOKENS:
            raise CapacityError(f"{MAX_TOKENS} tokens are alive, the most there may be; wait until some expire")
        expires_at_s = int(self._clock()) + ttl_s
        value = prefix + secrets.token_urlsafe(32)
        self._tokens[_digest(value)] = AccessToken(value="", expires_at_s=expires_at_s, model=model)
        return AccessToken(value=value, expires_at_s=expires_at_s, model=model)

    def find(self, value: str) -> AccessToken | None:
        """The token of that value, without the value, if it is good now.

        Looking a hash up takes a time that says nothing about the secret it came from.
        """
        token = self._tokens.get(_digest(value))
        return token if token is not None and token.expires_at_s > self._clock() else None

    def _forget_expired(self) -> None:
        now_s = self._clock()
        for digest in [digest for digest, token in self._tokens.items() if token.expires_at_s <= now_s]:
            del self._tokens[digest]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", errors="surrogateescape")).digest()
