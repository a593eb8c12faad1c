"""Messages of the JSON dialects. In: frames, fields. Out: the fields that can be used, frames. Knows no dialect.

What a server says is not trusted to be built as it should: reading never raises.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any

_MAX_NUMBER = 1e9
"""As seconds, 30 years: no audio is so long, and no sum with it loses a millisecond."""


def read_object(frame: str | bytes) -> Mapping[str, Any]:
    """The JSON object in a frame; an empty one where there is none."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def text_of(message: Mapping[str, Any], name: str) -> str:
    """A field that should be a string; "" where it is none."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def number_of(message: Mapping[str, Any], name: str) -> float | None:
    """A field that should be a number; None where it is none, or larger than any time or count in earnest."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        return None
    return float(value)


def base64_of(payload: bytes) -> str:
    """Audio as the messages carry it."""
    return binascii.b2a_base64(payload, newline=False).decode("ascii")


def write_message(kind: str, **fields: object) -> str:
    """A message of the type `kind`."""
    return json.dumps({"type": kind, **fields})
