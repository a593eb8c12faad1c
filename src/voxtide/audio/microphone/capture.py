"""A microphone as a source. In: a device's number or name. Out: its live audio, also after the device was away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.downmix import Downmix
from voxtide.audio.encodings import clean
from voxtide.audio.handover import HandOver
from voxtide.audio.level import level_dbfs
from voxtide.audio.microphone.devices import (
    SoundLibrary,
    find_device,
    find_devices_anew,
    load_library,
    without_messages,
)
from voxtide.audio.resample import Resampler
from voxtide.audio.source import AudioSource, Chunker
from voxtide.errors import AudioError, StreamClosedError
from voxtide.types import SAMPLE_RATE_HZ, Samples

_log = logging.getLogger("voxtide.audio")

BLOCK_MS = 20
"""Block size of the device: shorter than most chunks, long enough for a low CPU load."""

MAX_BACKLOG_MS = 60_000
"""Audio queued while a model loads, or for a slow reader, before it is dropped. At 48 kHz stereo it takes 23 MB."""

NO_DATA_TIMEOUT_S = 5.0
"""A running device delivers a block every `BLOCK_MS`, also in silence. Without a block for this long, it is lost."""

RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before each attempt to open a lost device again; the last one repeats. An attempt takes up to a second."""

MAX_LOSS_S = 600.0
"""A device that is lost for longer fails: ten minutes are enough to find a cable."""

QUIET_S = 5.0
"""Audio without any sound after which a warning is logged: a speaker needs less to begin."""

QUIET_DBFS = -70.0
"""Level below which a block has no sound: the noise of a quiet room is at -60 dBFS, that of an open input at -80."""

MIN_LOUD_BLOCKS = 5
"""Fewer blocks with sound, 100 ms, are the click of a device that starts."""

MAX_CAPTURE_CHANNELS = 2
"""Stereo devices often reject mono; on devices with more channels only the first two are microphones."""


