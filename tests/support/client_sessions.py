"""A client session of several utterances, and what must hold for it whatever its server does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from voxtide.client.config import ClientConfig
from voxtide.client.connection import Connection
from voxtide.client.events import ClientEvent, ConnectionReplaced
from voxtide.engines.scripted import speak
from voxtide.transcript.events import Delta, Finished, Flushed, SegmentEnded
from voxtide.types import SAMPLE_RATE_HZ

UTTERANCES = ("to be or", "not", "to be", "that is it")

QUICK = ClientConfig(open_timeout_s=5.0, flush_timeout_s=0.1, end_timeout_s=0.2, standby_after_s=0.05, reconnect_s=5.0)
"""Short timeouts for tests."""


@dataclass(frozen=True)
class Outcome:
    """All events and answers of a session."""

    events: tuple[ClientEvent, ...]
    answers: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def replacements(self) -> list[ConnectionReplaced]:
        return [event for event in self.events if isinstance(event, ConnectionReplaced)]


async def run_session(
    connection: Connection, utterances: Sequence[str] = UTTERANCES, *, rest: str = "", chunk_samples: int = 1280
) -> Outcome:
    """Send the utterances with a flush after each, without waiting for answers; then the rest, and the end."""
    async with connection, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_read(connection))
        flushes = []
        for utterance in utterances:
            await _send(connection, utterance, chunk_samples)
            flushes.append(connection.flush_audio())
        await _send(connection, rest, chunk_samples)
        await connection.end_audio()
        answers = [await flush for flush in flushes]
        return Outcome(tuple(await reading), tuple(answers))


def assert_transcribed(outcome: Outcome, utterances: Sequence[str] = UTTERANCES, *, rest: str = "") -> None:
    """Every word once, in order, in the answer to its own flush; events and answers agree."""
    everything = [*utterances, rest] if rest else list(utterances)
    assert outcome.answers == tuple(utterances)
    assert outcome.text == " ".join(everything)
    flushed = [event for event in outcome.events if isinstance(event, Flushed)]
    assert [event.text for event in flushed] == list(utterances)
    assert [event.flush_id for event in flushed] == list(range(1, len(utterances) + 1))
    assert isinstance(outcome.events[-1], Finished)
    assert outcome.events[-1].audio_s == sum(len(speak(it)) for it in everything) / SAMPLE_RATE_HZ
    segments = [event.segment for event in outcome.events if isinstance(event, SegmentEnded)]
    assert "".join("".join(it.text.split()) for it in segments) == "".join("".join(everything).split())
    flushed_segments = [it for event in flushed for it in event.segments]
    assert flushed_segments == segments[: len(flushed_segments)]
    times_s = [time_s for it in segments for time_s in (it.start_s, it.end_s)]
    assert times_s == sorted(times_s)


async def _send(connection: Connection, utterance: str, chunk_samples: int) -> None:
    samples = speak(utterance)
    for start in range(0, len(samples), chunk_samples):
        await connection.send_audio(samples[start : start + chunk_samples])
        await asyncio.sleep(0)


async def _read(connection: Connection) -> list[ClientEvent]:
    return [event async for event in connection]
