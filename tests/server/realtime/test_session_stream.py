"""A session's stream: times continue across changes of format and options. No sockets."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pcm import PcmFormat
from voxtide.audio.vad import VAD_FRAME_SAMPLES
from voxtide.engines.scripted import ScriptedEngine, speak
from voxtide.errors import UnsupportedOptionError
from voxtide.protocols.realtime.dialect import Configure
from voxtide.protocols.realtime.turns import TurnConfig, TurnEnded, TurnEvent, TurnStarted
from voxtide.server.realtime.session_stream import SessionStream
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.transcript.events import Delta, Finished, Flushed, SegmentEnded, TranscriptEvent
from voxtide.types import StreamOptions

S16 = Encoding.PCM_S16LE


class Received:
    """Collects a stream's events."""

    def __init__(self) -> None:
        self.events: list[TranscriptEvent | TurnEvent] = []
        self.failures: list[Exception] = []

    async def on_event(self, event: TranscriptEvent | TurnEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list:  # type: ignore[type-arg]  # of `kind`
        return [event for event in self.events if isinstance(event, kind)]


def stream_of(engine: ScriptedEngine, received: Received, vad: VadWorker | None = None) -> SessionStream:
    return SessionStream(engine.open, received.on_event, received.failures.append, vad=vad)


async def test_an_engine_stream_opens_with_the_first_audio() -> None:
    received = Received()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        await stream.configure(Configure(PcmFormat(), StreamOptions()))
        await stream.feed(stream.decode(b""))
        assert engine.num_open_streams == 0
        await stream.feed(stream.decode(bytes(640)))
        assert engine.num_open_streams == 1
        await stream.close()
        assert engine.num_open_streams == 0


async def test_finish_without_audio_is_immediate() -> None:
    received = Received()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        await stream.finish()
        assert received.events == [Finished(0.0)]
        await stream.close()


async def test_times_and_flush_ids_continue_after_a_change_of_options() -> None:
    received = Received()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        for language in ("en", "fr"):
            await stream.configure(Configure(PcmFormat(), StreamOptions(language=language)))
            await stream.feed(stream.decode(encode_pcm(speak("two words"), S16)))
            await stream.flush()
        await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))  # waits for the last event
        first, second = received.of(Flushed)
        assert (first.flush_id, second.flush_id) == (1, 2)
        assert (first.text, second.text.strip()) == ("two words", "two words")
        length_s = len(speak("two words")) / 16_000
        assert second.segments[0].start_s == pytest.approx(first.segments[0].start_s + length_s)
        assert second.segments[0].words[1].end_s <= 2 * length_s + 1e-6
        assert received.of(SegmentEnded)[-1].segment.start_s >= length_s
        assert received.of(Finished) == [Finished(pytest.approx(2 * length_s))]
        assert received.failures == []
        await stream.close()


async def test_audio_after_finish_opens_another_stream() -> None:
    received = Received()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        for text in ("first", "second"):
            await stream.feed(stream.decode(encode_pcm(speak(text), S16)))
            await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))
        assert len(received.of(Finished)) == 2
        assert "".join(delta.text for delta in received.of(Delta)).split() == ["first", "second"]
        await stream.close()


async def test_a_sample_may_be_split_over_two_messages() -> None:
    received = Received()
    payload = encode_pcm(speak("cut anywhere"), S16)
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        for start in range(0, len(payload), 1001):
            await stream.feed(stream.decode(payload[start : start + 1001]))
        await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))
        assert "".join(delta.text for delta in received.of(Delta)) == "cut anywhere"
        await stream.close()


async def test_unsupported_options_are_refused_with_the_first_audio() -> None:
    received = Received()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received)
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="nl")))
        with pytest.raises(UnsupportedOptionError):
            await stream.feed(stream.decode(bytes(640)))
        await stream.close()


async def test_a_closed_engine_is_a_failure() -> None:
    received = Received()
    engine = ScriptedEngine()
    stream = stream_of(engine, received)
    await stream.feed(stream.decode(bytes(640)))
    await engine.close()
    with pytest.raises(Exception, match="closed"):
        while True:
            await stream.feed(stream.decode(bytes(640)))
    await stream.close()


class LoudIsSpeech:
    """A fake VAD model: whatever is loud is speech."""

    def run(self, frames: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> tuple:  # type: ignore[type-arg]  # a fake
        return (np.abs(frames).max(axis=1) > 0.01).astype(np.float32), hidden, cell


async def test_turns_are_detected_from_the_configure_that_requests_them() -> None:
    received = Received()
    vad = VadWorker(LoudIsSpeech())  # type: ignore[arg-type]  # a fake
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, received, vad)
        speech, quiet = encode_pcm(speak("speech"), S16), bytes(32_000)
        await stream.feed(stream.decode(speech + quiet))
        assert received.of(TurnStarted) == []
        await stream.configure(Configure(PcmFormat(), StreamOptions(), TurnConfig(min_silence_ms=200)))
        began_s = len(speech + quiet) / 32_000
        for part in (speech, quiet):
            for start in range(0, len(part), 700):
                await stream.feed(stream.decode(part[start : start + 700]))
        (started,), (ended,) = received.of(TurnStarted), received.of(TurnEnded)
        frame_s = VAD_FRAME_SAMPLES / 16_000
        assert started.audio_s == pytest.approx(began_s, abs=frame_s)
        assert ended.audio_s == pytest.approx(began_s + len(speech) / 32_000, abs=2 * frame_s)
        await stream.close()
    vad.close()
