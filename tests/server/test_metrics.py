"""A server's metrics, and their documentation."""

from __future__ import annotations

import json
import re

from websockets.asyncio.client import connect

from tests.support.serving import FLUSH, engine, receive_until, running, send_speech, wait_for_sessions
from tests.support.source_tree import ROOT
from voxtide.engines.scripted import ScriptedConfig
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints


def names_of(text: str) -> set[str]:
    """The names of our metrics in the `# TYPE` lines."""
    found = re.findall(r"^# TYPE (voxtide_\w+)", text, re.MULTILINE)
    return {name.removesuffix("_total") for name in found if not name.endswith("_created")}


async def test_a_session_is_counted() -> None:
    load = engine(ScriptedConfig(delay_ms=80, slowness=0.05))
    async with running(ServerConfig(capacity=3), load=load) as server:
        async with connect(server.ws()) as socket:
            await send_speech(socket, "count me in please")
            await socket.send(FLUSH)
            await receive_until(socket, "transcription.done")
            text = await server.metrics()
        assert 'voxtide_sessions_opened_total{wire="mistral"} 1.0' in text
        assert "voxtide_sessions_open 1.0" in text
        assert "voxtide_capacity 3.0" in text
        assert "voxtide_flush_seconds_count 1.0" in text
        assert "voxtide_engine_up 1.0" in text
        steps = re.search(r"^voxtide_step_seconds_count (\S+)", text, re.MULTILINE)
        assert steps
        assert float(steps[1]) > 0
        audio_s = re.search(r"^voxtide_audio_seconds_total (\S+)", text, re.MULTILINE)
        assert audio_s
        assert 1.0 < float(audio_s[1]) < 3.0
        await wait_for_sessions(server)
        text = await server.metrics()
        assert "voxtide_sessions_open 0.0" in text
        assert audio_s[0] in text  # unchanged after the session


async def test_two_servers_count_apart() -> None:
    async with running() as first, running() as second, connect(first.ws()):
        assert "voxtide_sessions_open 1.0" in await first.metrics()
        assert "voxtide_sessions_open 0.0" in await second.metrics()


async def test_requests_are_counted_by_route_and_not_by_path() -> None:
    async with running() as server:
        for path in ("/healthz", "/v1/made-up", "/also-made-up"):
            await server.get(path)
        text = await server.metrics()
        assert 'voxtide_http_requests_total{path="/healthz",status="200"} 1.0' in text
        assert 'voxtide_http_requests_total{path="other",status="404"} 2.0' in text
        assert "made-up" not in text


async def test_the_document_and_the_board_have_every_metric() -> None:
    async with running(endpoints=http_endpoints) as server:
        names = names_of(await server.metrics())
    document = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(voxtide_\w+)`", document, re.MULTILINE)) == names
    board = json.loads((ROOT / "deploy" / "grafana.json").read_text("utf-8"))
    expressions = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    used = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in re.findall(r"voxtide_\w+", expressions)}
    assert used == names
