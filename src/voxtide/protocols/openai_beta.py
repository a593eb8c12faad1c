"""The beta of OpenAI's wire. In: a `transcription_session.update`'s object. Out: the same in today's words, and back.

OpenAI has removed it; programs written for it are still about, and it costs a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxtide.protocols.messages import Message

_FORMATS: dict[str, Message] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}

_NAMES = {
    "input_audio_transcription": "transcription",
    "turn_detection": "turn_detection",
    "input_audio_noise_reduction": "noise_reduction",
}
"""Fields that only changed their place."""


def from_beta(session: Mapping[str, Any]) -> Message:
    """The session object as `session.update` has it today. A format of another name is left for that to refuse."""
    wishes = {today: session[beta] for beta, today in _NAMES.items() if beta in session}
    if "input_audio_format" in session:
        name = session["input_audio_format"]
        wishes["format"] = None if name is None else _FORMATS.get(str(name), {"type": name})
    return {"type": "transcription", "audio": {"input": wishes}}


def to_beta(session: Message) -> Message:
    """Today's session object as `transcription_session.updated` had it. Rates other than 24 kHz it had no word for."""
    wishes = session["audio"]["input"]
    name = next(name for name, fields in _FORMATS.items() if fields["type"] == wishes["format"]["type"])
    return {
        "id": session["id"],
        "object": session["object"],
        "input_audio_format": name,
        **{beta: wishes[today] for beta, today in _NAMES.items()},
        "include": session["include"],
        "expires_at": session["expires_at"],
    }
