from __future__ import annotations

import asyncio
import json
import tracemalloc
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from tests.support.http_calls import (
    BOUNDARY,
    MISTRAL,
    PATH,
    Answer,
    call,
    files_server,
    form,
    scripted,
    silence,
    spoken,
    transcribed,
)
from tests.support.media_files import film
from tests.support.waiting import until
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.engines.scripted.recogniser import ScriptedRecogniser
from voxtide.server.admission import Admission
from voxtide.server.config import ServerConfig
from voxtide.server.http.throttle import FileThrottle
from voxtide.server.http.transcriptions import TranscriptionService
from voxtide.server.supervisor import EngineSupervisor
from voxtide.types import EngineInfo, StreamOptions

TEXT = "who built the white tower"
FILE = spoken(TEXT)


def slow() -> ScriptedEngine:
    """An engine five times as fast as real time."""
    return ScriptedEngine(ScriptedConfig(delay_ms=80, slowness=0.2))


def failing() -> Engine:
    return ScriptedEngine(ScriptedConfig(delay_ms=80, fails_at_s=1.5))


def data_of(answer: Answer) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in answer.body.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def test_every_format_of_openai() -> None:
    async with files_server() as server:
        plain = await transcribed(server, FILE)
        text = await transcribed(server, FILE, response_format="text")
        srt = await transcribed(server, FILE, response_format="srt")
        vtt = await transcribed(server, FILE, response_format="vtt")
        verbose = await transcribed(
            server, FILE, ("timestamp_granularities[]", "word"), response_format="verbose_json", language="en"
        )
    assert plain.json == {"text": TEXT, "usage": {"type": "duration", "seconds": 3}}
    assert (text.body, text.headers["content-type"]) == (f"{TEXT}\n", "text/plain; charset=utf-8")
    assert srt.body.startswith("1\n00:00:00,") and "white tower" in srt.body
    assert vtt.body.startswith("WEBVTT\n\n00:00:00.") and vtt.headers["content-type"].startswith("text/vtt")
    assert [word["word"] for word in verbose.json["words"]] == TEXT.split()
    assert (verbose.json["language"], verbose.json["duration"]) == ("en", pytest.approx(len(FILE) / 32_000, abs=0.01))


async def test_a_translation_has_the_forms_of_a_transcription() -> None:
    path = "/v1/audio/translations"
    async with files_server() as server:
        plain = await transcribed(server, FILE, path=path)
        verbose = await transcribed(server, FILE, path=path, response_format="verbose_json", language="French")
        text = await transcribed(server, FILE, path=path, response_format="text")
    translation = " ".join(word[::-1] for word in TEXT.split())  # as the scripted engine does it
    assert plain.json["text"] == translation
    assert (text.body, text.headers["content-type"]) == (f"{translation}\n", "text/plain; charset=utf-8")
    assert (verbose.json["task"], verbose.json["language"]) == ("translate", "english")
    assert verbose.json["segments"][0]["text"] == translation


async def test_the_servers_language_is_for_files_that_name_none() -> None:
    async with files_server(ServerConfig(language="Français")) as server:
        default = await transcribed(server, FILE, response_format="verbose_json")
        named = await transcribed(server, FILE, response_format="verbose_json", language="English")
        refused = await transcribed(server, FILE, language="frnch")
    assert (default.json["language"], named.json["language"]) == ("fr", "en")
    assert refused.status == 400
    assert "no language 'frnch'; the nearest are French (fr)" in refused.json["error"]["message"]


async def test_mistrals_form() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, ("timestamp_granularities", "segment"), **MISTRAL)
    assert answer.status == 200
    assert answer.json.keys() == {"model", "text", "language", "segments", "usage"}
    assert (answer.json["text"], answer.json["model"]) == (TEXT, "tones")
    assert answer.json["segments"][0]["text"]


