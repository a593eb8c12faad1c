"""Remote servers from the command line: address, API key, and reconnects."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.live_servers import CuttableProxy, ServerThread, port_of, voxtide_server
from tests.support.spoken import Spawn, Tones, Voxtide
from voxtide.cli.remote import EngineChoice, choose_engine
from voxtide.errors import ConfigError

KEY = "sk-secret-1"
KEYS = {"VOXTIDE_API_KEY": "ours", "MISTRAL_API_KEY": "theirs"}


@pytest.fixture(scope="module")
def servers() -> Iterator[ServerThread]:
    thread = ServerThread()
    yield thread
    thread.close()


@pytest.fixture(scope="module")
def url(servers: ServerThread) -> str:
    return servers.enter(voxtide_server())


@pytest.fixture(scope="module")
def locked_url(servers: ServerThread) -> str:
    return servers.enter(voxtide_server(keys=(KEY,)))


def test_a_server_transcribes(tones: Tones, voxtide: Voxtide, url: str) -> None:
    result = voxtide("transcribe", tones("talk.wav", "ever tried.", "ever failed."), "--server", url, "--metrics")
    assert (result.exit_code, result.stdout) == (0, "ever tried.\never failed.\n")
    assert "first text" in result.stderr


def test_the_event_stream_names_the_engine(tones: Tones, voxtide: Voxtide, url: str) -> None:
    path = tones("talk.wav", "no")
    result = voxtide("transcribe", path, "--server", url, "-f", "jsonl", "--pace", "real")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert records[0]["engine"] == "remote"
    assert "".join(record["text"] for record in records if record["type"] == "delta") == "no"
    assert any(record["type"] == "interim" for record in records)
    assert records[-1]["type"] == "finished"


def test_the_server_accepts_the_key(
    tones: Tones, voxtide: Voxtide, locked_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tones("talk.wav", "no matter")
    run = ("transcribe", path, "--server", locked_url)
    assert voxtide(*run, "--api-key", KEY).stdout == "no matter\n"
    monkeypatch.setenv("VOXTIDE_API_KEY", KEY)
    assert voxtide(*run).stdout == "no matter\n"
    monkeypatch.setenv("VOXTIDE_API_KEY", "another")
    refused = voxtide(*run)
    assert refused.exit_code == 1
    assert "is the API key right?" in refused.stderr
    assert "another" not in refused.stderr


def test_no_log_shows_the_key(tones: Tones, spawn: Spawn, locked_url: str) -> None:
    path = tones("talk.wav", "no matter")
    process = spawn("--debug", "transcribe", path, "--server", locked_url, "--api-key", KEY)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"no matter\n", 0)
    assert KEY.encode() not in err


def test_an_unreachable_server_is_one_line(tones: Tones, voxtide: Voxtide) -> None:
    result = voxtide("transcribe", tones("talk.wav", "no"), "--server", "http://user:pass@127.0.0.1:9/?key=secret")
    assert result.exit_code == 1
    assert result.stderr.startswith("voxtide: error: cannot reach http://127.0.0.1:9: ")
    assert len(result.stderr.splitlines()) == 1
    assert "secret" not in result.stderr and "pass" not in result.stderr


def test_invalid_combinations_are_refused(tones: Tones, voxtide: Voxtide, url: str) -> None:
    path = tones("talk.wav", "no")
    for arguments, message in {
        ("--engine", "scripted", "--server", url): "runs on this machine",
        ("--engine", "vllm", "--server", url): "needs a model name",
        ("--server", "localhost:8000"): "must begin with http://",
        ("--server", url, "--api-key", "a b"): "contains an invalid character",
    }.items():
        result = voxtide("transcribe", path, *arguments)
        assert result.exit_code == 2
        assert message in result.stderr


@pytest.mark.parametrize("command", ["transcribe", "serve"])
def test_mistrals_service_without_a_key_is_refused_at_once(
    command: str, tones: Tones, voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOXTIDE_API_KEY", raising=False)
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    operands = (tones("talk.wav", "no"),) if command == "transcribe" else ("--port", "0")
    result = voxtide(command, *operands, "--engine", "remote")
    assert result.exit_code == 2
    assert "needs an API key: pass api_key (on the command line --api-key, or MISTRAL_API_KEY" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_ctrl_c_finishes_the_text(spawn: Spawn, tones: Tones, url: str) -> None:
    path = tones("talk.wav", *["to be or not"] * 20)
    process = spawn("transcribe", path, "--server", url, "-f", "jsonl", "--pace", "real", stderr=subprocess.PIPE)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["type"] == "delta":
            break
    process.send_signal(signal.SIGINT)
    records = [json.loads(line) for line in process.stdout]
    assert process.wait(30) == 130
    assert records[-1]["type"] == "finished"


def test_a_reconnect_is_reported(spawn: Spawn, tones: Tones, servers: ServerThread, url: str) -> None:
    line = servers.enter(CuttableProxy(port_of(url)).open())
    path = tones("talk.wav", "a b c d e")
    process = spawn("transcribe", path, "--server", line.url, "-f", "jsonl", "--pace", "real")
    assert process.stdout is not None and process.stderr is not None
    texts = []
    for written in process.stdout:
        record = json.loads(written)
        texts += [record["text"]] if record["type"] == "delta" else []
        if len(texts) == 2:
            servers.call(line.interrupt)
            break
    texts += [record["text"] for record in map(json.loads, process.stdout) if record["type"] == "delta"]
    assert process.wait(30) == 0
    assert "".join(texts) == "a b c d e"
    assert b"lost its connection" in process.stderr.read()


def test_a_server_may_be_a_gateway(spawn: Spawn, voxtide: Voxtide, tones: Tones, url: str) -> None:
    process = spawn("serve", "--server", url, "--port", "0")
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(rb"http://127.0.0.1:\d+", line):
            break
    assert found
    result = voxtide("transcribe", tones("talk.wav", "no matter"), "--server", found[0].decode())
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert (result.exit_code, result.stdout) == (0, "no matter\n")


@pytest.mark.parametrize(
    ("requested", "choice"),
    [
        ((None, None, None), EngineChoice("moonshine")),
        ((None, "http://a", None), EngineChoice("remote", "http://a", "ours")),
        ((None, "http://a", "mine"), EngineChoice("remote", "http://a", "mine")),
        (("vllm", None, None), EngineChoice("vllm", None, "ours")),
        (("scripted", None, None), EngineChoice("scripted")),
        (("auto", None, None), EngineChoice("moonshine")),
        (("auto", "http://a", None), EngineChoice("remote", "http://a", "ours")),
    ],
)
def test_the_choice(requested: tuple[str | None, str | None, str | None], choice: EngineChoice) -> None:
    assert choose_engine(*requested, KEYS) == choice


def test_language_and_model_choose_the_engine() -> None:
    assert choose_engine(None, None, None, {}, language="French").name == "whisper"
    assert choose_engine(None, None, None, {}, model="whisper-tiny.en").name == "whisper"
    assert choose_engine(None, "http://a", None, {}, language="French").name == "remote"
    with pytest.raises(ConfigError, match="There is no engine 'nothing'"):
        choose_engine("nothing", None, None, {})


def test_the_mistral_key_is_sent_to_mistral_only() -> None:
    theirs = {"MISTRAL_API_KEY": "theirs"}
    assert choose_engine("remote", None, None, theirs).api_key == "theirs"
    assert choose_engine("remote", "https://api.mistral.ai/", None, theirs).api_key == "theirs"
    assert choose_engine("remote", "https://api.mistral.ai.example", None, theirs).api_key is None
    assert choose_engine("vllm", None, None, theirs).api_key is None
    assert "theirs" not in repr(choose_engine("remote", None, None, theirs))
