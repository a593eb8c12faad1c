"""Every failure voxtide raises on purpose. In: facts about what went wrong. Out: one exception tree, each with a code.

VoxtideError
├── ConfigError                 a setting or option value is not usable
│   └── UnsupportedOptionError  this engine cannot do what the options ask
├── AudioError                  the audio cannot be read
│   ├── SourceNotFoundError     no such file, address or device
│   ├── NotAudioError           readable, but holds no audio
│   └── CorruptAudioError       audio that breaks off or cannot be decoded
├── ModelError                  the model's files cannot be used
│   ├── UnknownModelError       no such name in the manifest
│   ├── ModelMissingError       known, but not pulled
│   ├── ModelDownloadError      the pull failed
│   └── ModelCorruptError       a file is not the one the manifest names
├── MissingExtraError           an optional package is not installed
├── EngineError                 the engine itself failed
│   ├── EngineFailedError       an engine died; every stream of it is told
│   │   └── ConnectionFailedError  the server cannot be reached, refuses us, or went away for good
│   └── CapacityError           no room for one more stream
├── SessionError                a session at the server went past one of its bounds
│   ├── MessageTooBigError      one message was too long
│   ├── AudioAheadError         audio came too much faster than it was spoken
│   ├── SessionExpiredError     the session lasted as long as it may
│   └── SessionIdleError        nothing came from the client for too long
└── StreamClosedError           a stream was used after finish or close

A message names the input and, where there is one, the remedy. `code` is the stable name for logs and event streams.
"""

from __future__ import annotations


class VoxtideError(Exception):
    """Base of all errors voxtide raises on purpose; catch it to handle any of them."""

    code = "error"


class ConfigError(VoxtideError, ValueError):
    """A setting or option has a value that cannot be used."""

    code = "config"


class UnsupportedOptionError(ConfigError):
    """An engine was asked for something it cannot do; it refuses by name instead of ignoring the wish."""

    code = "unsupported_option"


class AudioError(VoxtideError):
    """The audio cannot be read."""

    code = "audio"


class SourceNotFoundError(AudioError):
    """There is no such file, address or device."""

    code = "source_not_found"


class NotAudioError(AudioError):
    """The input can be opened but holds no audio."""

    code = "not_audio"


class CorruptAudioError(AudioError):
    """The audio breaks off or cannot be decoded."""

    code = "corrupt_audio"


class ModelError(VoxtideError):
    """A model's files cannot be used."""

    code = "model"


class UnknownModelError(ModelError):
    """The manifest has no model of that name."""

    code = "unknown_model"


class ModelMissingError(ModelError):
    """The model is known but has not been pulled, and may not be pulled now."""

    code = "model_missing"


class ModelDownloadError(ModelError):
    """The model could not be fetched."""

    code = "model_download"


class ModelCorruptError(ModelError):
    """A model file is not the one the manifest names."""

    code = "model_corrupt"


class MissingExtraError(VoxtideError):
    """An optional package is needed and not installed, be it Python's or, with a `remedy` of its own, the system's."""

    code = "missing_extra"

    def __init__(self, package: str, extra: str, purpose: str, *, remedy: str | None = None) -> None:
        command = remedy or f"pip install 'voxtide[{extra}]'"
        super().__init__(f"{purpose} needs the package {package!r}; install it with: {command}")


class EngineError(VoxtideError):
    """An engine failed."""

    code = "engine"


class EngineFailedError(EngineError):
    """An engine, or the stream's part of it, died. Audio after its last event was not transcribed."""

    code = "engine_failed"


class ConnectionFailedError(EngineFailedError):
    """A server cannot be reached, refuses the connection, or went away and did not come back in time."""

    code = "connection_failed"


class CapacityError(EngineError):
    """The engine has no room for one more stream."""

    code = "capacity"


class SessionError(VoxtideError):
    """A session at the server went past one of its bounds; each bound is a setting of the server."""

    code = "session"


class MessageTooBigError(SessionError):
    """One message was longer than the server takes."""

    code = "message_too_big"


class AudioAheadError(SessionError):
    """Audio came so much faster than real time that the server will not hold it."""

    code = "audio_ahead"


class SessionExpiredError(SessionError):
    """The session lasted as long as a session may."""

    code = "session_expired"


class SessionIdleError(SessionError):
    """Nothing came from the client for longer than the server waits."""

    code = "session_idle"


class StreamClosedError(VoxtideError, RuntimeError):
    """A stream was used after it was finished or closed."""

    code = "stream_closed"


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first in a group of tasks, however deep it lies."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
