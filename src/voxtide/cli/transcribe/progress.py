"""A progress bar on stderr while sources are transcribed. In: chunks. Out: a bar, if stderr is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from voxtide.pipeline import Observer
from voxtide.types import Samples


class ProgressBar(Observer):
    """One bar for the current source. Use it in `with`."""

    def __init__(self, num_sources: int, *, is_shown: bool) -> None:
        console = Console(stderr=True)
        self._num_sources = num_sources
        self._num_started = 0
        self._task: TaskID | None = None
        self._length = ""
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[done]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not (is_shown and console.is_terminal and not console.is_dumb_terminal),
        )

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, name: str, duration_s: float | None) -> None:
        """Switch to a source; without a duration the bar is indeterminate."""
        self._num_started += 1
        if self._task is not None:
            self._progress.remove_task(self._task)
        count = f"{self._num_started}/{self._num_sources} " if self._num_sources > 1 else ""
        self._length = "" if duration_s is None else f" of {duration_s:.0f}"
        self._task = self._progress.add_task(count + name, total=duration_s, done="")

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=audio_s, done=f"{audio_s:.0f}{self._length} s")

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the bar while other output is written."""
        self._progress.stop()
        yield
        self._progress.start()
