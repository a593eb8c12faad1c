"""A conversation with a server that behaves."""

from __future__ import annotations

from scripted_server import serving

from voxtide.client.opening import connect
from voxtide.engines.scripted import speak
from voxtide.transcript.events import Delta, Finished, Flushed


async def test_a_flush_brings_the_text_and_the_conversation_goes_on() -> None:
    async with serving() as server, connect(server.url) as connection:
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
