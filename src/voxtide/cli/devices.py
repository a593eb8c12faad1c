"""The command `devices`. In: nothing, or a microphone. Out: the list of microphones, or the level of one."""

from __future__ import annotations

import asyncio
import shutil
import sys

import typer

from voxtide.audio.level import level_dbfs
from voxtide.audio.microphone import list_devices
from voxtide.audio.opening import MICROPHONE, open_source
from voxtide.cli.failures import Exit, say
from voxtide.cli.interrupts import Interrupts
from voxtide.cli.live import meter
from voxtide.cli.screen import Screen, Span

METER_CHUNK_MS = 100
"""Ten readings a second: as quick as an eye follows a bar."""

PLAIN_EVERY = 10
"""Without a terminal, one reading in ten is a line: one a second."""

METER_CELLS = 40


def devices(*, is_metering: bool, device: str | None, is_on_terminal: bool) -> Exit:
    """List the microphones, or show one's level until Ctrl-C.

    Raises:
        AudioError: The microphone cannot be opened.
        MissingExtraError: The microphone extra is not installed.
    """
    if is_metering:
        return asyncio.run(_meter(device, is_on_terminal=is_on_terminal))
    found = list_devices()
    for entry in found:
        mark = "*" if entry.is_default else " "
        kind = f"{entry.system}, {entry.num_channels} channels, {entry.sample_rate_hz} Hz"
        typer.echo(f"{mark} {entry.index:>3}  {entry.name}  ({kind})")
    if not found:
        say("no microphone found")
    return Exit.DONE


async def _meter(device: str | None, *, is_on_terminal: bool) -> Exit:
    """Show the level until Ctrl-C, which is the way to end this and so no failure."""
    screen = Screen(sys.stdout, shutil.get_terminal_size, is_styled=False)
    with Interrupts() as interrupts:
        async with open_source(MICROPHONE, device=device, chunk_ms=METER_CHUNK_MS) as microphone:
            number = 0
            async for chunk in microphone:
                level_db = level_dbfs(chunk)
                if is_on_terminal:
                    bar = meter(level_db, min(METER_CELLS, max(1, screen.num_columns - len("-120.0 dB "))))
                    screen.update([], [[Span(f"{level_db:6.1f} dB"), Span(bar)]])
                elif number % PLAIN_EVERY == 0:
                    typer.echo(f"{level_db:.1f} dB")
                number += 1
    return interrupts.code or Exit.DONE
