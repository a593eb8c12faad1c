"""A server's settings are checked when they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxtide.errors import ConfigError
from voxtide.server.config import ConnectionLimits, ServerConfig, SessionLimits


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"port": 70_000}, "port"),
        ({"capacity": 0}, "capacity"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"connection": ConnectionLimits(message_bytes=0)}, "message_bytes"),
        ({"session": SessionLimits(idle_s=-1.0)}, "idle_s"),
        ({"connection": ConnectionLimits(pong_s=0)}, "pong_s"),
        ({"connection": ConnectionLimits(close_s=float("nan"))}, "close_s"),
        ({"session": SessionLimits(drain_s=0.0)}, "drain_s"),
        ({"session": SessionLimits(duration_s=float("inf"))}, "duration_s"),
        ({"origins": ("https://example.com/",)}, "example.com/'; give scheme and host alone"),
        ({"origins": ("example.com",)}, "'example.com'"),
        ({"origins": ("",)}, "''"),
        ({"origins": ("https://Example.com",)}, "Example"),
        ({"tls_certificate": Path("cert.pem")}, "certificate"),
        ({"tls_certificate": Path("no.pem"), "tls_key": Path("no.key")}, "no.pem"),
        ({"keys": ("a b",)}, "API key"),
    ],
)
def test_what_cannot_be_used_is_named(setting: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ServerConfig(**setting)


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(ServerConfig(keys=("secret",)))
    with pytest.raises(ConfigError) as raised:
        ServerConfig(keys=("secret\n",))
    assert "secret" not in str(raised.value)
