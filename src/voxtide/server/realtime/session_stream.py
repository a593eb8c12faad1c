"""A session's engine streams as one stream. In: PCM bytes, flush, finish. Out: events in session time.

bytes -> PcmConverter -> engine stream -> events, shifted to session time
                     \\-> TurnMeter -> turn events

An engine stream opens with the first audio or flush, and is replaced when the options change. Knows no dialect.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from voxtide.audio.pcm import PcmConverter, PcmFormat
from voxtide.engines.base import EngineStream
from voxtide.errors import EngineFailedError
from voxtide.protocols.realtime.dialect import Configure
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.server.realtime.turn_meter import TurnMeter, VadWorker
from voxtide.transcript.events import Delta, Finished, Flushed, SegmentEnded, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, Segment, StreamOptions

Open: TypeAlias = Callable[[StreamOptions], EngineStream]
OnEvent: TypeAlias = Callable[[TranscriptEvent | TurnEvent], Awaitable[None]]
OnFailure: TypeAlias = Callable[[Exception], None]


class SessionStream:
    """One session's stream. Call its methods from one task; events come from a second one, and from `feed`."""

    def __init__(self, open_stream: Open, on_event: OnEvent, on_failure: OnFailure, *, vad: VadWorker | None) -> None:
        """Open nothing yet.

        Args:
            open_stream: Opens an engine stream.
            on_event: Awaited with every event, in order.
            on_failure: Called with the error that ended the events, other than cancellation.
            vad: Detects speech for turns; None if the server has no VAD model.
        """
        self._open_stream = open_stream
        self._on_event = on_event
        self._on_failure = on_failure
        self._vad = vad
        self._pcm = PcmFormat()
        self.bytes_per_s = self._pcm.bytes_per_s
        """Bytes of one second of audio in the configured format."""
        self._converter = PcmConverter(self._pcm)
        self._options = StreamOptions()
        self._meter: TurnMeter | None = None
        self._stream: EngineStream | None = None
        self._reading: asyncio.Task[None] | None = None
        self._is_finishing = False
        self._is_switching = False
        self._num_fed_samples = 0
        self._num_flushed = 0
        self._has_text = False

    @property
    def lag_s(self) -> float:
        """Audio fed and not yet transcribed, in seconds."""
        return 0.0 if self._stream is None else self._stream.lag_s

    async def configure(self, configure: Configure) -> None:
        """Use this format and these options for the audio that follows.

        Raises:
            ConfigError: The format or an option cannot be used.
            EngineError: The engine failed.
        """
        if configure.pcm != self._pcm:
            converter = PcmConverter(configure.pcm)
            await self.feed(self._converter.finish())
            self._pcm, self._converter = configure.pcm, converter
            self.bytes_per_s = configure.pcm.bytes_per_s
        if configure.options != self._options:
            await self._switch_stream()
            self._options = configure.options
        if configure.turns is None or self._vad is None:
            self._meter = None
        elif self._meter is None or self._meter.config != configure.turns:
            self._meter = TurnMeter(self._vad, configure.turns, start_s=self._fed_s)

    def decode(self, payload: bytes) -> Samples:
        """Convert audio in the configured format to samples; feed them in the same order."""
        return self._converter.feed(payload)

    def try_feed(self, samples: Samples) -> bool:
        """As `feed` if it need not wait; else False, and nothing is fed."""
        stream = self._stream
        if stream is None or self._is_finishing or self._meter is not None or not stream.try_feed(samples):
            return False
        self._num_fed_samples += len(samples)
        return True

    async def feed(self, samples: Samples) -> None:
        """Feed audio. Waits while the engine stream is full.

        Raises:
            UnsupportedOptionError, CapacityError: No stream could be opened.
            EngineFailedError: The engine died.
        """
        if not len(samples):
            return
        stream = await self._opened()
        self._num_fed_samples += len(samples)
        await stream.feed(samples)
        if self._meter is not None:
            for event in await self._meter.measure(samples):
                await self._on_event(event)

    async def flush(self) -> None:
        """Request the final text of everything fed. Raises as `feed` does."""
        await self.feed(self._converter.flush())
        await (await self._opened()).flush()

    async def finish(self) -> None:
        """Finish the stream; `Finished` is the last event. Later audio opens another stream.

        Raises:
            EngineFailedError: The engine died.
        """
        await self.feed(self._converter.finish())
        self._converter = PcmConverter(self._pcm)
        if self._stream is None or self._is_finishing:
            await self._on_event(Finished(self._fed_s))
            return
        self._is_finishing = True
        await self._stream.finish()

    async def close(self) -> None:
        """Release everything now."""
        stream, self._stream = self._stream, None
        if self._reading is not None:
            self._reading.cancel()
        if stream is not None:
            await stream.close()
        if self._reading is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    @property
    def _fed_s(self) -> float:
        return self._num_fed_samples / SAMPLE_RATE_HZ

    async def _opened(self) -> EngineStream:
        if self._is_finishing:
            await self._read_to_end()
        if self._stream is None:
            stream = self._open_stream(self._options)
            self._stream = await stream.__aenter__()
            self._reading = asyncio.create_task(self._read(self._stream, self._fed_s))
        return self._stream

    async def _switch_stream(self) -> None:
        """Finish the open stream, if any, without its `Finished`."""
        if self._stream is None:
            return
        if not self._is_finishing:
            self._is_switching = True
            await self._stream.finish()
        await self._read_to_end()
        self._is_switching = False

    async def _read_to_end(self) -> None:
        """Wait for the last event of the finishing stream. Bounded: an engine answers or dies."""
        assert self._reading is not None
        await asyncio.shield(self._reading)
        await self.close()
        self._is_finishing = False

    async def _read(self, stream: EngineStream, shift_s: float) -> None:
        is_finished, is_begun = False, not self._has_text
        try:
            async for event in stream:
                is_finished = isinstance(event, Finished)
                if is_finished and self._is_switching:
                    continue
                if shift_s:
                    event = shifted(event, shift_s)
                if isinstance(event, Delta):
                    if not is_begun and not event.text[:1].isspace():
                        event = replace(
                            event, text=f" {event.text}"
                        )  # the first word of this stream, but not of the session
                    is_begun = self._has_text = True
                if isinstance(event, Flushed):
                    self._num_flushed += 1
                    event = replace(event, flush_id=self._num_flushed)
                await self._on_event(event)
            if not is_finished:  # the supervisor closed a dead engine
                raise EngineFailedError("the engine was closed; open another session")
        except Exception as error:
            self._on_failure(error)


def shifted(event: TranscriptEvent, shift_s: float) -> TranscriptEvent:
    """The event with `shift_s` added to all its times."""
    event = replace(event, audio_s=event.audio_s + shift_s)
    match event:
        case SegmentEnded():
            return replace(event, segment=_shifted_segment(event.segment, shift_s))
        case Flushed():
            return replace(event, segments=tuple(_shifted_segment(segment, shift_s) for segment in event.segments))
        case _:
            return event


def _shifted_segment(segment: Segment, shift_s: float) -> Segment:
    return replace(
        segment,
        start_s=segment.start_s + shift_s,
        end_s=segment.end_s + shift_s,
        words=tuple(
            replace(word, start_s=word.start_s + shift_s, end_s=word.end_s + shift_s) for word in segment.words
        ),
    )