async def test_openais_stream() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, stream="true")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.endswith("data: [DONE]\n\n")
    *deltas, done = data_of(answer)
    assert done == {"type": "transcript.text.done", "text": TEXT}
    assert "".join(delta["delta"] for delta in deltas) == TEXT
    assert "event:" not in answer.body


async def test_mistrals_stream() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, stream="true", diarize="false")
    assert "[DONE]" not in answer.body
    assert answer.body.count("event: ") == answer.body.count("data: ")
    assert data_of(answer)[-1]["text"] == TEXT
    assert data_of(answer)[-1]["type"] == "transcription.done"


async def test_fields_without_effect_are_named_in_a_header() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, ("line\\nbreak", "x"), chunking_strategy="auto", temperature="0.7")
        streamed = await transcribed(server, FILE, chunking_strategy="auto", stream="true")
    assert answer.headers["x-voxtide-ignored"] == "chunking_strategy, temperature"
    assert streamed.headers["x-voxtide-ignored"] == "chunking_strategy"


async def test_a_vocabulary_and_a_prompt_are_accepted() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, ("keywords[]", "tower"), prompt="a tour of London")
    assert (answer.status, answer.json["text"]) == (200, TEXT)
    assert "x-voxtide-ignored" not in answer.headers


class ForgetfulEngine(ScriptedEngine):
    """Has room for three words of a prompt, and records the vocabularies that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.vocabularies: list[tuple[str, ...]] = []

    def fit_prompt(self, prompt: str, vocabulary: tuple[str, ...] = ()) -> str:
        return " ".join(prompt.split()[-3:])

    def make_recogniser(self, options: StreamOptions) -> ScriptedRecogniser:
        self.vocabularies.append(options.vocabulary)
        return super().make_recogniser(options)


async def test_the_end_of_a_long_prompt_is_used_and_a_notice_says_so() -> None:
    long = "Many words precede the White Tower."
    engine = ForgetfulEngine()
    async with files_server(load=lambda: engine) as server:
        plain = await transcribed(server, FILE, ("keywords[]", "who"), prompt=long)
        text = await transcribed(server, FILE, prompt=long, response_format="text")
        streamed = await transcribed(server, FILE, prompt=long, stream="true")
        endless = await transcribed(server, FILE, prompt="moat " * 10_000 + "the White Tower.")
        short = await transcribed(server, FILE, prompt="the White Tower.")
    message = "the prompt is too long for tones: of its 35 characters only the last 16 are used"
    assert plain.json["notices"] == [{"code": "prompt_cut", "message": message}]
    assert text.headers["x-voxtide-notices"] == "prompt_cut"
    assert data_of(streamed)[-1]["notices"] == plain.json["notices"]
    assert (endless.status, endless.json["notices"][0]["code"]) == (200, "prompt_cut")
    assert "notices" not in short.json
    assert engine.vocabularies == [("who", "the White Tower."), *[("the White Tower.",)] * 4]


async def test_only_the_engine_cuts_a_prompt() -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE, prompt="moat " * 1_000)
    assert (answer.status, answer.json["text"]) == (200, TEXT)
    assert "notices" not in answer.json


async def test_unsupported_options_are_refused_in_the_clients_form() -> None:
    async with files_server() as server:
        openai = await transcribed(server, FILE, response_format="diarized_json")
        mistral = await transcribed(server, FILE, stream="false", diarize="true")
        malformed = await transcribed(server, FILE, temperature="hot", **MISTRAL)
        nothing = await transcribed(server, None)
    assert (openai.status, openai.json["error"]["param"]) == (400, "response_format")
    assert (mistral.status, mistral.json["object"], mistral.json["param"]) == (400, "error", "diarize")
    assert (malformed.status, malformed.json["detail"][0]["loc"]) == (422, ["body", "temperature"])
    assert (nothing.status, nothing.json["error"]["code"]) == (400, "missing_required_parameter")


@pytest.mark.parametrize(
    ("file", "code"), [(b"", "not_audio"), (b"hello world" * 100, "not_audio"), (FILE[:-9000], "corrupt_audio")]
)
@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_file_that_is_not_audio_is_refused(file: bytes, code: str, stream: str) -> None:
    async with files_server() as server:
        answer = await transcribed(server, file, stream=stream)
    error = data_of(answer)[-1]["error"] if answer.status == 200 else answer.json["error"]
    assert (answer.status == 200) == (
        stream == "true" and code == "corrupt_audio"
    )  # the file breaks off after the response has begun
    assert error["code"] == code


async def test_a_file_that_breaks_off_is_an_error_with_the_text_before() -> None:
    async with files_server() as server:
        openai = await transcribed(server, FILE[:-9_000])
        mistral = await transcribed(server, FILE[:-9_000], **MISTRAL)
        nothing = await transcribed(server, b"hello world" * 100)
    assert (openai.status, openai.json["error"]["code"]) == (400, "corrupt_audio")
    assert (mistral.status, mistral.json["code"]) == (400, "corrupt_audio")
    assert TEXT.startswith(openai.json["error"]["text"]) and len(openai.json["error"]["text"]) > 10
    assert mistral.json["text"] == openai.json["error"]["text"]
    assert "text" not in nothing.json["error"]


async def test_notices_are_a_field_and_a_header() -> None:
    short = FILE[:-44]
    async with files_server() as server:
        plain = await transcribed(server, short)
        verbose = await transcribed(server, short, response_format="verbose_json")
        srt = await transcribed(server, short, response_format="srt")
        mistral = await transcribed(server, short, **MISTRAL)
        streams = [await transcribed(server, short, stream="true", **more) for more in ({}, {"diarize": "false"})]
        whole = await transcribed(server, FILE)
    expected = [{"code": "wrong_length", "message": "the file is 44 bytes shorter than its header states"}]
    for answer in (plain, verbose, mistral):
        assert (answer.status, answer.json["text"], answer.json["notices"]) == (200, TEXT, expected)
    assert [data_of(answer)[-1]["notices"] for answer in streams] == [expected, expected]
    assert {answer.headers["x-voxtide-notices"] for answer in (plain, verbose, srt, mistral)} == {"wrong_length"}
    assert "notices" not in whole.json
    assert "x-voxtide-notices" not in whole.headers


@pytest.mark.parametrize("num_zeros", [0, 1_000, 100_000])
async def test_a_second_recording_in_a_file_is_named(num_zeros: int) -> None:
    async with files_server() as server:
        answer = await transcribed(server, FILE + bytes(num_zeros) + FILE)
    assert (answer.status, answer.json["text"]) == (200, TEXT)
    assert answer.headers["x-voxtide-notices"] == "unread_audio"


async def test_a_track_is_chosen_by_number_or_language() -> None:
    content = film(speak("who built it"), speak("the moat"), languages=("eng", "ger"))
    async with files_server() as server:
        texts = [(await transcribed(server, content, track=track)).json["text"] for track in ("1", "2", "de")]
        streamed = await transcribed(server, content, track="2", stream="true")
        subtitles = await transcribed(server, content, track="2", response_format="srt")
    assert texts == ["who built it", "the moat", "the moat"]
    assert data_of(streamed)[-1]["text"] == "the moat" and "the moat" in subtitles.body
    assert "x-voxtide-ignored" not in subtitles.headers


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_an_unknown_track_is_refused_with_a_list(stream: str) -> None:
    content = film(speak("who"), speak("moat"), languages=("eng", "ger"))
    async with files_server() as server:
        openai = await transcribed(server, content, track="fr", stream=stream)
        mistral = await transcribed(server, content, track="3", stream=stream, diarize="false")
        impossible = await transcribed(server, content, track="0", stream=stream)
    error = openai.json["error"]
    assert (openai.status, error["code"], error["param"]) == (400, "invalid_value", "track")
    assert error["message"] == "the file has no audio track 'fr'; it has: 1 eng, 2 ger; 'mix' reads all of them"
    assert (mistral.status, mistral.json["detail"][0]["loc"]) == (422, ["body", "track"])
    assert "must be a number from 1, a language or mix, not '0'" in impossible.json["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "unsupported_media_type"),
        ("", b"", 415, "unsupported_media_type"),
        ("multipart/form-data", b"x", 400, "invalid_form"),
        (f"multipart/form-data; boundary={BOUNDARY}", b"x" * 100, 400, "invalid_form"),
        (f"multipart/form-data; boundary={BOUNDARY}", form([("file", "text")]), 400, "invalid_value"),
        ("application/x-www-form-urlencoded", b"a=b&" * 5000, 400, "invalid_form"),
        ("application/x-www-form-urlencoded", b"model=\xff", 400, "invalid_form"),
    ],
)
async def test_a_broken_form_is_refused(kind: str, body: bytes, status: int, code: str) -> None:
    async with files_server() as server:
        answer = await call(server, "POST", PATH, body, {"Content-Type": kind})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


async def test_an_upload_above_the_limit_is_refused() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    body = form([], FILE)
    chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    async with files_server(ServerConfig(max_upload_bytes=10_000)) as server:
        announced = await raw(server.port, f"{head}Content-Length: {10**12}\r\n\r\n".encode())
        counted = await raw(server.port, chunked)
    assert announced.startswith(b"HTTP/1.1 413") and b"upload_too_big" in announced
    assert counted.startswith(b"HTTP/1.1 413") and b"10000 bytes" in counted


async def test_an_upload_that_takes_too_long_is_refused() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    async with files_server(ServerConfig(max_upload_s=0.05)) as server:
        answer = await raw(server.port, f"{head}Content-Length: 1000\r\n\r\n--".encode())
    assert answer.startswith(b"HTTP/1.1 408") and b"upload_too_slow" in answer


async def test_audio_that_is_too_long_is_refused() -> None:
    async with files_server(ServerConfig(max_file_audio_s=2)) as server:
        answer = await transcribed(server, FILE)
    assert (answer.status, answer.json["error"]["code"]) == (413, "audio_too_long")


async def raw(port: int, request: bytes) -> bytes:
    """The response's head and the bytes that come with it; then disconnect."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.readuntil(b"\r\n\r\n") + await reader.read(65536)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_a_full_server_sends_retry_after() -> None:
    engine = slow()
    async with files_server(ServerConfig(max_files=1), load=lambda: engine) as server:
        writer = await send_request(server.port, form([], silence(30)))
        await until(lambda: engine.num_open_streams == 1)
        answer = await transcribed(server, FILE, headers={"User-Agent": "mistral"})
        await disconnect(writer)
        await until(lambda: engine.num_open_streams == 0)
        again = await transcribed(server, spoken("a"))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (answer.json["object"], answer.json["code"]) == ("error", "capacity")
    assert again.status == 200


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_disconnected_clients_work_is_cancelled(stream: str) -> None:
    engine = slow()
    async with files_server(load=lambda: engine) as server:
        writer = await send_request(server.port, form([("stream", stream)], silence(30)))
        await until(lambda: engine.num_open_streams == 1)
        await disconnect(writer)
        await until(lambda: engine.num_open_streams == 0)  # thirty seconds of audio would take six


