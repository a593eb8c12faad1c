"""Sources read by a thread. In: a blocking reader. Out: an audio source. Knows no concrete input."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from voxtide.audio.bytestream import ReadInterruptedError
from voxtide.audio.handover import HandOver
from voxtide.audio.source import AudioSource, Chunker
from voxtide.errors import StreamClosedError
from voxtide.types import Notice, Samples

MAX_QUEUED_MS = 2_000
"""Audio queued between the thread and the event loop: enough to keep both busy, and little memory."""

CLOSE_TIMEOUT_S = 1.0
"""How long `close` waits for the thread. Only a network read can take longer; its own timeout ends it later."""


class SampleReader(Protocol):
    """A blocking reader. All methods but `end` and `interrupt` are called by one thread, in this order."""

    @property
    def notices(self) -> Sequence[Notice]:
        """See `AudioSource.notices`. Read by any thread at any time: the reader only appends."""

    def open(self) -> float | None:
        """Open the input; returns the length of its audio in seconds, or None if unknown."""

    def read(self) -> Iterator[Samples]:
        """Yield the audio: mono, 16 kHz, in pieces of any length. Errors are raised after the last good piece."""

    def end(self) -> bool:
        """Let `read` yield what was received, then end. Returns False if it cannot. Called by any thread."""

    def interrupt(self) -> None:
        """Make a blocked `open` or `read` raise `ReadInterruptedError` soon. Called by any thread at any time."""

    def close(self) -> None:
        """Release the input, opened or not."""


class ThreadedSource(AudioSource):
    """Runs a reader in its own thread and delivers its audio in chunks."""

    def __init__(self, name: str, reader: SampleReader, *, chunk_ms: int) -> None:
        super().__init__(name, chunk_ms=chunk_ms)
        self._reader = reader
        self._chunks: HandOver[Samples] | None = None
        self._has_ended = asyncio.Event()

    @property
    def notices(self) -> Sequence[Notice]:
        """See `AudioSource.notices`."""
        return self._reader.notices

    async def open(self) -> None:
        """Start the thread and wait until the input is open."""
        if self._chunks is not None:
            raise StreamClosedError(f"{self.name} was opened before; a source can be read only once")
        self._chunks = HandOver(max(2, MAX_QUEUED_MS // self.chunk_ms))  # 2: one is read while the next is produced
        self._loop = asyncio.get_running_loop()
        is_open: asyncio.Future[float | None] = self._loop.create_future()
        # Daemon: a read that cannot be interrupted must not keep the process alive.
        self._thread = threading.Thread(
            target=self._run, args=(self._chunks, is_open), name="voxtide-audio", daemon=True
        )
        self._thread.start()
        self.duration_s = await is_open

    async def read(self) -> Samples | None:
        """See `AudioSource.read`."""
        if self._chunks is None:
            raise StreamClosedError(f"{self.name} is not open; read it inside `async with`")
        await asyncio.sleep(0)  # a source that always has audio must not starve other tasks
        return await self._chunks.get()

    def end(self) -> bool:
        """See `AudioSource.end`. An input of unknown length counts as live."""
        if self._chunks is None or self.duration_s is not None:
            return False
        if not self._reader.end():
            self._chunks.end()  # the thread may be blocked: only what is queued
        return True

    async def close(self) -> None:
        """Stop the thread; returns when it has ended, or after `CLOSE_TIMEOUT_S`."""
        if self._chunks is None:
            return
        self._chunks.close()
        self._reader.interrupt()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._has_ended.wait()
            self._thread.join()  # it is about to return

    def _run(self, chunks: HandOver[Samples], is_open: asyncio.Future[float | None]) -> None:
        """Thread body: open, read, split, deliver. Every outcome is reported to the event loop."""
        try:
            self._notify(_set_result, is_open, self._reader.open())
            self._deliver(chunks)
            chunks.end()
        except ReadInterruptedError:
            self._notify(_set_error, is_open, StreamClosedError(f"{self.name} was closed while it was being opened"))
            chunks.end()
        except BaseException as error:  # re-raised in the event loop by `open` or `read`
            self._notify(_set_error, is_open, error)
            chunks.end(error)
        finally:
            self._reader.close()
            self._notify(self._has_ended.set)

    def _deliver(self, chunks: HandOver[Samples]) -> None:
        chunker = Chunker(self.chunk_ms)
        try:
            for samples in self._reader.read():
                if not all(chunks.put(chunk) for chunk in chunker.feed(samples)):
                    return
        finally:  # on an error, too: deliver all audio read so far
            rest = chunker.finish()
            if rest.size:
                chunks.put(rest)

    def _notify(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(call, *arguments)


def _set_result(is_open: asyncio.Future[float | None], duration_s: float | None) -> None:
    if not is_open.done():
        is_open.set_result(duration_s)


def _set_error(is_open: asyncio.Future[float | None], error: BaseException) -> None:
    if not is_open.done():
        is_open.set_exception(error)
