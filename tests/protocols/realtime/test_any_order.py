"""Messages in any order: no dialect raises, and every answer is sent once, with its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dialect_session import ABLE, ENGLISH, Conversation, b64
from tests.support.dialect_strategies import TURN_EVENTS, client_messages, wild_messages
from voxtide.errors import CapacityError
from voxtide.protocols.realtime.dialect import Flush
from voxtide.protocols.realtime.routing import RealtimePath
from voxtide.protocols.realtime.turns import TurnEnded

Step = Callable[[Conversation], Any]

AUDIO = b64(b"\0\1" * 80)


def steps(path: RealtimePath) -> st.SearchStrategy[list[Step]]:
    """Client messages, engine steps and turn events in any order."""
    messages = [(lambda c, kind=kind, fields=fields: c.send(kind, **fields)) for kind, fields in client_messages(path)]
    engine = [lambda c: c.work(1), lambda c: c.work(3)]
    turns = [(lambda c, event=event: c.on_event(event)) for event in TURN_EVENTS]
    return st.lists(st.sampled_from([*messages, *messages, *engine, *turns]), max_size=60)


@given(steps=steps(RealtimePath.MISTRAL), ending=st.sampled_from(["end", "drain"]))
def test_mistral_answers_every_flush_once_with_its_text(steps: list[Step], ending: str) -> None:
    conversation = Conversation(RealtimePath.MISTRAL, ABLE)
    num_flushes, turn_ends = count_flushes(conversation)
    for step in steps:
        step(conversation)
    if ending == "end":
        conversation.send("input_audio.end")
    conversation.execute(conversation.dialect.drain())
    conversation.work()
    assert conversation.close is not None
    dones = conversation.of_type("transcription.done")
    assert len(dones) == num_flushes() + 1
    assert len(conversation.of_type("turn.end")) == turn_ends()
    assert_joined(conversation, "transcription.text.delta", "text", "transcription.done", "text")
    assert " ".join(done["text"] for done in dones if done["text"]) == " ".join(conversation.engine.words)


@given(steps=steps(RealtimePath.REALTIME))
def test_openai_completes_every_item_once_with_its_text(steps: list[Step]) -> None:
    conversation = Conversation(RealtimePath.REALTIME, ABLE, intent="transcription")
    for step in steps:
        step(conversation)
    conversation.execute(conversation.dialect.drain())
    conversation.work()
    assert conversation.close is not None
    committed = [message["item_id"] for message in conversation.of_type("input_audio_buffer.committed")]
    completed = conversation.of_type("conversation.item.input_audio_transcription.completed")
    assert [message["item_id"] for message in completed] == committed
    assert len(set(committed)) == len(committed)
    deltas: dict[str, str] = {}
    for message in conversation.of_type("conversation.item.input_audio_transcription.delta"):
        deltas[message["item_id"]] = deltas.get(message["item_id"], "") + message["delta"]
    assert {message["item_id"]: message["transcript"] for message in completed if message["transcript"]} == {
        item_id: text for item_id, text in deltas.items() if item_id in committed
    }
    transcribed = " ".join(message["transcript"] for message in completed if message["transcript"]).split()
    assert transcribed == [
        word for word in conversation.engine.words if word in set(transcribed)
    ]  # in order, none twice
    if not conversation.of_type("input_audio_buffer.cleared"):
        assert transcribed == conversation.engine.words


@given(steps=steps(RealtimePath.REALTIME))
def test_vllm_answers_every_final_commit_once_with_its_text(steps: list[Step]) -> None:
    conversation = Conversation(RealtimePath.REALTIME, ABLE)
    conversation.send("session.update", model="m")
    conversation.send("input_audio_buffer.commit")
    num_flushes, _ = count_flushes(conversation)
    for step in steps:
        step(conversation)
    conversation.send("input_audio_buffer.commit", final=True)
    conversation.work()
    dones = conversation.of_type("transcription.done")
    assert len(dones) == num_flushes()
    assert_joined(conversation, "transcription.delta", "delta", "transcription.done", "text")
    assert " ".join(done["text"] for done in dones if done["text"]) == " ".join(conversation.engine.words)


@pytest.mark.parametrize("path", RealtimePath)
@given(messages=st.lists(wild_messages, max_size=12), is_able=st.booleans(), ends=st.booleans())
def test_no_client_message_raises(path: RealtimePath, messages: list[str | bytes], is_able: bool, ends: bool) -> None:
    conversation = Conversation(path, ABLE if is_able else ENGLISH)
    for message in messages:
        conversation.send_raw(message)
        conversation.work(1)
    for error in conversation.of_type("error"):
        assert (error["error"]["message"] if isinstance(error["error"], dict) else error["error"]).strip()
    if ends:
        conversation.execute(conversation.dialect.drain())
        conversation.work()
    else:
        conversation.execute(conversation.dialect.fail(CapacityError("full")))
    assert conversation.close is not None
    assert conversation.dialect.receive(messages[0] if messages else "") == []


def count_flushes(conversation: Conversation) -> tuple[Callable[[], int], Callable[[], int]]:
    """Counters of the flushes requested by the client, and by ends of turns."""
    num_requested = {"client": 0, "turn": 0}
    receive, on_event = conversation.dialect.receive, conversation.dialect.on_event

    def counting_receive(message: str | bytes) -> list[Any]:
        effects = receive(message)
        num_requested["client"] += sum(isinstance(effect, Flush) for effect in effects)
        return effects

    def counting_on_event(event: Any) -> list[Any]:
        effects = on_event(event)
        num_requested["turn"] += isinstance(event, TurnEnded) and bool(effects)
        return effects

    conversation.dialect.receive, conversation.dialect.on_event = counting_receive, counting_on_event  # type: ignore[method-assign]  # a spy
    return lambda: num_requested["client"], lambda: num_requested["turn"]


def assert_joined(conversation: Conversation, delta: str, delta_text: str, done: str, done_text: str) -> None:
    """The text of each `done` equals the deltas since the previous one, up to surrounding whitespace."""
    joined = ""
    for message in conversation.sent:
        if message["type"] == delta:
            joined += message[delta_text]
        elif message["type"] == done:
            assert message[done_text] == joined.strip()
            joined = ""
    assert not joined
