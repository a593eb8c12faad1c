"""The scripted engine's settings. In: plain values. Out: a frozen, checked `ScriptedConfig`."""

from __future__ import annotations

from dataclasses import dataclass

from voxtide.errors import ConfigError

DELAYS_MS = (80, 240, 480, 960, 2400)
"""Delays a stream may choose, in the range of real models."""

LANGUAGES = ("en", "fr", "de", "es")
"""Languages a stream may choose. Without a choice, the first is detected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedConfig:
    """The engine's behaviour.

    Attributes:
        delay_ms: A word becomes stable this long after its end, unless a flush comes first. One of `DELAYS_MS`.
        is_revising: Whether unstable words are sent as interim text, an unfinished one in capitals.
        slowness: Seconds of work per second of audio.
        fails_at_s: Audio position at which a stream fails [s].
        dies_at_s: Audio position, of any stream, at which the engine dies [s].
    """

    delay_ms: int = 480
    is_revising: bool = True
    slowness: float = 0.0
    fails_at_s: float | None = None
    dies_at_s: float | None = None

    def __post_init__(self) -> None:
        if self.delay_ms not in DELAYS_MS:
            raise ConfigError(f"delay_ms is {self.delay_ms}; choose one of {', '.join(map(str, DELAYS_MS))}")
        for name in ("slowness", "fails_at_s", "dies_at_s"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"{name} is {value}; it must be 0 or more")
