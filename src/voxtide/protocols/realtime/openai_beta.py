"""OpenAI's beta form of a session. In: a session object in either form. Out: the same in the other form."""

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
"""Fields that only moved, by their beta name."""


def from_beta(session: Mapping[str, Any]) -> Message:
    """The session object as in today's `session.update`. An unknown format is passed on, to be refused there."""
    fields = {today: session[beta] for beta, today in _NAMES.items() if beta in session}
    if "input_audio_format" in session:
        name = session["input_audio_format"]
        fields["format"] = None if name is None else _FORMATS.get(str(name), {"type": name})
    return {"type": "transcription", "audio": {"input": fields}}


def to_beta(session: Message) -> Message:
    """Today's session object as in `transcription_session.updated`. The beta cannot express rates other than 24 kHz."""
    fields = session["audio"]["input"]
    name = next(name for name, audio_format in _FORMATS.items() if audio_format["type"] == fields["format"]["type"])
    return {
        "id": session["id"],
        "object": session["object"],
        "input_audio_format": name,
        **{beta: fields[today] for beta, today in _NAMES.items()},
        "include": session["include"],
        "expires_at": session["expires_at"],
    }