class MicrophoneSource(AudioSource):
    """A microphone at its own rate, converted to 16 kHz mono. Never ends by itself.

    Audio is dropped when `MAX_BACKLOG_MS` of it are unread; `num_overflows` and `dropped_s` count it. A device that
    vanishes is opened again when it is back, within `MAX_LOSS_S`; silence replaces the time without it, so that the
    text before it becomes final. To find devices anew, PortAudio ends all its streams in this process.
    """

    def __init__(
        self,
        device: int | str | None = None,
        *,
        chunk_ms: int,
        library: SoundLibrary | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Select a device by number or by a part of its name (first match); None for the default."""
        super().__init__("microphone", chunk_ms=chunk_ms)
        self.num_overflows = 0
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._library = library
        self._clock = clock
        self._sleep = sleep
        self._num_dropped = 0
        self._rate_hz = 0
        self._blocks: HandOver[NDArray[np.float32]] | None = None
        self._stream: Any = None
        self._is_open = False
        self._is_closing = False
        self._lost_at_s: float | None = None
        self._num_retries = 0
        self._last_s = 0.0  # when the last audio came
        self._level = _LevelWatch()
        self._chunker = Chunker(chunk_ms)
        self._ready: deque[Samples] = deque()

    @property
    def dropped_s(self) -> float:
        """Audio lost because the reader was too slow."""
        return self._num_dropped / self._rate_hz if self._rate_hz else 0.0

    def start(self) -> None:
        """Start recording before `open`, also without an event loop. `stop` or `close` ends it.

        Raises:
            MissingExtraError: The extra `mic` or the system's PortAudio library is not installed.
            SourceNotFoundError: There is no such device.
            AudioError: The device cannot be opened.
        """
        library = self._library = self._library or load_library()
        device = find_device(library, self._device)
        if isinstance(self._device, int):
            self._device = device.name  # its number changes when it comes back
        self.name = f"microphone {device.name!r}"
        self._rate_hz = device.sample_rate_hz
        num_channels = min(device.num_channels, MAX_CAPTURE_CHANNELS)
        self._downmix = Downmix(num_channels, device.sample_rate_hz)
        self._resampler = Resampler(device.sample_rate_hz)
        self._level = _LevelWatch()
        self._blocks = HandOver(MAX_BACKLOG_MS // BLOCK_MS)
        try:
            with without_messages():
                self._stream = library.InputStream(
                    device=device.index,
                    samplerate=device.sample_rate_hz,
                    channels=num_channels,
                    dtype="float32",
                    blocksize=device.sample_rate_hz * BLOCK_MS // 1000,
                    callback=partial(self._take, self._blocks),
                    finished_callback=partial(self._stopped, self._blocks),
                )
                self._stream.start()
        except library.PortAudioError as error:
            raise AudioError(f"{self.name} cannot be opened: {error}; is another program using it?") from error
        self._last_s = self._clock()

    async def open(self) -> None:
        """Start recording, unless `start` did. Raises as `start` does."""
        if self._is_open:
            raise StreamClosedError(f"{self.name} was opened before; a source can be read only once")
        if self._blocks is None:
            self.start()
        self._is_open = True

    async def read(self) -> Samples | None:
        """The next chunk.

        Raises:
            AudioError: The device was lost and did not come back.
        """
        if self._blocks is None or not self._is_open:
            raise StreamClosedError(f"{self.name} is not open; read it inside `async with`")
        while not self._ready:
            if self._lost_at_s is not None:
                await self._resume(self._lost_at_s)
                continue
            try:
                async with asyncio.timeout(NO_DATA_TIMEOUT_S):
                    block = await self._blocks.get()
            except (AudioError, TimeoutError):
                if not len(self._blocks):  # else the event loop was late
                    self._lose()
                continue
            if block is None:
                return None
            self._last_s = self._clock()
            mono = self._downmix.feed(clean(block))
            self._level.add(mono, self.name)
            self._ready.extend(self._chunker.feed(clean(self._resampler.feed(mono))))
        return self._ready.popleft()

    async def close(self) -> None:
        """Stop recording."""
        self.stop()

    def stop(self) -> None:
        """Stop recording. Idempotent."""
        self._is_closing = True
        if self._blocks is not None:
            self._blocks.close()
        if self._close_stream() and self.num_overflows:
            _log.warning(
                "%s: the reader was too slow %d times; %.2f s of audio were dropped",
                self.name,
                self.num_overflows,
                self.dropped_s,
            )

    def _close_stream(self) -> bool:
        """Close the device's stream; returns whether there was one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            assert self._library is not None, "it made the stream"
            with suppress(self._library.PortAudioError):  # the device is gone
                stream.close()
        return stream is not None

    def _lose(self) -> None:
        """Note that the device vanished."""
        self._close_stream()
        self._lost_at_s, self._num_retries = self._last_s, 0
        _log.warning("%s is lost; the text so far is kept. Waiting until it is back", self.name)

    async def _resume(self, lost_at_s: float) -> None:
        """Wait, fill the time with silence, and try to open the device again.

        Raises:
            AudioError: It was lost for too long.
        """
        wait_s = RETRY_S[min(self._num_retries, len(RETRY_S) - 1)]
        self._num_retries += 1
        await self._sleep(wait_s)
        now_s = self._clock()
        num_samples = max(0, round((now_s - self._last_s) * SAMPLE_RATE_HZ))
        self._last_s = now_s
        self._ready.extend(self._chunker.feed(np.zeros(num_samples, np.float32)))
        if now_s - lost_at_s > MAX_LOSS_S:
            raise AudioError(f"{self.name} was lost and is not back after {MAX_LOSS_S / 60:.0f} minutes")
        assert self._library is not None, "it opened the device"
        try:
            find_devices_anew(self._library)
            self.start()
        except (self._library.PortAudioError, AudioError) as error:
            self._close_stream()
            _log.debug("not yet back: %s", error)
            return
        self._lost_at_s = None
        _log.warning("%s is back after %.0f s", self.name, now_s - lost_at_s)

    def _take(
        self,
        blocks: HandOver[NDArray[np.float32]],
        block: NDArray[np.float32],
        num_samples: int,
        _time: Any,
        status: Any,
    ) -> None:
        """Receive a block, shape [n, channels], on PortAudio's thread. Must not block or keep a reference to it."""
        if self._is_closing:
            return
        is_taken = blocks.offer(block.copy())
        if not is_taken:
            self._num_dropped += num_samples
        if status.input_overflow or not is_taken:
            self.num_overflows += 1

    def _stopped(self, blocks: HandOver[NDArray[np.float32]]) -> None:
        blocks.end(AudioError(f"{self.name} stopped"))


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
