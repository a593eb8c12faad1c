"""A fake of the module sounddevice, with microphones that record what a test gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voxtide.types import Samples


class PortAudioError(Exception):
    """The exception of sounddevice."""


@dataclass
class Status:
    input_overflow: bool = False


@dataclass
class FakeStream:
    options: dict[str, Any]
    is_started: bool = False
    is_closed: bool = False

    def start(self) -> None:
        self.is_started = True

    def close(self) -> None:
        """Stop after a last block."""
        self.record(np.zeros(self.options["blocksize"], np.float32))
        self.is_closed = True
        self.options["finished_callback"]()

    def record(self, samples: Samples, *, is_late: bool = False) -> None:
        """Deliver `samples` on each channel in blocks; the last may be shorter."""
        for start in range(0, samples.size, self.options["blocksize"]):
            block = np.stack([samples[start : start + self.options["blocksize"]]] * self.options["channels"], axis=1)
            self.options["callback"](block, len(block), None, Status(input_overflow=is_late))
            block[:] = np.nan  # PortAudio reuses the memory


@dataclass
class FakeLibrary:
    """Two microphones with a loudspeaker between them; the second microphone is the default."""

    PortAudioError: type[Exception] = PortAudioError
    default_index: int | None = 2
    start_error: Exception | None = None
    streams: list[FakeStream] = field(default_factory=list)
    is_initialised: bool = True
    num_initialised: int = 0
    devices: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"index": 0, "name": "Headset", "hostapi": 0, "max_input_channels": 1, "default_samplerate": 16_000.0},
            {"index": 1, "name": "Speakers", "hostapi": 0, "max_input_channels": 0, "default_samplerate": 48_000.0},
            {"index": 2, "name": "USB Audio", "hostapi": 1, "max_input_channels": 8, "default_samplerate": 44_100.0},
        ]
    )

    def query_devices(self, device: int | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        if self.default_index is None:
            raise PortAudioError("Error querying device -1")
        return self.devices[self.default_index]

    def query_hostapis(self) -> Any:
        return [{"name": "ALSA"}, {"name": "JACK"}]

    def _terminate(self) -> None:
        if not self.is_initialised:
            raise PortAudioError("PortAudio not initialized")
        self.is_initialised = False

    def _initialize(self) -> None:
        self.is_initialised = True
        self.num_initialised += 1

    def InputStream(self, **options: Any) -> FakeStream:
        if self.start_error is not None:
            raise self.start_error
        self.streams.append(FakeStream(options))
        return self.streams[-1]
