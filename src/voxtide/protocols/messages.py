"""Messages of all dialects. In: text or bytes. Out: a JSON object, audio bytes, or a refusal. Knows no dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import orjson
import pybase64

Message: TypeAlias = dict[str, Any]
"""One JSON object."""

Handler = TypeVar("Handler")

MAX_SHOWN_CHARS = 100
"""Characters of a client's own string that an error repeats."""

_ENCODER = json.JSONEncoder(separators=(",", ":"))


class RequestRefusedError(Exception):
    """A client's message, or a part of it, cannot be used. Caught in this package and answered with an error.

    Attributes:
        reason: What is wrong and what would be accepted, for people.
        code: The same for programs, in OpenAI's and vLLM's vocabulary.
        param: The field in question, if any.
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
    """Parse a frame, text or UTF-8 bytes, as a JSON object.

    Raises:
        RequestRefusedError: It is not a JSON object.
    """
    try:
        value = _read_strings(message) or json.loads(message if isinstance(message, str) else message.decode())
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of a million digits, nested too deep
        raise RequestRefusedError(f"this is not the text of a JSON object: {error}", code="invalid_json") from None
    if not isinstance(value, dict):
        raise RequestRefusedError('this is JSON, but not a JSON object, such as {"name": "value"}', code="invalid_json")
    return value


def _read_strings(message: str | bytes) -> Message | None:
    """Fast path: the object if all its values are strings, as in audio messages, else None. Four times faster.

    The `json` module parses everything else: orjson rejects NaN and turns integers beyond 64 bits into floats.
    """
    try:
        value = orjson.loads(message)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    for item in value.values():  # `all` with a generator would cost as much as the rest
        if not isinstance(item, str):
            return None
    return value


def handler_of(message: Mapping[str, Any], handlers: Mapping[str, Handler]) -> Handler:
    """The handler for the message's `type`.

    Raises:
        RequestRefusedError: The type is missing or unknown.
    """
    kind = message.get("type")
    if isinstance(kind, str) and kind in handlers:
        return handlers[kind]
    wrong = f"no message is of type {kind[:MAX_SHOWN_CHARS]!r}" if isinstance(kind, str) else "a message needs a type"
    raise RequestRefusedError(f"{wrong}; known are {', '.join(handlers)}", code="unknown_event", param="type")


def read_audio(audio: object, *, max_bytes: int) -> bytes:
    """Decode an `audio` field: base64 with its padding, possibly empty.

    Raises:
        RequestRefusedError: It is not base64, or longer than `max_bytes`.
    """
    if not isinstance(audio, str):
        raise RequestRefusedError("audio must be a string of base64", code="invalid_audio", param="audio")
    if len(audio) > -(-max_bytes // 3) * 4:
        raise _too_much_audio(max_bytes)
    try:
        payload = pybase64.b64decode(audio, validate=True)
    except ValueError:  # its message is misleading: it reports missing padding as an invalid character
        raise RequestRefusedError(
            "audio is not base64: it takes the standard alphabet, its padding, and no white space",
            code="invalid_audio",
            param="audio",
        ) from None
    if len(payload) > max_bytes:
        raise _too_much_audio(max_bytes)
    return payload


def write_message(message: Mapping[str, Any]) -> str:
    """Encode as ASCII: the length is the size in bytes, and lone surrogates from a client cannot break the encoding."""
    return _ENCODER.encode(message)


def _too_much_audio(max_bytes: int) -> RequestRefusedError:
    return RequestRefusedError(
        f"audio of one message must be at most {max_bytes} bytes; send it in smaller pieces",
        code="invalid_audio",
        param="audio",
        status=413,
    )
