"""A server's settings are validated on construction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"port": 70_000}, "port"),
        ({"capacity": 0}, "capacity"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"max_message_bytes": 0}, "max_message_bytes"),
        ({"max_idle_s": -1.0}, "max_idle_s"),
        ({"pong_wait_s": 0}, "pong_wait_s"),
        ({"close_wait_s": float("nan")}, "close_wait_s"),
        ({"drain_s": 0.0}, "drain_s"),
        ({"max_session_s": float("inf")}, "max_session_s"),
        *(
            ({name: value}, f"{name} is {value}")
            for name in ("max_files", "max_upload_bytes", "max_upload_s", "max_file_audio_s", "max_events_unread_s")
            for value in (0, -1)
        ),
        ({"origins": ("https://example.com/",)}, "example.com/'; give scheme and host alone"),
        ({"origins": ("example.com",)}, "'example.com'"),
        ({"origins": ("",)}, "''"),
        ({"origins": ("https://Example.com",)}, "Example"),
        ({"tls_certificate": Path("cert.pem")}, "certificate"),
        ({"tls_certificate": Path("no.pem"), "tls_key": Path("no.key")}, "no.pem"),
        ({"keys": ("a b",)}, "API key"),
    ],
)
def test_an_invalid_setting_is_named(setting: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ServerConfig(**setting)


def test_keys_are_not_shown() -> None:
    assert "secret" not in repr(ServerConfig(keys=("secret",)))
    with pytest.raises(ConfigError) as raised:
        ServerConfig(keys=("secret\n",))
    assert "secret" not in str(raised.value)