async def send_request(port: int, body: bytes) -> asyncio.StreamWriter:
    """Send a request and do not read the response."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return writer


async def disconnect(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    await asyncio.sleep(0)


@pytest.mark.parametrize("form_fields", [{}, MISTRAL], ids=["openai", "mistral"])
async def test_an_engine_failure_is_an_error_in_the_clients_form(form_fields: dict[str, str]) -> None:
    async with files_server(load=failing) as server:
        whole = await transcribed(server, FILE, **form_fields)
        streamed = await transcribed(server, FILE, **form_fields | {"stream": "true"})
    assert whole.status == 503 and "retry-after" in whole.headers
    last = data_of(streamed)[-1]
    assert last["error"]["message"] == (whole.json.get("error") or whole.json)["message"]
    assert "done" not in streamed.body.replace("[DONE]", "")


async def test_files_are_counted() -> None:
    async with files_server() as server:
        await transcribed(server, silence(2))
        metrics = (await call(server, "GET", "/metrics")).body
    assert "voxtide_files_open 0.0\n" in metrics
    assert "voxtide_file_audio_seconds_total 2.0\n" in metrics


async def test_a_key_is_required() -> None:
    async with files_server(ServerConfig(keys=("secret",))) as server:
        refused = await transcribed(server, FILE)
        accepted = await transcribed(server, FILE, headers={"Authorization": "Bearer secret"})
    assert (refused.status, accepted.status) == (401, 200)


async def test_decoded_audio_is_never_held_as_a_whole() -> None:
    """Ten minutes are 38 MB of samples. The test's own body is made before tracing."""
    body, kind = form([], silence(600)), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    async with files_server() as server:
        tracemalloc.start()
        try:
            answer = await call(server, "POST", PATH, body, kind)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.json["usage"]["seconds"] == 600
    assert peak_bytes < 8_000_000


