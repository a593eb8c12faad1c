"""Settings come from the given environment, and errors name the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxtide.config import HUB_ENDPOINT, Settings
from voxtide.errors import ConfigError


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings.models_dir.is_absolute()
    assert settings.models_dir.name == "models"
    assert "voxtide" in settings.models_dir.parts
    assert (settings.is_offline, settings.hub_endpoint, settings.hub_token) == (False, HUB_ENDPOINT, None)


def test_every_variable_is_used() -> None:
    settings = Settings.from_environment(
        {
            "VOXTIDE_MODELS": "~/somewhere",
            "VOXTIDE_OFFLINE": "1",
            "HF_ENDPOINT": "https://mirror.example/hub/",
            "HF_TOKEN": "secret",
        }
    )
    assert settings.models_dir == Path.home() / "somewhere"
    assert (settings.is_offline, settings.hub_endpoint) == (True, "https://mirror.example/hub")
    assert settings.hub_token == "secret"
    assert "secret" not in repr(settings)


def test_a_relative_directory_becomes_absolute() -> None:
    assert Settings.from_environment({"VOXTIDE_MODELS": "here"}).models_dir == Path.cwd() / "here"


@pytest.mark.parametrize("value", ["", "0", "no", "False", " off "])
def test_offline_can_be_disabled(value: str) -> None:
    assert not Settings.from_environment({"VOXTIDE_OFFLINE": value}).is_offline


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOXTIDE_OFFLINE", "perhaps"),
        ("HF_ENDPOINT", "mirror.example"),
        ("HF_ENDPOINT", "file:///hub"),
        ("HF_ENDPOINT", "http://[x"),
        ("HF_ENDPOINT", "http://mirror.example:port"),
    ],
)
def test_an_invalid_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        Settings.from_environment({name: value})
    assert repr(value) in str(caught.value)


def test_an_invalid_token_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="HF_TOKEN") as caught:
        Settings.from_environment({"HF_TOKEN": "hidden\nhidden"})
    assert "hidden" not in str(caught.value)


def test_space_around_a_token_is_stripped() -> None:
    assert Settings.from_environment({"HF_TOKEN": " secret\n"}).hub_token == "secret"
