"""Messages as they lie on the wire. In: text or bytes. Out: a JSON object, audio bytes, or a refusal.

What all dialects share; it knows none of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import orjson
import pybase64

Message: TypeAlias = dict[str, Any]
"""One JSON object."""

Handler = TypeVar("Handler")

MAX_SHOWN = 100
"""Characters of a client's own words that an error repeats."""

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class RequestRefusedError(Exception):
    """A client's message, or a part of it, cannot be used. Caught in this room and answered on the wire.

    Attributes:
        reason: What is wrong and what would do, for people.
        code: The same for programs, in the words of the OpenAI and vLLM wires.
        param: The field in question, where there is one.
        status: The kind of error, as an HTTP status.
    """

    def __init__(
        self, reason: str, *, code: str = "invalid_value", param: str | None = None, status: int = 400
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.param = param
        self.status = status


def read_message(message: str | bytes) -> Message:
    """The JSON object in a frame. Text and UTF-8 bytes are the same.

    Raises:
        Refusal: It is no JSON object.
    """
    try:
        value = _read_strings(message) or json.loads(message if isinstance(message, str) else message.decode())
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of a million digits, nested too deep
        raise RequestRefusedError(f"this is not the text of a JSON object: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise RequestRefusedError('this is JSON, but not a JSON object, such as {"name": "value"}', code="invalid_json")
    return value


def _read_strings(message: str | bytes) -> Message | None:
    """The object where all its values are strings, as those of audio are, in a quarter of the time; else None.

    What is wrong with any other, and what its numbers are, is for Python's own reader to say: orjson has no NaN and
    makes floats of whole numbers past 64 bits.
    """
    try:
        value = orjson.loads(message)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    for item in value.values():  # a generator for `all` would cost as much as the rest
        if not isinstance(item, str):
            return None
    return value


def handler_of(message: Mapping[str, Any], handlers: Mapping[str, Handler]) -> Handler:
    """What takes messages of this one's `type`.

    Raises:
        Refusal: It has no type, or one that nobody takes.
    """
    kind = message.get("type")
    if isinstance(kind, str) and kind in handlers:
        return handlers[kind]
    wrong = f"no message is of type {kind[:MAX_SHOWN]!r}" if isinstance(kind, str) else "a message needs a type"
    raise RequestRefusedError(f"{wrong}; known are {', '.join(handlers)}", code="unknown_event", param="type")


def read_audio(audio: object, *, max_bytes: int) -> bytes:
    """The bytes of an `audio` field, base64 with its padding. They may be none.

    Raises:
        Refusal: No base64, or more than `max_bytes`.
    """
    if not isinstance(audio, str):
        raise RequestRefusedError("audio must be a string of base64", code="invalid_audio", param="audio")
    if len(audio) > -(-max_bytes // 3) * 4:
        raise _too_much_audio(max_bytes)
    try:
        payload = pybase64.b64decode(audio, validate=True)
    except ValueError:  # what it says of a missing padding is that it found a character it did not
        raise RequestRefusedError(
            "audio is not base64: it takes the standard alphabet, its padding, and no white space",
            code="invalid_audio",
            param="audio",
        ) from None
    if len(payload) > max_bytes:
        raise _too_much_audio(max_bytes)
    return payload


def write_message(message: Mapping[str, Any]) -> str:
    """The message as ASCII, so that its length is its size in bytes, and no character of a client can break it."""
    return _ENCODER.encode(message)


def _too_much_audio(max_bytes: int) -> RequestRefusedError:
    return RequestRefusedError(
        f"audio of one message must be at most {max_bytes} bytes; send it in smaller pieces",
        code="invalid_audio",
        param="audio",
        status=413,
    )