async def test_a_form_without_a_file_needs_a_valid_url() -> None:
    async with files_server() as server:
        body = urlencode({"model": "m", "stream": "false", "file_url": "ftp://127.0.0.1/a"}).encode()
        answer = await call(server, "POST", PATH, body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, answer.json["code"]) == (400, "file_url_refused")


async def test_a_client_that_disconnects_during_the_upload_releases_its_place() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
    async with files_server(ServerConfig(max_files=1)) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{head}Content-Length: 100000\r\n\r\n".encode() + form([], FILE)[:50_000])
        await writer.drain()
        while (await transcribed(server, FILE)).status != 503:
            pass  # until the server reads the upload
        await disconnect(writer)
        while (await transcribed(server, FILE)).status != 200:
            pass  # until it notices the disconnection


@pytest.mark.parametrize("pause", ["upload", "answer"])
async def test_a_client_that_stalls_is_dropped(pause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.http.upload.BODY_TIMEOUT_S", 0.05)
    sent: list[Any] = []
    never = asyncio.Event()
    body = form([("stream", "true")], FILE)
    coming = [{"type": "http.request", "body": body, "more_body": False}] if pause == "answer" else []

    async def receive() -> Any:
        if not coming:
            await never.wait()
        return coming.pop()

    async def send(message: Any) -> None:
        sent.append(message)
        if pause == "answer":
            await never.wait()

    async with EngineSupervisor(scripted) as supervisor:
        service = service_of(supervisor, ServerConfig(max_events_unread_s=0.05))
        await (await service.transcribe(request_of()))(request_of().scope, receive, send)
        assert service.admission.num_taken == 0
    assert sent[0]["status"] == (408 if pause == "upload" else 200)
    assert len(sent) == (2 if pause == "upload" else 1)


async def test_a_draining_server_accepts_no_files() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with EngineSupervisor(scripted) as supervisor:
        service = replace(service_of(supervisor, ServerConfig()), is_draining=lambda: True)
        await (await service.transcribe(request_of()))(request_of().scope, request_of().receive, send)
    assert sent[0]["status"] == 503


def service_of(supervisor: EngineSupervisor, config: ServerConfig) -> TranscriptionService:
    return TranscriptionService(
        supervisor=supervisor,
        config=config,
        admission=Admission(1),
        engine_info=lambda: EngineInfo(name="test", model="tones"),
        is_draining=lambda: False,
        throttle=FileThrottle(num_live=lambda: 0, late_s=lambda: 0.0),
    )


def request_of() -> Request:
    kind = (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())
    return Request({"type": "http", "method": "POST", "path": PATH, "headers": [kind], "query_string": b""})
