"""`voxtide serve` as a process: its printed examples work, and signals end it."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.certificates import make_certificate
from tests.support.spoken import Voxtide
from tests.support.waiting import wait_for_process
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.cli.serve.command import _capacity, calibrated_capacity, default_capacity, store_capacity
from voxtide.cli.serve.console import JsonLines, TextLines
from voxtide.cli.serve.request import ServeRequest
from voxtide.config import Settings
from voxtide.engines.scripted import speak
from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig

VOXTIDE = str(Path(sys.executable).parent / "voxtide")
START_S = 60


@contextmanager
def serve(*options: str, environ: dict[str, str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in its own process, and its output until it is ready."""
    command = [VOXTIDE, "serve", "--engine", "scripted", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stdout
            lines: list[str] = []
            while not lines or lines[-1] not in ("END\n", ""):
                lines.append(process.stdout.readline())
            yield process, "".join(lines)
        finally:
            if process.poll() is None:
                process.kill()


def shell(script: str, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=START_S, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl command")
@pytest.mark.parametrize("is_guarded", [False, True])
def test_the_examples_work_as_printed(tmp_path: Path, is_guarded: bool) -> None:
    options: list[str] = []
    if is_guarded:  # with a key and a self-signed certificate
        certificate, key = make_certificate(tmp_path, "IP:127.0.0.1")
        (tmp_path / "keys").write_text("s3cret\n")
        options = [f"--tls-cert={certificate}", f"--tls-key={key}", f"--keys-file={tmp_path / 'keys'}"]
    with serve(*options) as (process, printed):
        script = printed.partition("Try it")[2].partition("\n")[2]
        from_curl, from_python = shell(
            f"set -e\n{script}".replace("curl ", "curl -w '\\n' "), os.environ | {"KEY": "s3cret"}
        ).splitlines()
        assert json.loads(from_curl)["text"].startswith("w1")
        assert from_python.startswith("w1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


def test_a_server_needs_no_stdout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    script = f'exec "{sys.executable}" "{VOXTIDE}" serve --engine scripted --port {port} >&-'
    with subprocess.Popen(["bash", "-c", script], stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for_process(process, lambda: is_open(port))
            process.terminate()
            _, log = process.communicate(timeout=START_S)
        finally:
            process.kill()
    assert (process.returncode, "rror" in log) == (143, False)


def is_open(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return peer.recv(1) != b""
    return False


def test_all_log_lines_have_the_requested_format() -> None:
    with serve("--log-format=json") as (process, printed):
        port = re.search(r":(\d+)/", printed)
        assert port
        with socket.create_connection(("127.0.0.1", int(port[1]))) as client:
            client.sendall(b"no HTTP\r\n\r\n")  # the HTTP library logs a warning
            client.recv(1000)
        process.send_signal(signal.SIGTERM)
        lines = process.communicate(timeout=30)[1].splitlines()
        assert [json.loads(line)["level"] for line in lines] == ["warning", "info"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_finishes_the_text_of_sessions(number: signal.Signals, code: int) -> None:
    audio = encode_pcm(speak("who built the white tower"), Encoding.PCM_S16LE)
    with serve() as (process, printed):
        port = re.search(r":(\d+)/", printed)
        assert port
        url = f"ws://127.0.0.1:{port[1]}/v1/audio/transcriptions/realtime"
        with connect(url) as client:
            client.send(json.dumps({"type": "input_audio.append", "audio": base64.b64encode(audio).decode()}))
            messages = [client.recv(START_S)]
            while "delta" not in str(messages[-1]):
                messages.append(client.recv(START_S))
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    messages.append(client.recv(START_S))
        assert process.wait(30) == code
    assert closed.value.rcvd and closed.value.rcvd.code == 1001
    assert json.loads(messages[-1])["text"] == "who built the white tower"


@pytest.mark.parametrize(
    "content", [b"# ours\nfrom-file\n\n", b"\xef\xbb\xbffrom-file\r\n"]
)  # the latter with a byte order mark, as on Windows
def test_keys_are_read_from_a_file_and_the_environment(tmp_path: Path, content: bytes) -> None:
    keys_file = tmp_path / "keys.txt"
    keys_file.write_bytes(content)
    request = ServeRequest(engine="scripted", keys_file=keys_file)
    config = request.server_config({"VOXTIDE_KEYS": "one, two"}, capacity=1, web_dir=None)
    assert config.keys == ("one", "two", "from-file")


@pytest.mark.parametrize("content", [None, b"# none\n", b"\xff\xfe"])
def test_a_file_without_keys_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    keys_file = tmp_path / "keys.txt"
    if content is not None:
        keys_file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"keys\.txt"):
        ServeRequest(engine="scripted", keys_file=keys_file).server_config({}, capacity=1, web_dir=None)


@pytest.mark.parametrize(
    ("content", "variable", "named"),
    [
        ("good\n  # note\nnot good\n", "", r"line 3 of .*keys\.txt"),
        ("good\n", "one,caf\u00e9", "key 2 of VOXTIDE_KEYS"),
    ],
)
def test_an_invalid_key_is_named_by_its_position_and_not_shown(
    tmp_path: Path, content: str, variable: str, named: str
) -> None:
    keys_file = tmp_path / "keys.txt"
    keys_file.write_text(content, "utf-8")
    request = ServeRequest(engine="scripted", keys_file=keys_file)
    with pytest.raises(ConfigError, match=f"{named} is no API key") as raised:
        request.server_config({"VOXTIDE_KEYS": variable}, capacity=1, web_dir=None)
    assert not {"good", "café"} & set(str(raised.value).split())


@pytest.mark.parametrize(
    ("options", "config"),
    [
        ("", ServerConfig()),
        (
            "--max-message-bytes 1 --ping-interval 2 --pong-wait 3 --max-unread 4 --close-wait 5",
            ServerConfig(max_message_bytes=1, ping_interval_s=2, pong_wait_s=3, max_unread_s=4, close_wait_s=5),
        ),
        (
            "--max-audio-ahead 0 --max-session 6 --max-idle 0 --drain 7",
            ServerConfig(max_audio_ahead_s=None, max_session_s=6, max_idle_s=None, drain_s=7),
        ),
        (
            "--max-files 1 --max-upload-mb 2 --max-file-audio 3 --fetch-private",
            ServerConfig(max_files=1, max_upload_bytes=2 * 2**20, max_file_audio_s=3, can_fetch_private=True),
        ),
    ],
)
def test_every_limit_has_an_option_with_the_default_of_the_config(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch, options: str, config: ServerConfig
) -> None:
    requests: list[ServeRequest] = []

    def serve_nothing(request: ServeRequest) -> int:
        requests.append(request)
        return 0

    monkeypatch.setattr("voxtide.cli.serve.command.serve", serve_nothing)
    result = voxtide("serve", "--engine", "scripted", *options.split())
    assert result.exit_code == 0, result.output
    assert requests[0].config == config


def test_a_port_in_use_is_an_error_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [VOXTIDE, "serve", "--engine", "scripted", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_S)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is in use by another program; choose another: --port {port + 1}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_invalid_certificate_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate", "utf-8")
    options = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "cert.pem")]
    command = [VOXTIDE, "serve", "--engine", "scripted", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_S)
    assert done.returncode == 2
    assert "cert.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_calibration_is_stored_per_engine_and_options(tmp_path: Path) -> None:
    settings = Settings(models_dir=tmp_path / "cache" / "models")
    request = ServeRequest(engine="scripted")
    assert calibrated_capacity(settings, request) is None
    assert default_capacity() >= 4
    path = store_capacity(settings, request, 17)
    assert calibrated_capacity(settings, request) == 17
    assert calibrated_capacity(settings, ServeRequest(engine="scripted", threads=1)) is None
    assert calibrated_capacity(settings, ServeRequest(engine="scripted", engine_options={"device": "cpu"})) is None
    path.write_text("[]", "utf-8")
    assert calibrated_capacity(settings, request) is None
    path.write_text("nonsense", "utf-8")
    assert calibrated_capacity(settings, request) is None


@pytest.mark.parametrize(
    ("streams", "capacity", "num_sessions"), [(64, None, 52), (4, None, 2), (1, None, 1), (20, 20, 20)]
)
def test_streams_limit_the_sessions(tmp_path: Path, streams: int, capacity: int | None, num_sessions: int) -> None:
    request = ServeRequest(engine="scripted", streams=streams, capacity=capacity)
    assert _capacity(request, Settings(models_dir=tmp_path)) == num_sessions


def test_more_sessions_than_streams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="21 sessions need more than 20 streams; lower --capacity or raise --streams"):
        _capacity(ServeRequest(engine="scripted", streams=20, capacity=21), Settings(models_dir=tmp_path))


def test_a_log_line_has_its_fields() -> None:
    record = logging.makeLogRecord(
        {
            "msg": "session %s opened",
            "args": ("ws-1",),
            "levelname": "INFO",
            "created": 0.0,
            "session": "ws-1",
            "wire": "m",
        }
    )
    assert json.loads(JsonLines().format(record)) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "info",
        "message": "session ws-1 opened",
        "session": "ws-1",
        "wire": "m",
    }
    assert TextLines().format(record) == (
        "1970-01-01T00:00:00.000+00:00 info    session ws-1 opened  session=ws-1 wire=m"
    )


@pytest.mark.parametrize(("language", "reason"), [("frnch", "nearest are French"), ("Dutch", "cannot transcribe 'nl'")])
def test_a_language_the_server_cannot_have_is_refused_at_the_start(
    voxtide: Voxtide, language: str, reason: str
) -> None:
    result = voxtide("serve", "--engine", "scripted", "--port", "0", "--language", language)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
