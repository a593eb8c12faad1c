"""An open microphone. In: a device. Out: its blocks, queued, and the samples in them. Does not handle a lost device."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.downmix import Downmix
from voxtide.audio.encodings import clean
from voxtide.audio.handover import HandOver
from voxtide.audio.level import level_dbfs
from voxtide.audio.microphone.devices import InputDevice, SoundLibrary, without_messages
from voxtide.audio.resample import Resampler
from voxtide.errors import AudioError
from voxtide.types import Samples

_log = logging.getLogger("voxtide.audio")

BLOCK_MS = 20
"""Block size of the device: shorter than most chunks, long enough for a low CPU load."""

MAX_BACKLOG_MS = 60_000
"""Audio queued while a model loads, or for a slow reader, before it is dropped. At 48 kHz stereo it takes 23 MB."""

QUIET_S = 5.0
"""Audio without any sound after which a warning is logged: a speaker needs less to begin."""

QUIET_DBFS = -70.0
"""Level below which a block has no sound: the noise of a quiet room is at -60 dBFS, that of an open input at -80."""

MIN_LOUD_BLOCKS = 5
"""Fewer blocks with sound, 100 ms, are the click of a device that starts."""

MAX_CAPTURE_CHANNELS = 2
"""Stereo devices often reject mono; on devices with more channels only the first two are microphones."""


@dataclass(slots=True)
class Dropped:
    """Audio lost because the reader or the computer was too slow. `audio_s` is what the full queue rejected."""

    num_times: int = 0
    audio_s: float = 0.0


class Recording:
    """One device, which records from the start: a queue of blocks of shape [n, channels] at the device's rate.

    Attributes:
        name: The device in messages.
        blocks: The queue. `get` raises `AudioError` after the last block of a device that stopped by itself.
    """

    def __init__(self, library: SoundLibrary, device: InputDevice, dropped: Dropped) -> None:
        """Start to record; lost audio is counted in `dropped`.

        Raises:
            AudioError: The device cannot be opened.
        """
        num_channels = min(device.num_channels, MAX_CAPTURE_CHANNELS)
        self.name = f"microphone {device.name!r}"
        self.blocks: HandOver[NDArray[np.float32]] = HandOver(MAX_BACKLOG_MS // BLOCK_MS)
        self._library = library
        self._rate_hz = device.sample_rate_hz
        self._dropped = dropped
        self._is_closed = False
        self._downmix = Downmix(num_channels, device.sample_rate_hz)
        self._resampler = Resampler(device.sample_rate_hz)
        self._level = _LevelWatch()
        self._stream: Any = None
        try:
            self._start(device.index, num_channels)
        except library.PortAudioError as error:
            self._stop()
            raise AudioError(f"{self.name} cannot be opened: {error}; is another program using it?") from error

    def _start(self, device_index: int, num_channels: int) -> None:
        with without_messages():
            self._stream = self._library.InputStream(
                device=device_index,
                samplerate=self._rate_hz,
                channels=num_channels,
                dtype="float32",
                blocksize=self._rate_hz * BLOCK_MS // 1000,
                callback=self._take,
                finished_callback=self._stopped,
            )
            self._stream.start()

    def samples_of(self, block: NDArray[np.float32]) -> Samples:
        """A block as mono samples at 16 kHz. A microphone without sound is logged once."""
        mono = self._downmix.feed(clean(block))
        self._level.add(mono, self.name)
        return clean(self._resampler.feed(mono))

    def last_samples(self) -> Samples:
        """What `samples_of` has held back. To be called once, after the last block."""
        return clean(self._resampler.finish())

    def end(self) -> None:
        """Stop the device. Queued blocks can still be read; then the queue ends."""
        self.blocks.end()
        self._stop()

    def close(self) -> None:
        """Stop the device and drop its queue. Idempotent."""
        self._is_closed = True
        self.blocks.close()
        self._stop()

    def _stop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with without_messages(), suppress(self._library.PortAudioError):  # the device is gone
                stream.close()

    def _take(self, block: NDArray[np.float32], num_samples: int, _time: Any, status: Any) -> None:
        """Receive a block, shape [n, channels], on PortAudio's thread. Must not block or keep a reference to it."""
        if self._is_closed:
            return
        is_taken = self.blocks.offer(block.copy())
        if not is_taken:
            self._dropped.audio_s += num_samples / self._rate_hz
        if status.input_overflow or not is_taken:
            self._dropped.num_times += 1

    def _stopped(self) -> None:
        self.blocks.end(AudioError(f"{self.name} stopped"))


class _LevelWatch:
    """Warns once if the first `QUIET_S` have no sound."""

    def __init__(self) -> None:
        self._num_left = round(QUIET_S * 1000 / BLOCK_MS)  # blocks
        self._num_loud = 0
        self._has_signal = False

    def add(self, block: Samples, name: str) -> None:
        """Add a block of mono samples of the microphone `name`."""
        if self._num_left <= 0:
            return
        self._num_left -= 1
        is_loud = level_dbfs(block) > QUIET_DBFS
        self._num_loud += is_loud
        self._has_signal |= not is_loud and bool(block.any())
        if self._num_loud >= MIN_LOUD_BLOCKS:
            self._num_left = 0
        elif self._num_left == 0:
            state = "is very quiet" if self._has_signal else "delivers only silence"
            _log.warning(
                "%s %s (nothing above %.0f dBFS for %.0f s): is it muted, or the wrong one? See: voxtide devices",
                name,
                state,
                QUIET_DBFS,
                QUIET_S,
            )
