"""Self-hosted streaming speech-to-text: text while the speaker talks, final text on request.

    import voxtide

    print(voxtide.transcribe("talk.mp3").text)

Names are imported on first use, so that `import voxtide` is fast. See docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxtide.api import open_engine, transcribe, transcribe_async
    from voxtide.audio.encodings import Encoding
    from voxtide.audio.opening import open_source
    from voxtide.audio.source import AudioSource
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
        LanguageDoubted,
        SegmentEnded,
        SpeechStarted,
        SpeechStopped,
        SpeechUntranscribed,
        TranscriptEvent,
    )
    from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, Notice, Samples, Segment, StreamOptions, Transcript, Word

    __version__: str

_HOMES = {
    "voxtide.api": ("open_engine", "transcribe", "transcribe_async"),
    "voxtide.audio.encodings": ("Encoding",),
    "voxtide.audio.opening": ("open_source",),
    "voxtide.audio.source": ("AudioSource",),
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
        "LanguageDoubted",
        "BlankLoopDetected",
        "SegmentEnded",
        "SpeechStarted",
        "SpeechStopped",
        "SpeechUntranscribed",
        "TranscriptEvent",
    ),
    "voxtide.types": (
        "SAMPLE_RATE_HZ",
        "EngineInfo",
        "Notice",
        "Samples",
        "Segment",
        "StreamOptions",
        "Transcript",
        "Word",
    ),
}
"""The module of each public name; tests/test_exports.py compares it with `__all__`."""

__all__ = [
    "SAMPLE_RATE_HZ",
    "AudioAheadError",
    "AudioError",
    "AudioSource",
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
    "Encoding",
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
    "LanguageDoubted",
    "MessageTooBigError",
    "MissingExtraError",
    "ModelCorruptError",
    "ModelDownloadError",
    "ModelError",
    "ModelMissingError",
    "NotAudioError",
    "Notice",
    "Samples",
    "Segment",
    "SegmentEnded",
    "SessionError",
    "SessionExpiredError",
    "SessionIdleError",
    "SourceNotFoundError",
    "SpeechStarted",
    "SpeechStopped",
    "SpeechUntranscribed",
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
    "open_source",
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
