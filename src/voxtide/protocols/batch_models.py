"""The list of models as both vendors' SDKs read it. In: names and a time. Out: JSON bodies."""

from __future__ import annotations

from voxtide.protocols.facts import EngineFacts
from voxtide.protocols.messages import Message


def model_list(engine: EngineFacts, created_s: int) -> Message:
    """The body of `GET /v1/models`. `created_s` is a time in seconds since 1970."""
    return {"object": "list", "data": [model_card(name, created_s) for name in model_names(engine)]}


def model_names(engine: EngineFacts) -> tuple[str, ...]:
    """The names there are: the engine's own first, then those it also answers to."""
    return tuple(dict.fromkeys((engine.model, *engine.models)))


def model_card(name: str, created_s: int) -> Message:
    """One model: `id`, `object`, `created`, `owned_by` for OpenAI's SDK, the rest for Mistral's."""
    return {
        "id": name,
        "object": "model",
        "created": created_s,
        "owned_by": "voxtide",
        "type": "base",
        "name": name,
        "aliases": [],
        "capabilities": {
            "audio": True,
            "audio_transcription": True,
            "audio_transcription_realtime": True,
            "completion_chat": False,
            "completion_fim": False,
            "function_calling": False,
            "fine_tuning": False,
            "vision": False,
        },
    }
