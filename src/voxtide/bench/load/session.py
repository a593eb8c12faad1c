"""What the figures of one run share. In: the engine's name, quick or not. Out: engines, audio, shared plays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from voxtide.api import open_engine
from voxtide.bench.load.corpora.corpus import Corpus
from voxtide.bench.load.play import Played, play
from voxtide.bench.load.recordings import BenchRecording, load_recordings
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.engines.base import Engine
from voxtide.errors import ConfigError
from voxtide.types import Samples, StreamOptions

LIVE_OPTIONS = StreamOptions(pace="live")
FAST_OPTIONS = StreamOptions(pace="fast", interim=False)

QUICK_MAX_S = 20.0
"""A quick run plays no longer recording in real time."""


@dataclass(frozen=True, slots=True)
class BenchEngine:
    """Which engine to measure; enough for a fresh process to open it again."""

    name: str
    model: str | None = None

    def open(self, num_threads: int | None = None) -> Engine:
        """Load it.

        Raises:
            ConfigError: There is no such engine.
            ModelError: Its model is not available.
            MissingExtraError: Its package is not installed.
        """
        return open_engine(self.name, model=self.model, num_threads=num_threads)


class BenchSession:
    """One run of the bench.

    Attributes:
        choice: The engine by name.
        engine: The open engine, with its default threads.
        is_quick: Whether to do less, for a first impression.
        progress: Prints a line of progress.
        recordings: The whole test set.
    """

    def __init__(
        self,
        choice: BenchEngine,
        engine: Engine,
        *,
        is_quick: bool,
        progress: Callable[[str], None],
        corpus: Corpus | None = None,
    ) -> None:
        self.choice = choice
        self.engine = engine
        self.is_quick = is_quick
        self.progress = progress
        self.recordings = load_recordings()
        self._corpus = corpus
        self._paced: list[tuple[BenchRecording, Played]] = []

    @property
    def corpus(self) -> Corpus:
        """The named corpus.

        Raises:
            ConfigError: None was named.
        """
        if self._corpus is None:
            raise ConfigError("name a corpus with --corpus; scripts/corpora lists those that it fetches")
        return self._corpus

    @property
    def paced_recordings(self) -> list[BenchRecording]:
        """The recordings played in real time."""
        return [it for it in self.recordings if not self.is_quick or it.duration_s <= QUICK_MAX_S]

    async def paced(self) -> list[tuple[BenchRecording, Played]]:
        """Each of them played live in real time, one after the other, alone. Played once and cached."""
        if not self._paced:
            for recording in self.paced_recordings:
                self.progress(f"playing {recording.name} in real time, {recording.duration_s:.0f} s")
                async with self.engine.open(LIVE_OPTIONS) as stream:
                    played = await play(stream, with_trailing_quiet(recording.samples), is_paced=True)
                self._paced.append((recording, played))
        return self._paced

    async def text(self, samples: Samples, options: StreamOptions) -> str:
        """The transcript of samples played as fast as the engine takes them."""
        async with self.engine.open(options) as stream:
            return (await play(stream, samples, is_paced=False)).transcript.text
