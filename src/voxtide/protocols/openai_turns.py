"""OpenAI's `turn_detection`. In: its object. Out: what it asks for, as a `TurnConfig` and as the object in effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voxtide.protocols.facts import EngineFacts
from voxtide.protocols.fields import number, object_of, whole_number
from voxtide.protocols.messages import Message, Refusal
from voxtide.protocols.turns import TurnConfig

MAX_SILENCE_MS = 60_000
"""A turn that ends a minute after its last word serves nobody; a larger number is a mistake."""

SEMANTIC_SILENCE_MS = {"low": 1_000, "medium": 600, "auto": 600, "high": 300}
"""`semantic_vad` judges by what was said; we have only how long nothing was said."""

_HYSTERESIS = 0.15
"""How far below the start threshold silence begins, as Silero's own tools have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnWish:
    """What a client asked for. `eagerness` is None for `server_vad`."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_ms: int = 500
    eagerness: str | None = None

    @property
    def config(self) -> TurnConfig:
        """The same for the detector."""
        end_threshold = max(self.threshold - _HYSTERESIS, self.threshold / 2)
        return TurnConfig(
            start_threshold=self.threshold,
            eager_end_threshold=end_threshold,
            end_threshold=end_threshold,
            min_silence_ms=self.silence_ms,
        )

    def as_fields(self) -> Message:
        """The object as it is in effect."""
        if self.eagerness is not None:
            return {"type": "semantic_vad", "eagerness": self.eagerness}
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": self.prefix_padding_ms,
            "silence_duration_ms": self.silence_ms,
            "idle_timeout_ms": None,
        }


DEFAULT_TURNS = TurnWish()


def read_turn_detection(value: Any, name: str, engine: EngineFacts) -> TurnWish | None:
    """What the object asks for; null is no turn detection.

    Raises:
        Refusal: It is none of ours, or the server has no speech detection.
    """
    if value is None:
        return None
    if reason := engine.turns_refusal():
        raise Refusal(reason, code="unsupported_option", param=name)
    fields = object_of(value, name)
    kind = fields.get("type", "server_vad")
    if kind == "server_vad":
        return TurnWish(
            threshold=number(fields.get("threshold"), f"{name}.threshold", 0.0, 1.0, default=0.5),
            prefix_padding_ms=_milliseconds(fields, name, "prefix_padding_ms", 300),
            silence_ms=_milliseconds(fields, name, "silence_duration_ms", 500),
        )
    if kind == "semantic_vad":
        eagerness = "auto" if fields.get("eagerness") is None else fields["eagerness"]
        if not isinstance(eagerness, str) or eagerness not in SEMANTIC_SILENCE_MS:
            raise Refusal(f"{name}.eagerness must be one of {', '.join(SEMANTIC_SILENCE_MS)}", param=name)
        return TurnWish(silence_ms=SEMANTIC_SILENCE_MS[eagerness], eagerness=eagerness)
    raise Refusal(f"{name}.type must be server_vad or semantic_vad, or the whole of it null", param=name)


def _milliseconds(fields: Message, name: str, key: str, default: int) -> int:
    return whole_number(fields.get(key), f"{name}.{key}", 0, MAX_SILENCE_MS, default=default)
