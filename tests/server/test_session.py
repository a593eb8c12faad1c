"""Sessions over real sockets: messages in, events out."""

from __future__ import annotations

from serving import END, FLUSH, heard, running, say
from websockets.asyncio.client import connect


async def test_a_flush_brings_the_text_and_the_session_goes_on() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await heard(socket, "session.created")
        await say(socket, "who built the White Tower")
        await socket.send(FLUSH)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "who built the White Tower"
        await say(socket, "and when")
        await socket.send(END)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "and when"
        await socket.wait_closed()
        assert socket.close_code == 1000
