"""The command `demo`. In: a recording's name. Out: its transcription as if it were live, a flush at each pause."""

from __future__ import annotations

from importlib.resources import as_file, files

import typer

from voxtide.cli.failures import Exit
from voxtide.cli.remote import EngineChoice
from voxtide.cli.request import PaceName, Request
from voxtide.cli.transcribe import transcribe

INTRODUCTION = """\
A recording, played as if it were being spoken now. Dim text may still change.
At each pause voxtide flushes: what was said becomes final, the stream goes on.
"""


def demo(recording: str, *, engine: str, pace: PaceName, is_on_terminal: bool) -> Exit:
    """Transcribe one of the recordings in `voxtide/data`.

    Raises:
        ConfigError: There is no such engine.
        ModelError: Its model cannot be used.
    """
    typer.echo(INTRODUCTION)
    with as_file(files("voxtide") / "data" / f"{recording}.wav") as path:
        request = Request(
            sources=(str(path),),
            engine=EngineChoice(engine),
            format="live",
            pace=pace,
            has_metrics=True,
            is_flushing_at_pauses=True,
            is_on_terminal=is_on_terminal,
        )
        return transcribe(request)
