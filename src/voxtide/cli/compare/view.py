"""Two ways side by side on a terminal. In: measured chunks, a live stream's events. Out: redrawn rows, then permanent.

The stream runs now; the chunks were measured before and appear when they arrive on the same clock.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from voxtide.bench.compare.ways import Way
from voxtide.cli.transcribe.screen import Row, Screen, Span, row_width, spans, wrap
from voxtide.pipeline import Observer
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import Delta, TranscriptEvent
from voxtide.types import Samples

REDRAW_S = 0.1
"""Minimum time between two redraws of the clock alone: drawing takes processor time from the engine."""

MAX_TAIL_S = 10.0
"""How long the view waits after the recording for chunks that are not there yet; ways that fall behind take minutes."""

INTERIM_MARK = Span("~")
"""Precedes interim text if it cannot be dim."""

NUM_FRAME_ROWS = 4
"""Rows of the terminal that hold no text: the names, a blank row, the clock, and one that stays free."""


class Column:
    """Growing text in rows. Rows that no further word can change are wrapped once."""

    def __init__(self) -> None:
        self._words: list[Span] = []
        self._open = ""  # the last word, which the next text may continue
        self._rows: list[list[Span]] = []
        self._num_wrapped = 0
        self._num_columns = 0

    def add(self, text: str) -> None:
        """Append stable text."""
        self._open += text
        at = max((place for place, char in enumerate(self._open) if char.isspace()), default=-1)
        self._words += spans(self._open[: at + 1])
        self._open = self._open[at + 1 :]

    def rows(self, num_columns: int, interim: Sequence[Span]) -> list[list[Span]]:
        """All rows of a column of this width, with interim words at the end."""
        if num_columns != self._num_columns:
            self._num_columns, self._rows, self._num_wrapped = num_columns, [], 0
        last = self._rows.pop() if self._rows else []
        self._rows += wrap([*last, *self._words[self._num_wrapped :]], num_columns)
        self._num_wrapped = len(self._words)
        rest = [*(self._rows[-1] if self._rows else []), *spans(self._open), *interim]
        return [*self._rows[:-1], *wrap(rest, num_columns)]


class SideBySide(Observer):
    """The chunked way to the left, the stream that it observes to the right. `close` it however the stream ends.

    Attributes:
        cpu_s: Processor time that drawing took, which is not the stream's.
    """

    def __init__(
        self,
        screen: Screen,
        chunked: Way,
        audio_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.cpu_s = 0.0
        self._screen = screen
        self._chunked = chunked
        self._audio_s = audio_s
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._began_s: float | None = None
        self._drawn_at_s = -math.inf
        self._assembler = Assembler()
        self._left, self._right = Column(), Column()
        self._waiting = list(chunked.events)

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        if self._began_s is None:
            self._began_s = self._clock() - audio_s
        if self._clock() - self._drawn_at_s >= REDRAW_S:
            self._draw()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self._assembler.add(event)
        if isinstance(event, Delta):
            self._right.add(event.text)
        self._draw()

    async def wait_for_chunks(self, stop: asyncio.Event) -> None:
        """Go on after the recording until the last chunk has arrived, `MAX_TAIL_S` have passed, or `stop` is set."""
        until_s = min(self._chunked.events[-1].at_s if self._chunked.events else 0.0, self._audio_s + MAX_TAIL_S)
        while self._now_s < until_s and not stop.is_set():
            await asyncio.sleep(REDRAW_S)
            self._draw()

    def show_note(self, text: str) -> None:
        """Show a message above the two ways. It stays on the screen."""
        self._screen.update(wrap(spans(text, "dim"), self._screen.num_columns), [])
        self._draw()

    def close(self) -> None:
        """Leave the text on the screen."""
        self._screen.update(self._all_rows(), [])
        self._screen.close()

    @property
    def _now_s(self) -> float:
        return 0.0 if self._began_s is None else self._clock() - self._began_s

    def _draw(self) -> None:
        cpu_s = self._cpu_clock()
        rows = self._all_rows()
        num_text = max(1, self._screen.num_rows - NUM_FRAME_ROWS)
        self._screen.update([], [rows[0], *rows[1:-2][-num_text:], *rows[-2:]])
        self._drawn_at_s = self._clock()
        self.cpu_s += self._cpu_clock() - cpu_s

    def _all_rows(self) -> list[Row]:
        """The names, the text, a blank row and the clock."""
        now_s = self._now_s
        while self._waiting and self._waiting[0].at_s <= now_s:
            event = self._waiting.pop(0).event
            assert isinstance(event, Delta), "chunks have only final text"
            self._left.add(event.text)
        half = max(1, (self._screen.num_columns - 3) // 2)
        interim = spans(self._assembler.interim_text, "dim")
        if interim and not self._screen.is_styled:
            interim = [INTERIM_MARK, *interim]
        left, right = self._left.rows(half, self._pending(now_s)), self._right.rows(half, interim)
        num_rows = max(len(left), len(right))
        pairs = [(_row(left, number), _row(right, number)) for number in range(num_rows)]
        names = _beside([Span(f"in {self._chunked.name}"[:half], "dim")], [Span("streaming"[:half], "dim")], half)
        clock = f"{min(now_s, self._audio_s):.1f} s of {self._audio_s:.1f} s"
        return [names, *(_beside(*pair, half) for pair in pairs), [], [Span(clock, "dim")]]

    def _pending(self, now_s: float) -> list[Span]:
        """The state of the chunks that have not arrived."""
        num_sent = sum(chunk.end_s <= now_s < chunk.arrived_s for chunk in self._chunked.chunks)
        return spans(f"[{num_sent} waiting]", "dim") if num_sent > 1 else []


def _row(rows: Sequence[Row], number: int) -> Row:
    """A row, empty behind the last."""
    return rows[number] if number < len(rows) else []


def _beside(left: Row, right: Row, half: int) -> Row:
    """Two rows as one, the left one filled up to `half` columns."""
    fill = half - row_width(left) - (1 if left else 0)
    return [*left, *([Span(" " * fill)] if fill >= 0 else []), Span("│", "dim"), *right]
