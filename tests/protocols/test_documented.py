"""The conversations of docs/protocols.md run as printed."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from tests.support.dialect_session import ENGLISH, SESSION
from voxtide.audio.encodings import Encoding
from voxtide.protocols.fields import MAX_PHRASES, MAX_STRING_CHARS, MAX_STRINGS_CHARS
from voxtide.protocols.realtime.dialect import Dialect, Effect, Send
from voxtide.protocols.realtime.mistral import MAX_PENDING_FLUSHES, MISTRAL_MAX_APPEND_BYTES
from voxtide.protocols.realtime.routing import RealtimePath, open_dialect
from voxtide.protocols.realtime.turns import MAX_SILENCE_MS
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.types import Segment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocols.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = [
    [json.loads(line) for line in block.splitlines()] for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
]

FROM_CLIENT = {
    "session.update",
    "input_audio.append",
    "input_audio.flush",
    "input_audio.end",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
}

SEGMENT = Segment("Who built the White Tower?", 0.31, 1.62)
EVENTS: list[TranscriptEvent] = [
    Delta("Who built the White", 1.2),
    Delta(" Tower?", 1.7),
    SegmentEnded(SEGMENT, 1.7),
    Flushed(1, "Who built the White Tower?", (SEGMENT,), 1.7),
    Delta(" No idea.", 3.9),
    Finished(3.9),
]
"""The engine's events, in order, for the server's messages on the page."""


def play(dialect: Dialect, block: list[dict[str, Any]], outgoing: deque[str]) -> None:
    """Send the client's messages. Each server message must be outgoing already or follow from the next events."""
    events = deque(EVENTS)
    for message in block:
        if message["type"] in FROM_CLIENT:
            outgoing += sent(dialect.receive(json.dumps(message)))
            continue
        while not outgoing:
            outgoing += sent(dialect.on_event(events.popleft()))
        assert json.loads(outgoing.popleft()) == message
    assert not outgoing


def sent(effects: list[Effect]) -> list[str]:
    return [effect.text for effect in effects if isinstance(effect, Send)]


@pytest.mark.parametrize(
    ("path", "place"),
    [(RealtimePath.MISTRAL, 0), (RealtimePath.REALTIME, 1), (RealtimePath.REALTIME, 2)],
    ids=["mistral", "openai", "vllm"],
)
def test_conversations_run_as_printed(path: RealtimePath, place: int) -> None:
    conversations = [block for block in BLOCKS if len(block) > 3]
    assert len(conversations) == 3
    block = conversations[place]
    dialect = open_dialect(path, {}, ENGLISH, SESSION)
    begun = sent(dialect.begin())
    play(dialect, block, deque(begun if block[0]["type"] == "session.created" else []))


def test_other_messages_are_sent_as_printed() -> None:
    others = [message for block in BLOCKS if len(block) <= 3 for message in block]
    interim, started, stopped, doubted, untranscribed, *errors = others
    mistral = open_dialect(RealtimePath.MISTRAL, {"interim": "true"}, ENGLISH, SESSION)
    assert json.loads(*sent(mistral.on_event(Interim("who built the white", 1.0)))) == interim
    mistral.receive('{"type": "session.update", "session": {"speech": true}}')
    assert json.loads(*sent(mistral.on_event(SpeechStarted(0.32)))) == started
    assert json.loads(*sent(mistral.on_event(SpeechStopped(1.28)))) == stopped
    mistral.receive('{"type": "session.update", "session": {"notices": true}}')
    assert json.loads(*sent(mistral.on_event(LanguageDoubted("en", 9.5)))) == doubted
    assert json.loads(*sent(mistral.on_event(SpeechUntranscribed(12.5, 14.0)))) == untranscribed
    german = '{"type": "session.update", "session": {"language": "de"}}'
    assert json.loads(sent(mistral.receive(german))[0]) == errors[1]
    mistral.receive('{"type": "input_audio.append", "audio": "AAAA"}')
    assert json.loads(*sent(mistral.receive(german))) == errors[0]
    openai = open_dialect(RealtimePath.REALTIME, {}, ENGLISH, SESSION)
    openai.begin()
    requested = {"audio": {"input": {"transcription": {"language": "de"}}}}
    assert (
        json.loads(sent(openai.receive(json.dumps({"type": "session.update", "session": requested})))[0]) == errors[2]
    )
    vllm = open_dialect(RealtimePath.REALTIME, {}, ENGLISH, SESSION)
    vllm.receive('{"type": "session.update", "model": ""}')
    assert json.loads(*sent(vllm.receive('{"type": "input_audio_buffer.commit"}'))) == errors[3]


def test_the_limits_match_the_code() -> None:
    for number in (MISTRAL_MAX_APPEND_BYTES, MAX_PHRASES, MAX_STRINGS_CHARS, MAX_SILENCE_MS):
        assert f"{number:,}" in TEXT
    for number in (MAX_PENDING_FLUSHES, MAX_STRING_CHARS):
        assert str(number) in TEXT
    assert all(f"`{encoding}`" in TEXT for encoding in Encoding)


def test_every_client_requirement_names_a_test() -> None:
    rooms = [Path(__file__).parents[1] / room for room in ("protocols", "server")]
    tests = "".join(path.read_text("utf-8") for room in rooms for path in room.rglob("test_*.py"))
    rows = re.findall(r"^\| (\d+) \|.*\| `(test_\w+)` \|$", TEXT, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 21))
    assert [name for _, name in rows if not re.search(rf"^(?:async )?def {name}\(", tests, re.MULTILINE)] == []
