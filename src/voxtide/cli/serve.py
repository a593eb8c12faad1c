"""The command `serve`. In: settings. Out: a server on a port, until a signal; an exit code.

Puts the server together: engine, speech model, web page.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial

import typer

from voxtide import __version__, api
from voxtide.cli.failures import Exit, say
from voxtide.cli.interrupts import Interrupts, run_watched
from voxtide.cli.models import PullView
from voxtide.engines.base import Engine
from voxtide.server.assembly import assemble
from voxtide.server.config import ServerConfig
from voxtide.server.serving import listen
from voxtide.server.supervisor import EngineSupervisor


def serve(config: ServerConfig, *, engine: str, model: str | None, threads: int | None) -> Exit:
    """Serve until the first signal; then finish what was said.

    Raises:
        ConfigError: A setting cannot be used, or the port cannot be had.
        ModelError: The engine's model cannot be used.
    """
    with PullView() as progress:
        load = partial(api.open_engine, engine, model=model, num_threads=threads, progress=progress)
        with listen(config) as sock:
            return run_watched(partial(_serve, config, load, sock))


async def _serve(config: ServerConfig, load: Callable[[], Engine], sock: socket.socket, interrupts: Interrupts) -> Exit:
    async with EngineSupervisor(load) as supervisor:
        server = assemble(config, supervisor, version=__version__)
        typer.echo(f"voxtide serves on {config.scheme}://{config.host}:{sock.getsockname()[1]}")
        with interrupts.finishing():
            interrupts.on_stop = lambda: say("finishing what was said; Ctrl-C again ends at once")
            await server.serve(sock, interrupts.stop)
    return interrupts.code or Exit.DONE
