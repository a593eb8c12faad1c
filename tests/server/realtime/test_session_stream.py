"""A session's stream: formats and options may change, time goes on. No sockets."""

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


class Heard:
    """Collects what a stream tells."""

    def __init__(self) -> None:
        self.events: list[TranscriptEvent | TurnEvent] = []
        self.failures: list[Exception] = []

    async def on_event(self, event: TranscriptEvent | TurnEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list:  # type: ignore[type-arg]  # of that kind
        return [event for event in self.events if isinstance(event, kind)]


def stream_of(engine: ScriptedEngine, heard: Heard, voice: VadWorker | None = None) -> SessionStream:
    return SessionStream(engine.open, heard.on_event, heard.failures.append, voice=voice)


async def test_a_stream_opens_with_the_first_audio_and_no_sooner() -> None:
    heard = Heard()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        await stream.configure(Configure(PcmFormat(), StreamOptions()))
        await stream.feed(stream.decode(b""))
        assert engine.num_open_streams == 0
        await stream.feed(stream.decode(bytes(640)))
        assert engine.num_open_streams == 1
        await stream.close()
        assert engine.num_open_streams == 0


async def test_nothing_finishes_at_once() -> None:
    heard = Heard()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        await stream.finish()
        assert heard.events == [Finished(0.0)]
        await stream.close()


async def test_changed_options_go_on_in_time_and_count() -> None:
    heard = Heard()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        for language in ("en", "fr"):
            await stream.configure(Configure(PcmFormat(), StreamOptions(language=language)))
            await stream.feed(stream.decode(encode_pcm(speak("two words"), S16)))
            await stream.flush()
        await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))  # waits until all is told
        first, second = heard.of(Flushed)
        assert (first.flush_id, second.flush_id) == (1, 2)
        assert (first.text, second.text.strip()) == ("two words", "two words")
        length_s = len(speak("two words")) / 16_000
        assert second.segments[0].start_s == pytest.approx(first.segments[0].start_s + length_s)
        assert second.segments[0].words[1].end_s <= 2 * length_s + 1e-6
        assert heard.of(SegmentEnded)[-1].segment.start_s >= length_s
        assert heard.of(Finished) == [Finished(pytest.approx(2 * length_s))]
        assert heard.failures == []
        await stream.close()


async def test_audio_may_follow_the_end_into_another_stream() -> None:
    heard = Heard()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        for text in ("first", "second"):
            await stream.feed(stream.decode(encode_pcm(speak(text), S16)))
            await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))
        assert len(heard.of(Finished)) == 2
        assert "".join(delta.text for delta in heard.of(Delta)).split() == ["first", "second"]
        await stream.close()


async def test_samples_may_be_cut_between_two_messages() -> None:
    heard = Heard()
    payload = encode_pcm(speak("cut anywhere"), S16)
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        for start in range(0, len(payload), 1001):
            await stream.feed(stream.decode(payload[start : start + 1001]))
        await stream.finish()
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="de")))
        assert "".join(delta.text for delta in heard.of(Delta)) == "cut anywhere"
        await stream.close()


async def test_what_the_engine_cannot_do_is_refused_with_the_audio() -> None:
    heard = Heard()
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard)
        await stream.configure(Configure(PcmFormat(), StreamOptions(language="xx")))
        with pytest.raises(UnsupportedOptionError):
            await stream.feed(stream.decode(bytes(640)))
        await stream.close()


async def test_an_engine_closed_underneath_is_a_failure() -> None:
    heard = Heard()
    engine = ScriptedEngine()
    stream = stream_of(engine, heard)
    await stream.feed(stream.decode(bytes(640)))
    await engine.close()
    with pytest.raises(Exception, match="closed"):
        while True:
            await stream.feed(stream.decode(bytes(640)))
    await stream.close()


class LoudIsSpeech:
    """In place of the network: what is loud is speech."""

    def run(self, frames: np.ndarray, hidden: np.ndarray, cell: np.ndarray) -> tuple:  # type: ignore[type-arg]  # a fake
        return (np.abs(frames).max(axis=1) > 0.01).astype(np.float32), hidden, cell


async def test_turns_are_measured_where_they_are_asked_for() -> None:
    heard = Heard()
    voice = VadWorker(LoudIsSpeech())  # type: ignore[arg-type]  # a fake
    async with ScriptedEngine() as engine:
        stream = stream_of(engine, heard, voice)
        speech, quiet = encode_pcm(speak("speech"), S16), bytes(32_000)
        await stream.feed(stream.decode(speech + quiet))
        assert heard.of(TurnStarted) == []
        await stream.configure(Configure(PcmFormat(), StreamOptions(), TurnConfig(min_silence_ms=200)))
        began_s = len(speech + quiet) / 32_000
        for part in (speech, quiet):
            for start in range(0, len(part), 700):
                await stream.feed(stream.decode(part[start : start + 700]))
        (started,), (ended,) = heard.of(TurnStarted), heard.of(TurnEnded)
        frame_s = VAD_FRAME_SAMPLES / 16_000
        assert started.audio_s == pytest.approx(began_s, abs=frame_s)
        assert ended.audio_s == pytest.approx(began_s + len(speech) / 32_000, abs=2 * frame_s)
        await stream.close()
    voice.close()
