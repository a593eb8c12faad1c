"""A microphone as a source. In: a device's number or name. Out: its live audio, also after the device was away."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np

from voxtide.audio.microphone.devices import SoundLibrary, find_device, find_devices_anew, load_library
from voxtide.audio.microphone.recording import Dropped, Recording
from voxtide.audio.source import AudioSource, Chunker, Sleeper
from voxtide.errors import AudioError, StreamClosedError
from voxtide.types import SAMPLE_RATE_HZ, Samples

_log = logging.getLogger("voxtide.audio")

NO_DATA_TIMEOUT_S = 5.0
"""A running device delivers a block every `BLOCK_MS`, also in silence. Without a block for this long, it is lost."""

RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Waits before each attempt to open a lost device again; the last one repeats. An attempt takes up to a second."""

ATTEMPT_TIMEOUT_S = 5.0
"""Without an answer after this, the sound system hangs: an attempt takes up to a second, a few with many devices. It
limits `read` and `close`; the attempt's thread, a daemon, closes the device if it is opened after all."""

MAX_LOSS_S = 600.0
"""A device that is lost for longer fails: ten minutes are enough to find a cable."""


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
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._library = library
        self._clock = clock
        self._sleeper = Sleeper(sleep)
        self._dropped = Dropped()
        self._recording: Recording | None = None
        self._lock = threading.Lock()  # a device may be opened while `end` or `stop` closes the last one
        self._is_open = False
        self._is_ended = False
        self._is_drained = False
        self._is_closing = False
        self._lost_at_s: float | None = None
        self._num_retries = 0
        self._attempt: asyncio.Future[bool | AudioError] | None = None  # see `_try_again`; outlives a cancelled `read`
        self._last_s = 0.0  # when the last audio came
        self._chunker = Chunker(chunk_ms)
        self._ready: deque[Samples] = deque()

    @property
    def num_overflows(self) -> int:
        """How often audio was lost because the reader or the computer was too slow."""
        return self._dropped.num_times

    @property
    def dropped_s(self) -> float:
        """Audio lost because the reader was too slow."""
        return self._dropped.audio_s

    def start(self) -> None:
        """Start recording before `open`, also without an event loop. `stop` or `close` ends it.

        Raises:
            MissingExtraError: The extra `mic` or the system's PortAudio library is not installed.
            SourceNotFoundError: There is no such device.
            AudioError: The device cannot be opened.
            StreamClosedError: The source was closed.
        """
        self._record()
        if self._recording is None:
            raise StreamClosedError(f"{self.name} was closed; a source can be read only once")
        self.name = self._recording.name
        self._last_s = self._clock()

    def _record(self) -> None:
        """Open the device, and close it again if `end` or `stop` was called meanwhile. Blocks for up to a second."""
        library = self._library = self._library or load_library()
        device = find_device(library, self._device)
        if isinstance(self._device, int):
            self._device = device.name  # its number changes when it comes back
        recording = Recording(library, device, self._dropped)
        with self._lock:
            is_wanted = not self._is_ended_or_closed()
            if is_wanted:
                self._recording = recording
        if not is_wanted:
            recording.close()

    async def open(self) -> None:
        """Start recording, unless `start` did. Raises as `start` does."""
        if self._is_open:
            raise StreamClosedError(f"{self.name} was opened before; a source can be read only once")
        if self._recording is None:
            self.start()
        self._is_open = True

    async def read(self) -> Samples | None:
        """The next chunk.

        Raises:
            AudioError: The device was lost and did not come back, or the sound system hangs.
        """
        if self._recording is None or not self._is_open:
            raise StreamClosedError(f"{self.name} is not open; read it inside `async with`")
        while not self._ready:
            if self._is_drained:
                return None
            if self._lost_at_s is not None and not self._is_ended_or_closed():
                await self._resume(self._lost_at_s)
            else:
                await self._receive(self._recording)
        return self._ready.popleft()

    def end(self) -> bool:
        """See `AudioSource.end`: up to `MAX_BACKLOG_MS` may be queued."""
        if self._recording is None:
            return False
        with self._lock:
            self._is_ended = True
        self._recording.end()
        self._sleeper.wake()
        return True

    async def close(self) -> None:
        """Stop recording; returns when the device is closed, or after `ATTEMPT_TIMEOUT_S`."""
        self.stop()
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            outcome = await self._outcome(attempt)
            if isinstance(outcome, AudioError):  # no `read` will raise it
                _log.warning("%s", outcome)

    def stop(self) -> None:
        """Stop recording. Idempotent."""
        with self._lock:
            is_first, self._is_closing = not self._is_closing, True
        if self._recording is not None:
            self._recording.close()
        self._sleeper.wake()
        if is_first and self.num_overflows:
            _log.warning(
                "%s: the reader was too slow %d times; %.2f s of audio were dropped",
                self.name,
                self.num_overflows,
                self.dropped_s,
            )

    async def _receive(self, recording: Recording) -> None:
        """Wait for a block, the loss of the device, or the end."""
        try:
            async with asyncio.timeout(NO_DATA_TIMEOUT_S):
                block = await recording.blocks.get()
        except (AudioError, TimeoutError):
            if len(recording.blocks):  # the event loop was late
                return
            if not self._is_ended_or_closed():
                self._lose(recording)
                return
            block = None
        if block is None:
            self._drain(recording)
        else:
            self._last_s = self._clock()
            self._ready.extend(self._chunker.feed(recording.samples_of(block)))

    def _drain(self, recording: Recording) -> None:
        """Deliver what is less than a chunk, unless the source was closed; there is no more."""
        self._is_drained = True
        if self._is_closing:
            return
        if self._lost_at_s is None:
            self._ready.extend(self._chunker.feed(recording.last_samples()))
        rest = self._chunker.finish()
        if rest.size:
            self._ready.append(rest)

    def _lose(self, recording: Recording) -> None:
        """Note that the device vanished."""
        recording.close()
        self._ready.extend(self._chunker.feed(recording.last_samples()))
        self._lost_at_s, self._num_retries = self._last_s, 0
        _log.warning("%s is lost; the text so far is kept. Waiting until it is back", self.name)

    async def _resume(self, lost_at_s: float) -> None:
        """Wait, try to open the device again, and fill the time with silence.

        Raises:
            AudioError: It was lost for too long, or cannot be opened for a reason that waiting does not change.
        """
        if self._attempt is None:
            await self._sleeper.sleep(RETRY_S[min(self._num_retries, len(RETRY_S) - 1)])
            if self._is_ended_or_closed():
                return
            self._num_retries += 1
            if self._clock() - lost_at_s > MAX_LOSS_S:
                raise AudioError(f"{self.name} was lost and is not back after {MAX_LOSS_S / 60:.0f} minutes")
            self._attempt = self._start_attempt()
        outcome = await self._outcome(self._attempt)  # if this is cancelled, the attempt goes on
        if self._is_ended_or_closed():
            return
        self._attempt = None
        if isinstance(outcome, AudioError):
            raise outcome
        now_s = self._clock()
        num_samples = max(0, round((now_s - self._last_s) * SAMPLE_RATE_HZ))
        self._last_s = now_s
        self._ready.extend(self._chunker.feed(np.zeros(num_samples, np.float32)))
        if outcome:
            self._continue(now_s - lost_at_s)

    def _start_attempt(self) -> asyncio.Future[bool | AudioError]:
        """Run `_try_again` in a thread: PortAudio takes up to a second to find the devices."""
        loop = asyncio.get_running_loop()
        attempt: asyncio.Future[bool | AudioError] = loop.create_future()

        def run() -> None:
            outcome = self._try_again()
            with suppress(RuntimeError):  # the event loop is closed
                loop.call_soon_threadsafe(attempt.set_result, outcome)

        threading.Thread(target=run, name="voxtide-microphone", daemon=True).start()
        return attempt

    async def _outcome(self, attempt: asyncio.Future[bool | AudioError]) -> bool | AudioError:
        """The result of `_try_again`, or an error after `ATTEMPT_TIMEOUT_S`."""
        await asyncio.wait({attempt}, timeout=ATTEMPT_TIMEOUT_S)
        if attempt.done():
            return attempt.result()
        return AudioError(
            f"{self.name} was lost, and the sound system has not answered for {ATTEMPT_TIMEOUT_S:g} s; restart the "
            "sound system, then start again"
        )

    def _try_again(self) -> bool | AudioError:
        """Whether the device could be opened; an error if another attempt is pointless."""
        assert self._library is not None, "it opened the device"
        try:
            find_devices_anew(self._library)
            self._record()
        except (self._library.PortAudioError, AudioError) as error:
            _log.debug("not yet back: %s", error)
            return False
        except Exception as error:  # the thread would lose it
            failure = AudioError(f"{self.name} was lost and cannot be opened again: {type(error).__name__}: {error}")
            failure.__cause__ = error
            return failure
        return True

    def _continue(self, lost_s: float) -> None:
        """Note that a device records again: the lost one, or another."""
        assert self._recording is not None, "it was opened"
        self._lost_at_s = None
        lost_name, self.name = self.name, self._recording.name
        if self.name == lost_name:
            _log.warning("%s is back after %.0f s", self.name, lost_s)
        else:
            _log.warning("continuing on %s after %.0f s", self.name, lost_s)

    def _is_ended_or_closed(self) -> bool:
        return self._is_ended or self._is_closing
