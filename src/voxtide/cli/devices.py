"""The command `devices`. In: a microphone, if any. Out: the list of microphones, or the level of one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator

import typer

from voxtide.audio.level import level_dbfs
from voxtide.audio.microphone import list_devices
from voxtide.audio.opening import MICROPHONE, open_source
from voxtide.cli.failures import Exit, print_note
from voxtide.cli.interrupts import run_watched
from voxtide.cli.transcribe.live import meter
from voxtide.cli.transcribe.screen import Screen, Span

METER_CHUNK_MS = 100
"""Ten readings a second: smooth to the eye."""

NUM_READINGS_PER_LINE = 10
"""Without a terminal, one reading in ten is printed: one line a second."""

METER_CELLS = 40


def devices(*, is_metering: bool, device: str | None, is_on_terminal: bool) -> Exit:
    """List the microphones, or show one's level until Ctrl-C.

    Raises:
        AudioError: The microphone cannot be opened.
        MissingExtraError: The microphone extra or the system's PortAudio library is not installed.
    """
    if is_metering:
        return run_watched(lambda interrupts: _meter(device, is_on_terminal=is_on_terminal))
    found = list_devices()
    for entry in found:
        mark = "*" if entry.is_default else " "
        kind = f"{entry.system}, {entry.num_channels} channels, {entry.sample_rate_hz} Hz"
        typer.echo(f"{mark} {entry.index:>3}  {entry.name}  ({kind})")
    if not found:
        print_note("no microphone found")
    return Exit.DONE


async def _meter(device: str | None, *, is_on_terminal: bool) -> Exit:
    show = _bar if is_on_terminal else _lines
    async with open_source(MICROPHONE, device=device, chunk_ms=METER_CHUNK_MS) as microphone:
        await show(level_dbfs(chunk) async for chunk in microphone)
    return Exit.DONE


async def _bar(levels_db: AsyncIterator[float]) -> None:
    screen = Screen(sys.stdout, shutil.get_terminal_size, is_styled=False)
    try:
        async for level_db in levels_db:
            reading = f"{level_db:6.1f} dB"
            num_cells = max(1, min(METER_CELLS, screen.num_columns - len(reading) - 1))
            screen.update([], [[Span(reading), Span(meter(level_db, num_cells))]])
    finally:
        screen.close()


async def _lines(levels_db: AsyncIterator[float]) -> None:
    num_readings = 0
    async for level_db in levels_db:
        if num_readings % NUM_READINGS_PER_LINE == 0:
            typer.echo(f"{level_db:.1f} dB")
        num_readings += 1
