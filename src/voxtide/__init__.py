"""Streaming speech-to-text you run yourself: words while the speaker talks, the last word the moment they stop.

    import voxtide

    print(voxtide.transcribe("talk.mp3").text)

Names are loaded when they are first used, so that `import voxtide` costs next to nothing. docs/python.md has the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxtide.api import open_engine, transcribe, transcribe_async
    from voxtide.client.config import ClientConfig
    from voxtide.client.connect import connect
    from voxtide.client.connection import Connection, FlushAnswer
    from voxtide.client.events import ConnectionLost, ConnectionReplaced
    from voxtide.engines.base import Engine, EngineStream
    from voxtide.errors import (
        AudioAheadError,
        AudioError,
        CapacityError,
        ConfigError,
        ConnectionFailedError,
        CorruptAudioError,
        EngineError,
        EngineFailedError,
        MessageTooBigError,
        MissingExtraError,
        ModelCorruptError,
        ModelDownloadError,
        ModelError,
        ModelMissingError,
        NotAudioError,
        SessionError,
        SessionExpiredError,
        SessionIdleError,
        SourceNotFoundError,
        StreamClosedError,
        UnknownModelError,
        UnsupportedOptionError,
        VoxtideError,
    )
    from voxtide.transcript.events import (
        BlankLoopDetected,
        Delta,
        Finished,
        Flushed,
        Interim,
        LanguageDetected,
        SegmentEnded,
        SpeechStarted,
        SpeechStopped,
        TranscriptEvent,
    )
    from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, Samples, Segment, StreamOptions, Transcript, Word

    __version__: str

_HOMES = {
    "voxtide.api": ("open_engine", "transcribe", "transcribe_async"),
    "voxtide.client.config": ("ClientConfig",),
    "voxtide.client.connection": ("Connection", "FlushAnswer"),
    "voxtide.client.events": ("ConnectionLost", "ConnectionReplaced"),
    "voxtide.client.connect": ("connect",),
    "voxtide.engines.base": ("Engine", "EngineStream"),
    "voxtide.errors": (
        "AudioAheadError",
        "AudioError",
        "CapacityError",
        "ConfigError",
        "ConnectionFailedError",
        "CorruptAudioError",
        "EngineError",
        "EngineFailedError",
        "MessageTooBigError",
        "MissingExtraError",
        "ModelCorruptError",
        "ModelDownloadError",
        "ModelError",
        "ModelMissingError",
        "NotAudioError",
        "SessionError",
        "SessionExpiredError",
        "SessionIdleError",
        "SourceNotFoundError",
        "StreamClosedError",
        "UnknownModelError",
        "UnsupportedOptionError",
        "VoxtideError",
    ),
    "voxtide.transcript.events": (
        "Delta",
        "Finished",
        "Flushed",
        "Interim",
        "LanguageDetected",
        "BlankLoopDetected",
        "SegmentEnded",
        "SpeechStarted",
        "SpeechStopped",
        "TranscriptEvent",
    ),
    "voxtide.types": ("SAMPLE_RATE_HZ", "EngineInfo", "Samples", "Segment", "StreamOptions", "Transcript", "Word"),
}
"""Where each public name lives; tests/test_exports.py holds it against `__all__`."""

__all__ = [
    "SAMPLE_RATE_HZ",
    "AudioAheadError",
    "AudioError",
    "BlankLoopDetected",
    "CapacityError",
    "ClientConfig",
    "ConfigError",
    "Connection",
    "ConnectionFailedError",
    "ConnectionLost",
    "ConnectionReplaced",
    "CorruptAudioError",
    "Delta",
    "Engine",
    "EngineError",
    "EngineFailedError",
    "EngineInfo",
    "EngineStream",
    "Finished",
    "FlushAnswer",
    "Flushed",
    "Interim",
    "LanguageDetected",
    "MessageTooBigError",
    "MissingExtraError",
    "ModelCorruptError",
    "ModelDownloadError",
    "ModelError",
    "ModelMissingError",
    "NotAudioError",
    "Samples",
    "Segment",
    "SegmentEnded",
    "SessionError",
    "SessionExpiredError",
    "SessionIdleError",
    "SourceNotFoundError",
    "SpeechStarted",
    "SpeechStopped",
    "StreamClosedError",
    "StreamOptions",
    "Transcript",
    "TranscriptEvent",
    "UnknownModelError",
    "UnsupportedOptionError",
    "VoxtideError",
    "Word",
    "connect",
    "open_engine",
    "transcribe",
    "transcribe_async",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("voxtide")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'voxtide' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
