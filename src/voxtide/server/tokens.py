"""Short-lived tokens, so that a browser needs no API key. In: a token's model and lifetime. Out: the token while valid.

Held in memory: a restarted server knows none.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from voxtide.errors import CapacityError, ConfigError
from voxtide.protocols.http.client_secrets import MAX_TTL_S, MIN_TTL_S

MAX_ACCESS_TOKENS = 10_000
"""Valid tokens at once, two megabytes: one for each viewer of live captions in a large hall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A new token. Its value is returned once.

    Attributes:
        value: The secret that the client presents.
        expires_at_s: When it expires, in whole seconds since 1970.
        model: The only model it is valid for; None for any.
    """

    value: str = field(repr=False)
    expires_at_s: int
    model: str | None = None


class TokenStore:
    """Mints and finds tokens. Stores only their hashes."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._tokens: dict[bytes, AccessToken] = {}

    def mint(self, *, prefix: str, ttl_s: int, model: str | None = None) -> AccessToken:
        """A new token, valid for any number of sessions until it expires.

        Args:
            prefix: How it begins: "rt_" for Mistral's clients, "ek_" for OpenAI's.
            ttl_s: Lifetime in seconds, `MIN_TTL_S` to `MAX_TTL_S`.
            model: The only model it is valid for; None for any.

        Raises:
            ConfigError: The lifetime is out of range.
            CapacityError: Too many tokens are valid.
        """
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise ConfigError(f"a token's lifetime must be {MIN_TTL_S} to {MAX_TTL_S} seconds, not {ttl_s}")
        self._remove_expired()
        if len(self._tokens) >= MAX_ACCESS_TOKENS:
            raise CapacityError(f"{MAX_ACCESS_TOKENS} tokens are valid, the most allowed; wait until some expire")
        expires_at_s = int(self._clock()) + ttl_s
        value = prefix + secrets.token_urlsafe(32)
        self._tokens[_digest(value)] = AccessToken(value="", expires_at_s=expires_at_s, model=model)
        return AccessToken(value=value, expires_at_s=expires_at_s, model=model)

    def find(self, value: str) -> AccessToken | None:
        """The valid token of that value, or None; `AccessToken.value` is empty.

        A lookup by hash leaks nothing about the secret through its timing.
        """
        token = self._tokens.get(_digest(value))
        return token if token is not None and token.expires_at_s > self._clock() else None

    def _remove_expired(self) -> None:
        now_s = self._clock()
        for digest in [digest for digest, token in self._tokens.items() if token.expires_at_s <= now_s]:
            del self._tokens[digest]


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", errors="surrogateescape")).digest()
