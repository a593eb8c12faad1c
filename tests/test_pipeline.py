from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import cast

import numpy as np
import pytest

from tests.support.fake_microphones import FakeLibrary
from tests.support.waiting import until
from voxtide.audio.microphone import MicrophoneSource
from voxtide.audio.source import AudioSource
from voxtide.engines.base import EngineStream
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.errors import AudioError, CorruptAudioError, EngineFailedError
from voxtide.pipeline import MAX_SPEECH_NOTICES, Observer, Outcome, run_stream
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    LanguageDoubted,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples

PAUSE = np.zeros(SAMPLE_RATE_HZ, np.float32)
TWO_SENTENCES = np.concatenate([speak("ever tried"), PAUSE, speak("ever failed"), PAUSE])


async def chunks_of(audio: Samples, *, error: Exception | None = None) -> AsyncIterator[Samples]:
    for start in range(0, len(audio), 1280):
        await asyncio.sleep(0)
        yield audio[start : start + 1280]
    if error is not None:
        raise error


class Log(Observer):
    """Records all calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.events: list[TranscriptEvent] = []
        self.walls_s: list[float] = []

    def on_started(self) -> None:
        self.calls.append("started")

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self.calls.append("chunk")
        self.walls_s.append(wall_s)

    def on_flush(self, wall_s: float) -> None:
        self.calls.append("flush")

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self.calls.append(type(event).__name__)
        self.events.append(event)
        self.walls_s.append(wall_s)


def run(
    source: AsyncIterator[Samples],
    *observers: Observer,
    config: ScriptedConfig | None = None,
    is_flushing_at_pauses: bool = False,
) -> Outcome:
    async def main() -> Outcome:
        async with ScriptedEngine(config) as engine, engine.open() as stream:
            return await run_stream(source, stream, observers, is_flushing_at_pauses=is_flushing_at_pauses)

    return asyncio.run(main())


def test_a_source_becomes_a_transcript() -> None:
    log = Log()
    outcome = run(chunks_of(TWO_SENTENCES), log)
    assert outcome.failure is None
    assert outcome.transcript.text == "ever tried ever failed"
    assert [segment.text for segment in outcome.transcript.segments] == ["ever tried", "ever failed"]
    assert outcome.transcript.audio_s == pytest.approx(len(TWO_SENTENCES) / SAMPLE_RATE_HZ)
    assert log.calls[:2] == ["started", "chunk"]
    assert log.calls[-1] == "Finished"


class Noted(AudioSource):
    """Two chunks, with a notice at the second and one at the end."""

    def __init__(self, *, num_chunks: int = 2) -> None:
        super().__init__("talk.wav", chunk_ms=100)
        self._noticed: list[Notice] = []
        self._num_left = num_chunks

    @property
    def notices(self) -> Sequence[Notice]:
        return self._noticed

    async def open(self) -> None:
        pass

    async def read(self) -> Samples | None:
        self._num_left -= 1
        if self._num_left < 1:
            self._noticed.append(Notice("n", f"with {self._num_left} left"))
        return np.zeros(1_600, np.float32) if self._num_left >= 0 else None

    async def close(self) -> None:
        pass


class NoticeLog(Log):
    def on_notice(self, notice: Notice, wall_s: float) -> None:
        self.calls.append(notice.message)


def test_the_notices_of_a_source_are_reported_once_and_kept() -> None:
    log, source = NoticeLog(), Noted()
    outcome = run(source, log)
    assert [call for call in log.calls if call != "Finished"] == [
        "started",
        "chunk",
        "with 0 left",
        "chunk",
        "with -1 left",
        "no speech found in talk.wav; level -120 dBFS",
    ]
    assert outcome.transcript.notices[:-1] == tuple(source.notices)


def test_audio_without_speech_is_noticed_with_its_level() -> None:
    hum = np.full(SAMPLE_RATE_HZ, 0.001, np.float32)
    assert run(chunks_of(hum)).transcript.notices == (
        Notice("no_speech", "no speech found in the audio; level -60 dBFS"),
    )
    assert run(chunks_of(TWO_SENTENCES)).transcript.notices == ()
    assert run(chunks_of(hum, error=AudioError("broken"))).transcript.notices == ()


class Events:
    """A stream that emits given events."""

    def __init__(self, *events: TranscriptEvent) -> None:
        self._events = events

    async def feed(self, samples: Samples) -> None:
        pass

    async def flush(self) -> int:
        return 1

    async def finish(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        for event in self._events:
            yield event


def test_speech_without_text_is_noticed_a_bounded_number_of_times() -> None:
    def noticed(num_events: int) -> list[str]:
        events = [SpeechUntranscribed(number + 0.25, number + 1.5) for number in range(num_events)]
        stream = cast("EngineStream", Events(*events, Finished(100.0)))
        outcome = asyncio.run(run_stream(chunks_of(PAUSE), stream))
        return [notice.message for notice in outcome.transcript.notices]

    assert noticed(1) == ["the audio: no text for the speech from 0.2 to 1.5 s"]
    assert len(noticed(500)) == MAX_SPEECH_NOTICES
    assert noticed(500)[-1].endswith("more of the kind is not reported")


@pytest.mark.parametrize(
    ("events", "span"),
    [
        ([SpeechStarted(0.576), SpeechStopped(1.152)], "from 0.6 to 1.2 s"),
        ([SpeechStarted(0.1), SpeechStopped(0.3), SpeechStarted(0.4), SpeechStopped(0.5)], "from 0.1 to 0.5 s"),
        ([SpeechStarted(0.1)], "from 0.1 to 1.0 s"),
    ],
)
def test_short_speech_without_text_is_not_called_silence(events: list[TranscriptEvent], span: str) -> None:
    def notices_of(*events: TranscriptEvent) -> tuple[Notice, ...]:
        stream = cast("EngineStream", Events(*events, Finished(1.0)))
        return asyncio.run(run_stream(chunks_of(PAUSE), stream)).transcript.notices

    message = f"the audio: no text for the speech {span}, too short or too unclear for the model"
    assert notices_of(*events) == (Notice("speech_untranscribed", message),)
    assert notices_of(*events, Delta("yes", 1.0)) == ()
    assert [it.message for it in notices_of(*events, SpeechUntranscribed(0.0, 2.0))] == [
        "the audio: no text for the speech from 0.0 to 2.0 s"
    ]


def test_another_language_is_noticed() -> None:
    stream = cast("EngineStream", Events(LanguageDoubted("en", 3.0), Finished(4.0)))
    (notice, *_) = asyncio.run(run_stream(chunks_of(PAUSE), stream)).transcript.notices
    assert notice.code == "language_doubted"
    assert "may not be English" in notice.message and "engine whisper" in notice.message
    assert "--" not in notice.message, "the message is also for the API and for clients"


def test_the_notices_of_an_empty_source_follow_the_start() -> None:
    log = NoticeLog()
    run(Noted(num_chunks=0), log)
    assert log.calls == ["started", "with -1 left", "no speech found in talk.wav; it has no audio", "Finished"]


def test_an_empty_source_is_an_empty_transcript() -> None:
    log = Log()
    outcome = run(chunks_of(TWO_SENTENCES[:0]), log)
    assert (outcome.transcript.text, outcome.failure) == ("", None)
    assert log.calls == ["started", "Finished"]


def test_wall_time_starts_with_the_first_sample() -> None:
    async def main() -> list[float]:
        log, ticks = Log(), itertools.count(100.0)
        async with ScriptedEngine() as engine, engine.open() as stream:
            await run_stream(chunks_of(speak("no")), stream, [log], clock=lambda: next(ticks))
        return log.walls_s

    walls_s = asyncio.run(main())
    assert walls_s[0] == 1.0  # the clock is read once for the start, once for the first chunk
    assert walls_s == sorted(walls_s)


class Gate(Observer):
    """A source that continues after its first sentence only when that has been flushed."""

    def __init__(self) -> None:
        self._is_flushed = asyncio.Event()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if isinstance(event, Flushed):
            self._is_flushed.set()

    async def chunks(self) -> AsyncIterator[Samples]:
        yield np.concatenate([speak("ever tried"), PAUSE])
        await self._is_flushed.wait()
        yield speak("ever failed")


def test_a_pause_is_flushed_if_requested() -> None:
    log, gate = Log(), Gate()
    outcome = run(gate.chunks(), log, gate, is_flushing_at_pauses=True)
    assert [event.text for event in log.events if isinstance(event, Flushed)] == ["ever tried"]
    assert log.calls.index("flush") < log.calls.index("Flushed")
    assert outcome.transcript.text == "ever tried ever failed"


def test_an_old_pause_is_not_flushed() -> None:
    """The speaker has continued: a flush would include the start of the next sentence."""
    log = Log()

    async def at_once() -> AsyncIterator[Samples]:
        yield np.concatenate([TWO_SENTENCES, PAUSE])

    outcome = run(at_once(), log, is_flushing_at_pauses=True)
    assert "SpeechStopped" in log.calls
    assert "flush" not in log.calls
    assert outcome.transcript.text == "ever tried ever failed"


def test_pauses_are_not_flushed_by_default() -> None:
    log = Log()
    run(chunks_of(TWO_SENTENCES), log)
    assert "flush" not in log.calls


def test_a_truncated_source_keeps_the_text_before() -> None:
    error = CorruptAudioError("truncated")
    outcome = run(chunks_of(TWO_SENTENCES, error=error))
    assert outcome.failure is error
    assert outcome.transcript.text == "ever tried ever failed"


def test_a_dead_engine_is_the_failure_and_keeps_the_text_before() -> None:
    outcome = run(chunks_of(TWO_SENTENCES), config=ScriptedConfig(delay_ms=80, dies_at_s=2.0))
    assert isinstance(outcome.failure, EngineFailedError)
    assert outcome.transcript.text == "ever tried"


class DyingStream(EngineStream):
    """Its engine dies in the given method while events are still unread."""

    lag_s = 0.0

    def __init__(self, fatal_method: str) -> None:
        self._fatal_method = fatal_method
        self._has_died = asyncio.Event()

    async def feed(self, samples: Samples) -> None:
        await self._use("feed")

    async def flush(self) -> int:
        await self._use("flush")
        return 1

    async def finish(self) -> None:
        await self._use("finish")

    async def close(self) -> None:
        pass

    async def _use(self, method: str) -> None:
        if method == self._fatal_method or self._has_died.is_set():
            self._has_died.set()
            raise EngineFailedError("gone")
        await asyncio.sleep(0)

    async def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        yield SpeechStopped(0.0)
        await self._has_died.wait()
        for word in ("ever", " tried"):
            await asyncio.sleep(0)
            yield Delta(word, 0.1)
        raise EngineFailedError("gone")


@pytest.mark.parametrize("method", ["feed", "flush", "finish"])
def test_unread_events_of_a_dead_engine_are_read(method: str) -> None:
    source = chunks_of(PAUSE)
    outcome = asyncio.run(run_stream(source, DyingStream(method), is_flushing_at_pauses=True))
    assert isinstance(outcome.failure, EngineFailedError)
    assert outcome.transcript.text == "ever tried"


class Broken(Observer):
    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if isinstance(event, Delta):
            raise BrokenPipeError("the reader went away")


def test_an_error_of_an_observer_is_raised_unwrapped() -> None:
    with pytest.raises(BrokenPipeError, match="went away"):
        run(chunks_of(TWO_SENTENCES), Broken())


def test_an_unexpected_error_of_the_source_is_raised_unwrapped() -> None:
    with pytest.raises(ZeroDivisionError):
        run(chunks_of(TWO_SENTENCES, error=ZeroDivisionError()))


async def never_ending(audio: Samples, has_waited: asyncio.Event) -> AsyncIterator[Samples]:
    yield audio
    has_waited.set()
    await asyncio.Event().wait()


def test_stop_transcribes_the_audio_fed_so_far() -> None:
    async def main() -> Outcome:
        stop = asyncio.Event()
        async with ScriptedEngine() as engine, engine.open() as stream:
            return await run_stream(never_ending(speak("no matter"), stop), stream, stop=stop)

    outcome = asyncio.run(main())
    assert (outcome.transcript.text, outcome.failure) == ("no matter", None)


@pytest.mark.parametrize(("fed_s", "messages"), [(4, []), (6, ["no speech found in 6 s of the audio; level -60 dBFS"])])
def test_little_audio_before_a_stop_is_not_said_to_be_without_speech(fed_s: int, messages: list[str]) -> None:
    async def main() -> Outcome:
        stop = asyncio.Event()
        hum = np.full(fed_s * SAMPLE_RATE_HZ, 0.001, np.float32)
        async with ScriptedEngine() as engine, engine.open() as stream:
            return await run_stream(never_ending(hum, stop), stream, stop=stop)

    assert [notice.message for notice in asyncio.run(main()).transcript.notices] == messages


class EventsAtFinish(Events):
    """A stream that emits its events after `finish`."""

    def __init__(self, *events: TranscriptEvent) -> None:
        super().__init__(*events)
        self._is_finished = asyncio.Event()

    async def finish(self) -> None:
        self._is_finished.set()

    async def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        await self._is_finished.wait()
        for event in self._events:
            yield event


@pytest.mark.parametrize(("fed_s", "codes"), [(4, []), (6, ["speech_untranscribed"])])
def test_a_stop_in_the_first_word_is_not_reported(fed_s: int, codes: list[str]) -> None:
    async def main(*, is_stopped: bool) -> list[str]:
        stop = asyncio.Event()
        samples = np.zeros(fed_s * SAMPLE_RATE_HZ, np.float32)
        stream = cast("EngineStream", EventsAtFinish(SpeechStarted(fed_s - 0.5), Finished(fed_s)))
        source = never_ending(samples, stop) if is_stopped else chunks_of(samples)
        outcome = await run_stream(source, stream, stop=stop)
        return [notice.code for notice in outcome.transcript.notices]

    assert asyncio.run(main(is_stopped=True)) == codes
    assert asyncio.run(main(is_stopped=False)) == ["speech_untranscribed"]


def test_stop_transcribes_what_a_microphone_has_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> Outcome:
        stop = asyncio.Event()
        library = FakeLibrary()
        microphone = MicrophoneSource(0, chunk_ms=80, library=library)
        async with microphone, ScriptedEngine() as engine, engine.open() as stream:
            feed = stream.feed

            async def feed_late(chunk: Samples) -> None:
                stop.set()
                await until(lambda: library.streams[0].is_closed)
                await feed(chunk)

            monkeypatch.setattr(stream, "feed", feed_late)
            library.streams[0].record(speak("no matter"))
            return await run_stream(microphone, stream, stop=stop)

    outcome = asyncio.run(main())
    assert (outcome.transcript.text, outcome.failure) == ("no matter", None)


def test_cancellation_is_immediate() -> None:
    async def main() -> None:
        has_waited = asyncio.Event()
        async with ScriptedEngine() as engine, engine.open() as stream:
            running = asyncio.create_task(run_stream(never_ending(speak("no"), has_waited), stream))
            await has_waited.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(main())


class SerialStream(EngineStream):
    """Fails if two calls overlap; reports a pause after every feed."""

    def __init__(self) -> None:
        self._is_busy = False
        self._events: asyncio.Queue[TranscriptEvent] = asyncio.Queue()
        self.num_flushes = 0

    async def _work(self) -> None:
        assert not self._is_busy, "feed and flush overlap"
        self._is_busy = True
        await asyncio.sleep(0)
        self._is_busy = False

    async def feed(self, samples: Samples) -> None:
        await self._work()
        self._events.put_nowait(SpeechStopped(0.0))

    async def flush(self) -> int:
        await self._work()
        self.num_flushes += 1
        return self.num_flushes

    async def finish(self) -> None:
        self._events.put_nowait(Finished(0.0))

    async def close(self) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[TranscriptEvent]:  # type: ignore[override]  # a generator is an iterator
        while not isinstance(event := await self._events.get(), Finished):
            yield event

    @property
    def lag_s(self) -> float:
        return 0.0


def test_feed_and_flush_do_not_overlap() -> None:
    async def main() -> SerialStream:
        stream = SerialStream()
        await run_stream(chunks_of(TWO_SENTENCES), stream, is_flushing_at_pauses=True)
        return stream

    assert asyncio.run(main()).num_flushes > 1


def failing_at_once(errors: Iterable[Exception]) -> AsyncIterator[Samples]:
    async def generate() -> AsyncIterator[Samples]:
        for error in errors:
            raise error
        yield PAUSE

    return generate()


def test_a_source_that_fails_at_once_is_still_started_and_finished() -> None:
    log = Log()
    outcome = run(failing_at_once([AudioError("unplugged")]), log)
    assert (log.calls, str(outcome.failure)) == (["started", "Finished"], "unplugged")
