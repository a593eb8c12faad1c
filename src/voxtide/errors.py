"""All errors that voxtide raises deliberately. In: a message. Out: one exception tree, each class with a code.

VoxtideError
├── ConfigError                 invalid setting or option
│   └── UnsupportedOptionError  the engine does not support an option
├── AudioError                  the audio cannot be read
│   ├── SourceNotFoundError     no such file, address or device
│   ├── NotAudioError           readable, but contains no audio
│   └── CorruptAudioError       truncated or undecodable audio
├── ModelError                  the model's files cannot be used
│   ├── UnknownModelError       not in the manifest
│   ├── ModelMissingError       known, but not pulled
│   ├── ModelDownloadError      the pull failed
│   └── ModelCorruptError       a file differs from the manifest
├── MissingExtraError           an optional package is not installed
├── EngineError                 the engine failed
│   ├── EngineFailedError       the engine died; raised by all its streams
│   │   └── ConnectionFailedError  a server is unreachable, rejects the connection, or does not come back
│   └── CapacityError           no free stream
├── SessionError                a session exceeded a limit of the server
│   ├── MessageTooBigError      a message was too long
│   ├── AudioAheadError         audio was sent too far ahead of real time
│   ├── SessionExpiredError     the maximum session length was reached
│   └── SessionIdleError        the client sent nothing for too long
└── StreamClosedError           a stream was used after finish or close

A message names the input and, if possible, the remedy. `code` is the stable name in logs and event streams.
`install_command` is the remedy of a `MissingExtraError`: how this installation adds an extra.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any


class VoxtideError(Exception):
    """Base class of all errors that voxtide raises deliberately."""

    code = "error"


class ConfigError(VoxtideError, ValueError):
    """A setting or option has an invalid value."""

    code = "config"


class UnsupportedOptionError(ConfigError):
    """The engine does not support a requested option."""

    code = "unsupported_option"


class AudioError(VoxtideError):
    """The audio cannot be read."""

    code = "audio"


class SourceNotFoundError(AudioError):
    """There is no such file, address or device."""

    code = "source_not_found"


class NotAudioError(AudioError):
    """The input is readable but contains no audio."""

    code = "not_audio"


class CorruptAudioError(AudioError):
    """The audio is truncated or cannot be decoded."""

    code = "corrupt_audio"


class ModelError(VoxtideError):
    """A model's files cannot be used."""

    code = "model"


class UnknownModelError(ModelError):
    """The manifest has no model of that name."""

    code = "unknown_model"


class ModelMissingError(ModelError):
    """The model is known but has not been pulled."""

    code = "model_missing"


class ModelDownloadError(ModelError):
    """The model could not be downloaded."""

    code = "model_download"


class ModelCorruptError(ModelError):
    """A model file differs from the manifest or cannot be loaded."""

    code = "model_corrupt"


class MissingExtraError(VoxtideError):
    """An optional Python package, or with its own `remedy` a system package, is not installed."""

    code = "missing_extra"

    def __init__(self, package: str, extra: str, purpose: str, *, remedy: str | None = None) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}; install it with: {remedy or install_command(extra)}"
        )


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation of voxtide.

    It installs from where voxtide itself came from, which the installer noted (PEP 610): a checkout, a wheel, a
    repository. Without a note it names the extra's packages: the name voxtide may be someone else's on an index.
    """
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # slow to import, and rarely needed

    pip, origin = f"{shlex.quote(sys.executable)} -m pip install", _origin()
    url = str(origin.get("url", ""))
    if not url:
        return f"{pip} {shlex.join(_packages(extra))}"
    if "dir_info" not in origin:
        vcs = origin.get("vcs_info") or {}
        address = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
        return f'{pip} "voxtide[{extra}] @ {address}"'
    root = Path(url2pathname(urlsplit(url).path))
    if (root / "requirements" / f"{extra}.txt").is_file() and Path(sys.prefix) == root / ".venv":
        return f"{shlex.quote(str(root / 'scripts' / 'setup'))} {extra}"  # with the locked versions
    editable = "-e " if origin["dir_info"].get("editable") else ""
    return f'{pip} {editable}"{root}[{extra}]"'


def _packages(extra: str) -> list[str]:
    """The requirements that an extra adds; the source tree itself if voxtide runs from there, not installed."""
    try:
        requirements = importlib.metadata.requires("voxtide") or []
    except importlib.metadata.PackageNotFoundError:
        return [f"{Path(__file__).parents[2]}[{extra}]"]
    parts = (requirement.partition(";") for requirement in requirements)
    return [name.strip() for name, _, marker in parts if re.search(rf"extra == ['\"]{extra}['\"]", marker)]


def _origin() -> dict[str, Any]:
    """The installer's note about where voxtide came from; empty without one."""
    try:
        note = importlib.metadata.distribution("voxtide").read_text("direct_url.json")
        return dict(json.loads(note or "{}"))
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return {}


class EngineError(VoxtideError):
    """An engine failed."""

    code = "engine"


class EngineFailedError(EngineError):
    """The engine, or its part for this stream, died. Audio after the last event was not transcribed."""

    code = "engine_failed"


class ConnectionFailedError(EngineFailedError):
    """A server is unreachable, rejects the connection, or did not come back in time after a loss."""

    code = "connection_failed"


class CapacityError(EngineError):
    """All streams of the engine are in use."""

    code = "capacity"


class SessionError(VoxtideError):
    """The session exceeded a limit of the server."""

    code = "session"


class MessageTooBigError(SessionError):
    """A message was longer than the server accepts."""

    code = "message_too_big"


class AudioAheadError(SessionError):
    """Audio was sent too far ahead of real time."""

    code = "audio_ahead"


class SessionExpiredError(SessionError):
    """The session reached its maximum length."""

    code = "session_expired"


class SessionIdleError(SessionError):
    """The client sent nothing for longer than the idle timeout."""

    code = "session_idle"


class StreamClosedError(VoxtideError, RuntimeError):
    """A stream was used after it was finished or closed."""

    code = "stream_closed"


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a possibly nested group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
