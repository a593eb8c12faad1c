"""A dialect between a simulated client and engine. Asserts the guarantees that hold for every dialect."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from voxtide.protocols.realtime.dialect import Close, Configure, Dialect, Effect, Feed, Finish, Flush, Send
from voxtide.protocols.realtime.routing import RealtimePath, open_dialect
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import Delta, Finished, Flushed, TranscriptEvent
from voxtide.types import EngineInfo

MAX_FRAME_BYTES = 2**20
"""The Mistral SDK and pipecat refuse frames of this size or more."""

SESSION = SessionInfo(session_id="ws-7", opened_at_s=1_700_000_000)
ENGLISH = EngineInfo(name="test", model="moonshine-tiny", languages=("en",))
ABLE = EngineInfo(
    name="test",
    model="voxtral",
    languages=("de", "en"),
    delays_ms=(80, 160, 240, 480, 960, 2400),
    can_use_vocabulary=True,
)


class Conversation:
    """Acts as the session: executes effects on an engine that emits one word per piece of audio."""

    def __init__(self, path: RealtimePath, engine: EngineInfo = ENGLISH, **query: str) -> None:
        self.dialect: Dialect = open_dialect(path, query, engine, SESSION)
        self.engine = WordEngine()
        self.sent: list[dict[str, Any]] = []
        self.configured: list[Configure] = []
        self.fed = b""
        self.close: Close | None = None
        self.execute(self.dialect.begin())

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """The client sends a message. Returns the immediate replies."""
        return self.send_raw(json.dumps({**fields, "type": kind}))  # payload first and type last, as the SDK has it

    def send_raw(self, message: str | bytes) -> list[dict[str, Any]]:
        return self.execute(self.dialect.receive(message))

    def on_event(self, *events: TranscriptEvent | TurnEvent) -> list[dict[str, Any]]:
        """The engine or the turn detector emits events. Returns the client's messages."""
        return [message for event in events for message in self.execute(self.dialect.on_event(event))]

    def work(self, num_steps: int | None = None) -> list[dict[str, Any]]:
        """The engine runs `num_steps` steps, or all. Returns the client's messages."""
        received: list[dict[str, Any]] = []
        while self.close is None and self.engine.has_work and num_steps != 0:
            num_steps = None if num_steps is None else num_steps - 1
            for event in self.engine.step():
                received += self.on_event(event)
        return received

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == kind]

    def execute(self, effects: list[Effect]) -> list[dict[str, Any]]:
        received = []
        for effect in effects:
            assert self.close is None, f"{effect} after the close"
            match effect:
                case Send(text):
                    assert len(text.encode()) < MAX_FRAME_BYTES
                    received.append(json.loads(text))
                case Configure():
                    self.configured.append(effect)
                case Feed(payload):
                    assert payload
                    self.fed += payload
                    self.engine.feed()
                case Flush():
                    self.engine.flush()
                case Finish():
                    self.engine.finish()
                case Close():
                    assert len(effect.reason.encode()) <= 123  # the limit of a close frame
                    self.close = effect
        self.sent += received
        return received


class WordEngine:
    """Emits a word per piece of audio, one piece late: as with real engines, the last word needs a flush."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._work: deque[str] = deque()
        self._held_word: str | None = None
        self._since_flush: list[str] = []
        self._num_emitted = self._num_flushes = 0
        self._is_finished = False

    @property
    def has_work(self) -> bool:
        return bool(self._work)

    @property
    def audio_s(self) -> float:
        return self._num_emitted * 0.4

    def feed(self) -> None:
        assert not self._is_finished
        self.words.append(f"word{len(self.words) + 1}")
        self._work.append(self.words[-1])

    def flush(self) -> None:
        assert not self._is_finished
        self._work.append("<flush>")

    def finish(self) -> None:
        assert not self._is_finished
        self._is_finished = True
        self._work.append("<finish>")

    def step(self) -> Iterator[TranscriptEvent]:
        work = self._work.popleft()
        yield from self._emit_held_word()
        if work == "<finish>":
            yield Finished(self.audio_s)
        elif work == "<flush>":
            self._num_flushes += 1
            text, self._since_flush = " ".join(self._since_flush), []
            yield Flushed(self._num_flushes, text, (), self.audio_s)
        else:
            self._held_word = work

    def _emit_held_word(self) -> Iterator[TranscriptEvent]:
        if self._held_word is None:
            return
        word, self._held_word = self._held_word, None
        self._since_flush.append(word)
        self._num_emitted += 1
        yield Delta(word if self._num_emitted == 1 else f" {word}", self.audio_s)


def b64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def mistral(engine: EngineInfo = ENGLISH, **query: str) -> Conversation:
    return Conversation(RealtimePath.MISTRAL, engine, **query)


def openai(engine: EngineInfo = ENGLISH, **query: str) -> Conversation:
    return Conversation(RealtimePath.REALTIME, engine, **{"intent": "transcription", **query})


def update(conversation: Conversation, **audio_input: Any) -> list[dict[str, Any]]:
    """An OpenAI client updates its session."""
    return conversation.send("session.update", session={"type": "transcription", "audio": {"input": audio_input}})
