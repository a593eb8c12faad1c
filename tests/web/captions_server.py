"""A server for the tests of the web page, as a process of its own that can be killed: ENGINE PORT [CAPACITY [KEY]]."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path

from voxtide import api
from voxtide.server.assembly import assemble
from voxtide.server.config import ServerConfig
from voxtide.server.serving import listen
from voxtide.server.supervisor import EngineSupervisor


async def serve(engine: str, port: str, capacity: str = "8", *keys: str) -> None:
    """Serve until SIGTERM. Says "ready" when it does."""
    config = ServerConfig(port=int(port), capacity=int(capacity), keys=keys, web_dir=Path(str(files("voxtide") / "web")))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with listen(config) as sock:
        async with EngineSupervisor(partial(api.open_engine, engine)) as supervisor:
            print("ready", flush=True)
            await assemble(config, supervisor, version="test").serve(sock, stop)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
