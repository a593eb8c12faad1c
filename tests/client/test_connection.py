"""The public interface of `Connection`: valid and invalid calls, events, errors."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.certificates import make_certificate
from tests.support.client_sessions import QUICK, assert_transcribed, run_session
from tests.support.scripted_server import Behaviour, after, serving
from tests.support.waiting import until
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.client.config import ClientConfig
from voxtide.client.connect import connect
from voxtide.engines.scripted import speak
from voxtide.errors import (
    CapacityError,
    ConfigError,
    ConnectionFailedError,
    StreamClosedError,
    UnsupportedOptionError,
)
from voxtide.transcript.events import Delta, Finished, Flushed, SegmentEnded

KEY = "sk-very-secret"


async def test_a_flush_returns_the_text_and_the_session_continues() -> None:
    async with serving() as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("who built the white Tower"))
        assert await connection.flush_audio() == "who built the white Tower"
        await connection.send_audio(speak("and when"))
        assert await connection.flush_audio() == "and when"
        await connection.end_audio()
        events = [event async for event in connection]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "who built the white Tower and when"
    assert [event.text for event in events if isinstance(event, Flushed)] == ["who built the white Tower", "and when"]
    assert isinstance(events[-1], Finished)
    assert len(server.seen) == 1


async def test_reading_events_and_awaiting_flushes_is_optional() -> None:
    config = replace(QUICK, max_events=8)
    async with serving() as server:
        async with connect(server.url, config=config) as connection:
            for number in range(20):
                await connection.send_audio(speak("to be"))
                flush = connection.flush_audio()
                assert flush.flush_id == number + 1
            assert await flush == "to be"
            assert connection.num_unread_events == 8
            events = aiter(connection)
            assert isinstance(await anext(events), Delta | SegmentEnded | Flushed)
        async with asyncio.timeout(5):
            outcome = await run_session(connect(server.url, config=config))
        assert_transcribed(outcome)


async def test_an_answer_may_be_awaited_late_and_more_than_once() -> None:
    async with serving() as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("to be"))
        flush = connection.flush_audio()
        cancelled = asyncio.create_task(_wait(flush))
        await asyncio.sleep(0)
        cancelled.cancel()
        assert await asyncio.gather(_wait(flush), _wait(flush)) == ["to be", "to be"]
        assert await flush == "to be"


async def test_a_flush_without_audio_is_answered_without_a_request() -> None:
    async with serving(Behaviour(ignores_flush=True)) as server, connect(server.url, config=QUICK) as connection:
        assert await connection.flush_audio() == ""
        assert await connection.flush_audio() == ""
    assert server.seen[0].kinds == []


async def test_bytes_may_be_split_anywhere() -> None:
    payload = encode_pcm(speak("to be"), Encoding.PCM_S16LE)
    async with serving() as server, connect(server.url, config=QUICK) as connection:
        for start in range(0, len(payload), 333):
            await connection.send_audio(bytearray(payload[start : start + 333]))
        assert await connection.flush_audio() == "to be"
        await connection.send_audio(memoryview(payload))
        await connection.send_audio(b"\0")
        await connection.end_audio()
        events = [event async for event in connection]
    assert events[-1] == Finished(2 * len(payload) / 32_000)


async def test_arrays_that_are_not_mono_float_audio_are_refused() -> None:
    async with serving() as server, connect(server.url, config=QUICK) as connection:
        for samples in (np.zeros((2, 160), np.float32), np.zeros(160, np.int16)):
            with pytest.raises(ConfigError, match="floats of shape"):
                await connection.send_audio(samples)  # type: ignore[arg-type]  # the point


async def test_sending_after_the_end_is_refused() -> None:
    async with serving() as server:
        connection = await connect(server.url, config=QUICK)
        assert not connection.is_closed
        await connection.end_audio()
        await connection.end_audio()
        assert connection.is_closed
        with pytest.raises(RuntimeError, match="finished"):
            await connection.send_audio(b"\0\0")
        with pytest.raises(StreamClosedError, match="finished"):
            connection.flush_audio()
        assert [event async for event in connection] == [Finished(0.0)]
        await connection.close()
        await connection.close()
        with pytest.raises(RuntimeError, match="closed"):
            await connection.send_audio(b"\0\0")
        assert [event async for event in connection] == []
    assert server.num_open == 0


async def test_sending_before_opening_and_opening_again_are_refused() -> None:
    async with serving() as server:
        connection = connect(server.url, config=QUICK)
        with pytest.raises(StreamClosedError, match="not open"):
            await connection.send_audio(b"\0\0")
        with pytest.raises(StreamClosedError, match="not open"):
            connection.flush_audio()
        async with connection:
            with pytest.raises(StreamClosedError, match="once"):
                await connection
        with pytest.raises(StreamClosedError, match="once"):
            await connection


async def test_close_releases_all_waiting_callers() -> None:
    async with serving(Behaviour(ignores_flush=True)) as server:
        connection = await connect(server.url, config=ClientConfig(replay_s=1.0))
        await connection.send_audio(speak("to be"))
        waiting = asyncio.create_task(_wait(connection.flush_audio()))
        sending = asyncio.create_task(connection.send_audio(speak("or not to be that is it")))
        reading = asyncio.create_task(_read(connection))
        await asyncio.sleep(0.01)
        await connection.close()
        for task in (waiting, sending):
            with pytest.raises(StreamClosedError):
                await task
        await reading
    assert server.num_open == 0


async def test_a_cancelled_open_leaves_no_connection() -> None:
    async with serving(Behaviour(is_silent=True)) as server:
        opening = asyncio.create_task(connect(server.url).__aenter__())
        await until(lambda: bool(server.seen))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await until(lambda: server.num_open == 0)


async def test_times_are_in_seconds_of_the_callers_audio() -> None:
    """Also after a reconnect, where the server counts from zero."""
    pause = np.zeros(16_000, np.float32)
    async with serving(after(Behaviour(abort_after_s=2.0))) as server, connect(server.url, config=QUICK) as connection:
        await connection.send_audio(speak("to"))
        await connection.flush_audio()
        await connection.send_audio(np.concatenate([pause, speak("be"), pause]))
        await connection.flush_audio()
        await connection.end_audio()
        segments = [event.segment async for event in connection if isinstance(event, SegmentEnded)]
    assert [it.text for it in segments] == ["to", "be"]
    assert [(it.start_s, it.end_s) for it in segments] == [(0.0, 0.16), (1.16, pytest.approx(1.32))]
    assert len(server.seen) == 2


async def test_only_requested_options_are_sent() -> None:
    async with serving() as server:
        async with connect(server.url, config=QUICK) as connection:
            assert connection.ready.model == "tones"
        async with connect(
            server.url,
            api_key=KEY,
            model="a b",
            language="en",
            delay_ms=480,
            vocabulary=["voxtide"],
            encoding="pcm_mulaw",
            sample_rate_hz=8000,
            config=QUICK,
        ):
            pass
    plain, rich = server.seen
    assert (plain.path, plain.kinds, plain.session) == ("/v1/audio/transcriptions/realtime", [], {})
    assert "Authorization" not in plain.headers
    assert "Sec-WebSocket-Extensions" not in plain.headers
    assert rich.path == "/v1/audio/transcriptions/realtime?model=a+b"
    assert rich.headers["Authorization"] == f"Bearer {KEY}"
    assert rich.session == {
        "audio_format": {"encoding": "pcm_mulaw", "sample_rate": 8000},
        "target_streaming_delay_ms": 480,
        "language": "en",
        "context_bias": ["voxtide"],
    }


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, ConnectionFailedError, "HTTP 401; is the API key right"),
        (404, ConnectionFailedError, "HTTP 404; is there a server of this dialect"),
        (402, ConnectionFailedError, "HTTP 402: .*not now"),
        (301, ConnectionFailedError, r"HTTP 301; it has moved to http://elsewhere.example/$"),
        (500, ConnectionFailedError, "HTTP 500: .*not now"),
        (503, CapacityError, "HTTP 503: .*not now"),
        (429, CapacityError, "HTTP 429"),
    ],
)
async def test_a_refused_connection_raises_at_once(status: int, kind: type[Exception], expected: str) -> None:
    async with serving(Behaviour(status=status)) as server:
        with pytest.raises(kind, match=expected):
            await connect(server.url, api_key=KEY, config=QUICK)
    assert server.num_refused == 1


async def test_opening_a_server_that_is_never_ready_times_out() -> None:
    async with serving(Behaviour(is_silent=True)) as server:
        with pytest.raises(ConnectionFailedError, match="did not answer within 0.1 s"):
            await connect(server.url, config=replace(QUICK, open_timeout_s=0.1))


async def test_an_unreachable_server_raises_an_error_with_a_remedy() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailedError, match=r"cannot reach https://.*; does it serve https\? Try http://$"):
            await connect(f"https://127.0.0.1:{port}", config=QUICK)
    with pytest.raises(ConnectionFailedError, match=r"cannot reach http://.*; is the server running, and is this its"):
        await connect(f"http://127.0.0.1:{port}", config=QUICK)


async def test_the_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with serving(tls=context) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(ConnectionFailedError, match="SSL_CERT_FILE can name the authority"):
            await connect(url, config=QUICK)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert_transcribed(await run_session(connect(url, config=QUICK)))


async def test_a_refused_option_is_named_in_the_error() -> None:
    async with serving(Behaviour(refuses_update="no delay of 80 ms here")) as server:
        with pytest.raises(UnsupportedOptionError, match="no delay of 80 ms here"):
            await connect(server.url, delay_ms=80, config=QUICK)


async def test_a_full_server_is_retried_during_a_session() -> None:
    async with serving(after(Behaviour(abort_after_s=0.3), Behaviour(status=503), Behaviour(status=500))) as server:
        assert_transcribed(await run_session(connect(server.url, config=QUICK)))
    assert server.num_refused == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"server": "nowhere"}, "not a server address"),
        ({}, "needs an API key"),
        ({"api_key": ""}, "the API key is empty"),
        ({"api_key": f"{KEY}\n"}, "the API key is empty or contains"),
        ({"server": f"http://anna:{KEY}@h", "api_key": KEY}, "a user name and an API key"),
        ({"server": "http://h", "delay_ms": 12345}, "12345"),
        ({"encoding": "mp3"}, "unknown encoding 'mp3'"),
        ({"server": "http://h", "sample_rate_hz": 4000}, "4000 Hz"),
    ],
)
def test_invalid_arguments_are_refused_before_connecting(arguments: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as refused:
        connect(**arguments)  # type: ignore[arg-type]  # the point
    assert KEY not in str(refused.value)


async def test_the_key_never_appears_in_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(after(Behaviour(abort_after_s=0.1), Behaviour(status=401))) as server:
        connection = await connect(server.url, api_key=KEY, config=QUICK)
        assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"
        await connection.send_audio(speak("to be"))
        with pytest.raises(ConnectionFailedError) as failed:
            await connection.flush_audio()
        await connection.close()
    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert KEY not in "".join(record.getMessage() for record in ours)
    assert KEY not in repr(failed.value)


def test_config_values_are_validated() -> None:
    for name, value in {"flush_timeout_s": -1, "replay_s": 0.5, "max_events": 0, "reconnect_s": float("nan")}.items():
        with pytest.raises(ConfigError, match=f"{name} is .* it must be a number"):
            ClientConfig(**{name: value})  # type: ignore[arg-type]  # the point


async def _wait(flush: object) -> str:
    return await flush  # type: ignore[misc,no-any-return]  # a FlushAnswer, as a coroutine


async def _read(connection: object) -> None:
    async for _ in connection:  # type: ignore[attr-defined]  # a Connection
        pass
