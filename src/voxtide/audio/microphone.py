"""Microphones. In: a device's number or name. Out: its live audio. The only module that imports sounddevice."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.encodings import clean, mix_down
from voxtide.audio.handover import HandOver
from voxtide.audio.resample import Resampler
from voxtide.audio.source import AudioSource, Chunker
from voxtide.errors import AudioError, MissingExtraError, SourceNotFoundError, StreamClosedError
from voxtide.types import Samples

_log = logging.getLogger("voxtide.audio")

BLOCK_MS = 20
"""Block size of the device: shorter than most chunks, long enough for a low CPU load."""

MAX_BACKLOG_MS = 10_000
"""Audio queued for a slow reader before it is dropped. Text delayed by more is of no use."""

NO_DATA_TIMEOUT_S = 5.0
"""A running device delivers a block every `BLOCK_MS`, also in silence. Without a block for this long, it failed."""

MAX_CAPTURE_CHANNELS = 2
"""Stereo devices often reject mono; on devices with more channels only the first two are microphones."""


class SoundLibrary(Protocol):
    """The part of the module `sounddevice` that is used here."""

    PortAudioError: type[Exception]

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        """All devices, or the default device of `kind`."""

    def query_hostapis(self) -> Any:
        """The host APIs of the devices."""

    def InputStream(self, **options: Any) -> Any:
        """A stream that passes recorded blocks to a callback."""


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
    library = library or _load_library()
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


class MicrophoneSource(AudioSource):
    """A microphone at its own rate, converted to 16 kHz mono. Never ends by itself.

    Audio is dropped when `MAX_BACKLOG_MS` of it are unread; `num_overflows` and `dropped_s` count it.
    """

    def __init__(self, device: int | str | None = None, *, chunk_ms: int, library: SoundLibrary | None = None) -> None:
        """Select a device by number or by a part of its name (first match); None for the default."""
        super().__init__("microphone", chunk_ms=chunk_ms)
        self.num_overflows = 0
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._library = library
        self._num_dropped = 0
        self._rate_hz = 0
        self._blocks: HandOver[NDArray[np.float32]] | None = None
        self._stream: Any = None
        self._is_closing = False
        self._chunker = Chunker(chunk_ms)
        self._ready: deque[Samples] = deque()

    @property
    def dropped_s(self) -> float:
        """Audio lost because the reader was too slow."""
        return self._num_dropped / self._rate_hz if self._rate_hz else 0.0

    async def open(self) -> None:
        """Start recording.

        Raises:
            MissingExtraError: The extra `mic` or the system's PortAudio library is not installed.
            SourceNotFoundError: There is no such device.
            AudioError: The device cannot be opened.
        """
        if self._blocks is not None:
            raise StreamClosedError(f"{self.name} was opened before; a source can be read only once")
        library = self._library or _load_library()
        device = _find(list_devices(library), self._device)
        self.name = f"microphone {device.name!r}"
        self._rate_hz = device.sample_rate_hz
        self._resampler = Resampler(device.sample_rate_hz)
        self._blocks = HandOver(MAX_BACKLOG_MS // BLOCK_MS)
        try:
            self._stream = library.InputStream(
                device=device.index,
                samplerate=device.sample_rate_hz,
                channels=min(device.num_channels, MAX_CAPTURE_CHANNELS),
                dtype="float32",
                blocksize=device.sample_rate_hz * BLOCK_MS // 1000,
                callback=self._take,
                finished_callback=self._stopped,
            )
            self._stream.start()
        except library.PortAudioError as error:
            raise AudioError(f"{self.name} cannot be opened: {error}; is another program using it?") from error

    async def read(self) -> Samples | None:
        """The next chunk.

        Raises:
            AudioError: The device stopped or delivers no more audio.
        """
        if self._blocks is None:
            raise StreamClosedError(f"{self.name} is not open; read it inside `async with`")
        while not self._ready:
            try:
                async with asyncio.timeout(NO_DATA_TIMEOUT_S):
                    block = await self._blocks.get()
            except TimeoutError:
                raise AudioError(f"{self.name} delivers no more audio; is it still plugged in?") from None
            if block is None:
                return None
            samples = clean(self._resampler.feed(mix_down(clean(block))))
            self._ready.extend(self._chunker.feed(samples))
        return self._ready.popleft()

    async def close(self) -> None:
        """Stop recording."""
        self._is_closing = True
        if self._blocks is not None:
            self._blocks.close()
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()
            if self.num_overflows:
                _log.warning(
                    "%s: the reader was too slow %d times; %.2f s of audio were dropped",
                    self.name,
                    self.num_overflows,
                    self.dropped_s,
                )

    def _take(self, block: NDArray[np.float32], num_samples: int, _time: Any, status: Any) -> None:
        """Receive a block, shape [n, channels], on PortAudio's thread. Must not block or keep a reference to it."""
        assert self._blocks is not None, "the queue is created before the device starts"
        if self._is_closing:
            return
        is_taken = self._blocks.offer(block.copy())
        if not is_taken:
            self._num_dropped += num_samples
        if status.input_overflow or not is_taken:
            self.num_overflows += 1

    def _stopped(self) -> None:
        assert self._blocks is not None, "the queue is created before the device starts"
        self._blocks.end(AudioError(f"{self.name} stopped; is it still plugged in?"))


def _find(devices: list[InputDevice], wanted: int | str | None) -> InputDevice:
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


def _load_library() -> SoundLibrary:
    try:
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
