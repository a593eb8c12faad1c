"""Devices that record. In: a number or a name. Out: the device. The only module that imports sounddevice.

PortAudio prints, and knows only the devices that were there when it was initialised.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

from voxtide.errors import MissingExtraError, SourceNotFoundError

_log = logging.getLogger("voxtide.audio")

_portaudio = threading.RLock()
"""One thread at a time: neither PortAudio nor the redirection of its messages is thread-safe."""

MAX_HIDDEN_S = 3.0
"""PortAudio's calls take up to a second. One that takes longer may never return, and must not hide what reports it."""


class SoundLibrary(Protocol):
    """The part of the module `sounddevice` that is used here."""

    PortAudioError: type[Exception]

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        """All devices, or the default device of `kind`."""

    def query_hostapis(self) -> Any:
        """The host APIs of the devices."""

    def InputStream(self, **options: Any) -> Any:
        """A stream that passes recorded blocks to a callback."""

    def _terminate(self) -> None:
        """Forget all devices. Ends all streams of the process."""

    def _initialize(self) -> None:
        """Find the devices that are there now. Neither function has a public name."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that can record. `index` is for `open_source`; `system` is ALSA, Core Audio, WASAPI, ..."""

    index: int
    name: str
    system: str
    num_channels: int
    sample_rate_hz: int
    is_default: bool


def list_devices(library: SoundLibrary | None = None) -> list[InputDevice]:
    """The devices that can record, in the system's order.

    Raises:
        MissingExtraError: The extra `mic` or the system's PortAudio library is not installed.
    """
    library = library or load_library()
    with _portaudio:
        systems = library.query_hostapis()
        default_index = _default_index(library)
        return [
            InputDevice(
                index=device["index"],
                name=device["name"],
                system=systems[device["hostapi"]]["name"],
                num_channels=device["max_input_channels"],
                sample_rate_hz=round(device["default_samplerate"]),
                is_default=device["index"] == default_index,
            )
            for device in library.query_devices()
            if device["max_input_channels"] > 0
        ]


def find_device(library: SoundLibrary, wanted: int | str | None) -> InputDevice:
    """The first device with this number or part of its name; None for the default.

    Raises:
        SourceNotFoundError: There is none.
    """
    devices = list_devices(library)
    if not devices:
        raise SourceNotFoundError("there is no microphone: no device of this machine can record")
    for device in devices:
        if wanted is None:
            is_match = device.is_default
        elif isinstance(wanted, int):
            is_match = device.index == wanted
        else:
            is_match = wanted.casefold() in device.name.casefold()
        if is_match:
            return device
    known = "; ".join(f"{device.index}: {device.name}" for device in devices)
    if wanted is None:
        raise SourceNotFoundError(f"this machine has no default microphone; choose a device: {known}")
    raise SourceNotFoundError(f"there is no microphone {wanted!r}; choose from {known}")


def _default_index(library: SoundLibrary) -> int | None:
    try:
        return int(library.query_devices(kind="input")["index"])
    except (library.PortAudioError, ValueError):  # no default device
        return None


def load_library() -> SoundLibrary:
    """Import sounddevice.

    Raises:
        MissingExtraError: The extra `mic` or the system's PortAudio library is not installed.
    """
    try:
        with without_messages():  # the import initialises PortAudio
            import sounddevice
    except ImportError:
        raise MissingExtraError("sounddevice", "mic", "the microphone") from None
    except OSError as error:
        remedy = (
            "apt-get install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora) "
            "or brew install portaudio (macOS)"
        )
        raise MissingExtraError("PortAudio", "mic", "the microphone", remedy=remedy) from error
    library: SoundLibrary = sounddevice
    return library


def find_devices_anew(library: SoundLibrary) -> None:
    """Initialise PortAudio again, which finds the devices that are there now. Ends all streams of the process."""
    with without_messages():
        with suppress(library.PortAudioError):  # the last attempt did not initialise it
            library._terminate()
        library._initialize()


@contextmanager
def without_messages() -> Iterator[None]:
    """Keep what PortAudio and ALSA print off the screen; it is logged for --debug. Waits for other threads in it.

    They write to file descriptor 2, so everything else that the process prints meanwhile is logged, too; at most for
    `MAX_HIDDEN_S`.
    """
    with _portaudio, _messages_file() as messages:
        try:
            screen = os.dup(2)
        except OSError:  # stderr is closed
            yield
            return
        os.dup2(messages.fileno(), 2)
        limit = threading.Timer(MAX_HIDDEN_S, os.dup2, (screen, 2))
        limit.daemon = True
        with suppress(RuntimeError):  # no thread can be started: hidden until the call returns
            limit.start()
        try:
            yield
        finally:
            limit.cancel()
            if limit.ident is not None:
                limit.join()
            os.dup2(screen, 2)
            os.close(screen)
            messages.seek(0)
            for line in messages.read().decode("utf-8", "replace").splitlines():
                _log.debug("PortAudio: %s", line)


def _messages_file() -> IO[bytes]:
    """An empty file without a name; one that drops all if there is no place for it, which must not stop the capture."""
    try:
        return TemporaryFile()
    except OSError as error:  # no directory that can be written, a full disk
        _log.debug("PortAudio's messages are dropped: %s", error)
        return open(os.devnull, "w+b", buffering=0)
