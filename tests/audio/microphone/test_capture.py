"""Microphones, with a fake of the module sounddevice.

Real devices (formats, timing, unplugging) are not tested here.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.fake_microphones import FakeLibrary, FakeStream, PortAudioError, Status
from tests.support.media_files import joined, loudest_hz, tone
from tests.support.waiting import until
from voxtide.audio.microphone import MicrophoneSource, capture
from voxtide.audio.microphone.capture import MAX_LOSS_S
from voxtide.audio.microphone.recording import BLOCK_MS, MAX_BACKLOG_MS
from voxtide.errors import AudioError, ConfigError, SourceNotFoundError, StreamClosedError
from voxtide.types import Samples


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


async def read_samples(source: MicrophoneSource, num_samples: int) -> Samples:
    chunks: list[Samples] = []
    while sum(chunk.size for chunk in chunks) < num_samples:
        chunk = await source.read()
        assert chunk is not None
        chunks.append(chunk)
    return joined(chunks)


@pytest.mark.parametrize(("wanted", "index"), [(None, 2), (0, 0), ("0", 0), (2, 2), ("usb", 2), ("HEAD", 0), ("e", 0)])
async def test_a_device_is_selected_by_number_or_part_of_its_name(
    library: FakeLibrary, wanted: int | str | None, index: int
) -> None:
    async with MicrophoneSource(wanted, chunk_ms=20, library=library) as source:
        assert library.streams[0].options["device"] == index
        assert library.devices[index]["name"] in source.name


@pytest.mark.parametrize("wanted", [1, 3, "Speakers", "nothing"])
async def test_an_unknown_device_is_not_found(library: FakeLibrary, wanted: int | str) -> None:
    with pytest.raises(SourceNotFoundError, match=f"no microphone {wanted!r}; choose from 0: Headset; 2: USB Audio"):
        await MicrophoneSource(wanted, chunk_ms=20, library=library).open()


async def test_no_device_and_no_default_device() -> None:
    with pytest.raises(SourceNotFoundError, match="no device of this machine can record"):
        await MicrophoneSource(chunk_ms=20, library=FakeLibrary(devices=[], default_index=None)).open()
    with pytest.raises(SourceNotFoundError, match="no default microphone; choose a device: 0: Headset"):
        await MicrophoneSource(chunk_ms=20, library=FakeLibrary(default_index=None)).open()


async def test_the_device_runs_at_its_own_rate_and_is_resampled(library: FakeLibrary) -> None:
    async with MicrophoneSource(chunk_ms=100, library=library) as source:
        stream = library.streams[0]
        assert stream.is_started
        assert [stream.options[key] for key in ("samplerate", "channels", "blocksize")] == [44_100, 2, 882]
        stream.record(tone(3.0, rate_hz=44_100))
        decoded = await read_samples(source, 32_000)
    np.testing.assert_allclose(decoded[500:], tone(3.0)[500 : decoded.size], atol=1e-3)
    assert stream.is_closed
    assert source.num_overflows == 0  # a block received while closing does not count


async def test_chunks_are_delivered_as_soon_as_recorded(library: FakeLibrary) -> None:
    async with MicrophoneSource(0, chunk_ms=30, library=library) as source:
        for _ in range(10):
            library.streams[0].record(tone(0.03))
            chunk = await source.read()
            assert chunk is not None
            assert chunk.size == 480


async def test_invalid_sample_values_are_cleaned(library: FakeLibrary) -> None:
    wild = np.array([np.nan, np.inf, 5.0, -5.0] * 80, np.float32)
    async with MicrophoneSource(0, chunk_ms=20, library=library) as source:
        library.streams[0].record(wild)
        library.streams[0].options["callback"](np.stack([wild, wild], axis=1), wild.size, None, Status())
        decoded = await read_samples(source, 640)
    assert decoded[:4].tolist() == [0, 0, 1, -1]
    assert decoded[320:324].tolist() == [0, 0, 1, -1]


async def test_unread_audio_is_dropped_counted_and_logged(
    library: FakeLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "voxtide.audio"):
        async with MicrophoneSource(0, chunk_ms=100, library=library) as source:
            library.streams[0].record(tone(MAX_BACKLOG_MS / 1000 + 1.0))
            assert source.num_overflows == 1_000 // BLOCK_MS
            assert source.dropped_s == pytest.approx(1.0)
            decoded = await read_samples(source, MAX_BACKLOG_MS * 16)
    assert loudest_hz(decoded) == 440
    assert "the reader was too slow 50 times; 1.00 s of audio were dropped" in caplog.text


async def test_audio_dropped_by_the_system_is_counted(library: FakeLibrary) -> None:
    async with MicrophoneSource(0, chunk_ms=20, library=library) as source:
        library.streams[0].record(tone(0.04), is_late=True)
        assert (source.num_overflows, source.dropped_s) == (2, 0.0)


class Time:
    """A clock that `sleep` advances. `events` run before each sleep ends, one for each."""

    def __init__(self, *events: Callable[[], None]) -> None:
        self.now_s = 100.0
        self.slept_s: list[float] = []
        self._events = list(events)

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.slept_s.append(duration_s)
        if self._events:
            self._events.pop(0)()


def microphone_at(library: FakeLibrary, time: Time, device: int | str | None = None) -> MicrophoneSource:
    return MicrophoneSource(device, chunk_ms=20, library=library, clock=time.clock, sleep=time.sleep)


def stop(stream: FakeStream) -> None:
    stream.options["finished_callback"]()


async def test_a_lost_device_is_opened_again_with_silence_between(
    library: FakeLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    def unplug() -> None:
        library.start_error = PortAudioError("Device unavailable")

    def plug() -> None:
        library.start_error = None

    time = Time(unplug, plug)
    async with microphone_at(library, time, 0) as source:
        library.streams[0].record(tone(0.5))
        stop(library.streams[0])
        before = await read_samples(source, 8_000)
        between = await read_samples(source, 24_000)
        assert library.streams[0].is_closed
        library.devices[0]["index"] = 5  # it has another number when it is back
        library.streams[1].record(tone(0.5))
        after = await read_samples(source, 8_000)
    assert not between.any()
    assert {loudest_hz(before), loudest_hz(after)} == {440}
    assert time.slept_s == [0.5, 1.0]
    assert library.num_initialised == 2
    assert caplog.messages == [
        "microphone 'Headset' is lost; the text so far is kept. Waiting until it is back",
        "microphone 'Headset' is back after 2 s",
    ]


async def test_without_a_choice_the_new_default_device_is_used(
    library: FakeLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    def unplug() -> None:
        del library.devices[2]
        library.default_index = 0

    async with microphone_at(library, Time(unplug)) as source:
        stop(library.streams[0])
        assert await source.read() is not None
        assert source.name == "microphone 'Headset'"
    assert caplog.messages == [
        "microphone 'USB Audio' is lost; the text so far is kept. Waiting until it is back",
        "continuing on microphone 'Headset' after 0 s",
    ]


async def test_a_device_that_stops_delivering_is_opened_again(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "NO_DATA_TIMEOUT_S", 0.01)
    async with microphone_at(library, Time()) as source:
        await source.read()
        assert [stream.is_closed for stream in library.streams] == [True, False]


async def test_a_device_that_never_comes_back_fails_after_bounded_waits(library: FakeLibrary) -> None:
    def unplug() -> None:
        library.devices.clear()
        library.default_index = None

    time = Time(unplug)
    async with microphone_at(library, time, 0) as source:
        stop(library.streams[0])
        with pytest.raises(AudioError, match="'Headset' was lost and is not back after 10 minutes"):
            while True:
                await source.read()
    assert set(time.slept_s) == {0.5, 1.0, 2.0, 5.0}
    assert MAX_LOSS_S < sum(time.slept_s) <= MAX_LOSS_S + 5.0


async def test_portaudio_that_cannot_be_initialised_is_tried_again(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise PortAudioError("no host API")

    async with microphone_at(library, Time()) as source:
        stop(library.streams[0])
        with monkeypatch.context() as patched:
            patched.setattr(library, "_initialize", fail)
            await source.read()
            while source._ready:
                await source.read()
        await source.read()
        assert len(library.streams) == 2


class Slow:
    """Makes PortAudio wait for `release` when it finds the devices anew."""

    def __init__(self, library: FakeLibrary) -> None:
        self.is_searching = False
        self.release = threading.Event()
        self._initialize = library._initialize
        library._initialize = self.initialize  # type: ignore[method-assign]  # a fake of a fake

    def initialize(self) -> None:
        self.is_searching = True
        assert self.release.wait(10), "the event loop is blocked"
        self._initialize()
        self.is_searching = False


async def test_a_device_is_opened_again_in_a_thread(library: FakeLibrary) -> None:
    async with microphone_at(library, Time()) as source:
        slow = Slow(library)
        stop(library.streams[0])
        reading = asyncio.create_task(source.read())
        await until(lambda: slow.is_searching)
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        reading = asyncio.create_task(source.read())
        slow.release.set()
        assert await reading is not None
    assert [stream.is_closed for stream in library.streams] == [True, True]


@pytest.mark.parametrize("is_ended", [True, False])
async def test_a_device_that_comes_back_too_late_is_closed(library: FakeLibrary, is_ended: bool) -> None:
    async with microphone_at(library, Time()) as source:
        slow = Slow(library)
        library.streams[0].record(tone(0.03, rate_hz=44_100))
        stop(library.streams[0])
        assert await source.read() is not None
        reading = asyncio.create_task(source.read())
        await until(lambda: slow.is_searching)
        if is_ended:
            source.end()
        else:
            source.stop()
        slow.release.set()
        rest = await reading
        assert (rest is not None) == is_ended
        assert await source.read() is None
    assert [stream.is_closed for stream in library.streams] == [True, True]


async def test_an_unexpected_failure_of_an_attempt_reaches_the_reader(library: FakeLibrary) -> None:
    async with microphone_at(library, Time()) as source:
        library.start_error = KeyError("hostapi")
        stop(library.streams[0])
        with pytest.raises(AudioError, match="'USB Audio' was lost and cannot be opened again: KeyError: 'hostapi'"):
            await source.read()
        library.start_error = None
        await source.read()  # it did not stay
        assert len(library.streams) == 2


async def test_an_unexpected_failure_that_nobody_reads_is_logged(
    library: FakeLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    async with microphone_at(library, Time()) as source:
        slow = Slow(library)
        library.start_error = KeyError("hostapi")
        stop(library.streams[0])
        reading = asyncio.create_task(source.read())
        await until(lambda: slow.is_searching)
        reading.cancel()
        slow.release.set()
    await source.close()
    assert [message for message in caplog.messages if "KeyError" in message] == caplog.messages[1:]
    assert len(caplog.messages) == 2


def test_a_sound_system_that_hangs_holds_neither_the_reader_nor_the_end(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def read() -> None:
        async with microphone_at(library, Time()) as source:
            stop(library.streams[0])
            with pytest.raises(AudioError, match=r"the sound system has not answered for 0\.01 s"):
                await source.read()
            reading = asyncio.create_task(source.read())
            await until(lambda: source._attempt is not None)
            reading.cancel()
        assert "not answered" in caplog.messages[-1]

    monkeypatch.setattr(capture, "ATTEMPT_TIMEOUT_S", 0.01)
    slow = Slow(library)
    asyncio.run(read())  # returns although the threads do not
    hanging = [thread for thread in threading.enumerate() if thread.name == "voxtide-microphone"]
    assert len(hanging) == 2
    assert all(thread.daemon for thread in hanging)
    slow.release.set()
    for thread in hanging:
        thread.join()
    assert all(stream.is_closed for stream in library.streams)


async def test_closing_waits_for_the_device(library: FakeLibrary) -> None:
    async with microphone_at(library, Time()) as source:
        slow = Slow(library)
        stop(library.streams[0])
        reading = asyncio.create_task(source.read())
        await until(lambda: slow.is_searching)
        reading.cancel()
        asyncio.get_running_loop().call_later(0.01, slow.release.set)
    assert [stream.is_closed for stream in library.streams] == [True, True]


async def test_a_closed_microphone_does_not_open(library: FakeLibrary) -> None:
    source = MicrophoneSource(0, chunk_ms=20, library=library)
    await source.close()
    with pytest.raises(StreamClosedError, match="was closed"):
        await source.open()


def test_recording_starts_without_an_event_loop(library: FakeLibrary) -> None:
    source = MicrophoneSource(0, chunk_ms=20, library=library)
    source.start()
    library.streams[0].record(tone(0.5))

    async def read() -> Samples:
        async with source:
            return await read_samples(source, 8_000)

    assert loudest_hz(asyncio.run(read())) == 440
    assert len(library.streams) == 1


def test_stop_ends_a_recording_that_was_not_read(library: FakeLibrary) -> None:
    source = MicrophoneSource(0, chunk_ms=20, library=library)
    source.start()
    source.stop()
    source.stop()
    assert library.streams[0].is_closed


@pytest.mark.parametrize(
    ("level", "state"), [(0.0, "delivers only silence"), (10 ** (-75 / 20), "is very quiet"), (10 ** (-60 / 20), None)]
)
async def test_a_microphone_without_sound_is_reported_once(
    library: FakeLibrary, caplog: pytest.LogCaptureFixture, level: float, state: str | None
) -> None:
    noise = np.full(16_000, level, np.float32)
    async with MicrophoneSource(0, chunk_ms=20, library=library) as source:
        library.streams[0].record(np.full(1_280, 0.5, np.float32))  # the click of a device that starts
        for second in range(1, 12):
            library.streams[0].record(noise)
            await read_samples(source, 16_000)
            assert bool(caplog.records) == (state is not None and second >= 5)
    assert caplog.messages == [
        f"microphone 'Headset' {reported} (nothing above -70 dBFS for 5 s): is it muted, or the wrong one? "
        f"See: voxtide devices"
        for reported in [state] * (state is not None)
    ]


async def test_a_device_in_use_raises(library: FakeLibrary) -> None:
    library.start_error = PortAudioError("Device unavailable")
    with pytest.raises(AudioError, match="'USB Audio' cannot be opened: Device unavailable; is another program"):
        async with MicrophoneSource(chunk_ms=20, library=library):
            raise AssertionError("it must not open")


async def test_close_ends_a_waiting_read(library: FakeLibrary) -> None:
    source = MicrophoneSource(0, chunk_ms=20, library=library)
    await source.open()
    reading = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    await source.close()
    await source.close()
    assert await reading is None


@pytest.mark.parametrize("device", [0, 2])
async def test_an_ended_microphone_delivers_what_it_recorded(library: FakeLibrary, device: int) -> None:
    async with MicrophoneSource(device, chunk_ms=80, library=library) as source:
        rate_hz = library.streams[0].options["samplerate"]
        library.streams[0].record(tone(3.01, rate_hz=rate_hz))
        assert await source.read() is not None
        assert source.end()
        assert library.streams[0].is_closed
        decoded = joined([chunk async for chunk in source])
        assert await source.read() is None
    last_block = 16_000 * BLOCK_MS // 1000  # a device that stops delivers it
    assert decoded.size == tone(3.01).size - 1_280 + last_block
    np.testing.assert_allclose(decoded[:40_000], tone(3.01)[1_280:41_280], atol=1e-3)


async def test_a_microphone_ends_while_it_is_read(library: FakeLibrary) -> None:
    async with MicrophoneSource(0, chunk_ms=80, library=library) as source:
        library.streams[0].record(tone(0.02))
        reading = asyncio.create_task(source.read())
        await asyncio.sleep(0)
        source.end()
        rest = await reading
        assert rest is not None
        assert rest.size == 640


async def test_a_microphone_that_is_lost_ends_without_waiting(library: FakeLibrary) -> None:
    async def sleep(_duration_s: float) -> None:
        sleeping.set()
        await asyncio.Event().wait()

    sleeping = asyncio.Event()
    async with MicrophoneSource(0, chunk_ms=80, library=library, sleep=sleep) as source:
        library.streams[0].record(tone(0.1))
        stop(library.streams[0])
        reading = asyncio.create_task(read_samples(source, 1_600))
        await sleeping.wait()
        assert source.end()
        assert (await reading).size == 1_600
        assert await source.read() is None
    assert len(library.streams) == 1


async def test_a_loss_not_yet_noticed_is_the_end(library: FakeLibrary, caplog: pytest.LogCaptureFixture) -> None:
    async with MicrophoneSource(0, chunk_ms=80, library=library) as source:
        library.streams[0].record(tone(0.5))
        stop(library.streams[0])
        source.end()
        assert joined([chunk async for chunk in source]).size == 8_000 + 320
    assert caplog.records == []


def test_a_microphone_that_does_not_record_cannot_end(library: FakeLibrary) -> None:
    assert not MicrophoneSource(0, chunk_ms=80, library=library).end()


async def test_a_microphone_is_opened_once_and_read_only_while_open(library: FakeLibrary) -> None:
    source = MicrophoneSource(0, chunk_ms=20, library=library)
    with pytest.raises(StreamClosedError, match="not open"):
        await source.read()
    async with source:
        with pytest.raises(StreamClosedError, match="can be read only once"):
            await source.open()


def test_a_chunk_length_out_of_range_is_refused(library: FakeLibrary) -> None:
    with pytest.raises(ConfigError, match="chunk_ms"):
        MicrophoneSource(chunk_ms=5, library=library)
