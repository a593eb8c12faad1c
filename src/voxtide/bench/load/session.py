"""What the figures of one run share. In: the engine's name, a size. Out: engines, audio, shared plays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, TypeVar

from voxtide.api import open_engine
from voxtide.bench.load.corpora.corpus import Corpus
from voxtide.bench.load.play import Played, play
from voxtide.bench.load.recordings import BenchRecording, load_recordings
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.engines.base import Engine
from voxtide.engines.registry import ENGINES
from voxtide.errors import ConfigError
from voxtide.types import Samples, StreamOptions

LIVE_OPTIONS = StreamOptions(pace="live")
FAST_OPTIONS = StreamOptions(pace="fast", interim=False)

Size: TypeAlias = Literal["quick", "standard", "full"]
"""How much a figure measures."""

T = TypeVar("T")

QUICK_MAX_S = 20.0
"""A quick run plays no longer recording in real time."""


@dataclass(frozen=True, slots=True)
class BenchEngine:
    """Which engine to measure; enough for a fresh process to open it again. `server` is a remote engine's address."""

    name: str
    model: str | None = None
    server: str | None = None
    api_key: str | None = field(default=None, repr=False)

    @property
    def is_remote(self) -> bool:
        """Whether it runs on a server, whose processor time and memory cannot be seen from here."""
        entry = ENGINES.get(self.name)
        return entry is not None and entry.is_remote

    def open(self, num_threads: int | None = None) -> Engine:
        """Load it. `num_threads` has no effect on a remote engine.

        Raises:
            ConfigError: There is no such engine.
            ModelError: Its model is not available.
            MissingExtraError: Its package is not installed.
        """
        return open_engine(
            self.name,
            model=self.model,
            num_threads=None if self.is_remote else num_threads,
            server=self.server,
            api_key=self.api_key,
        )


class BenchSession:
    """One run of the bench.

    Attributes:
        choice: The engine by name.
        engine: The open engine, with its default threads.
        size: How much to measure; may change from figure to figure.
        progress: Reports a line of progress.
        recordings: The whole test set.
        price_eur_per_hour: What an hour of the machine costs; None if not given.
    """

    def __init__(
        self,
        choice: BenchEngine,
        engine: Engine,
        *,
        size: Size,
        progress: Callable[[str], None],
        corpus: Corpus | None = None,
        price_eur_per_hour: float | None = None,
    ) -> None:
        self.choice = choice
        self.engine = engine
        self.size: Size = size
        self.progress = progress
        self.recordings = load_recordings()
        self.price_eur_per_hour = price_eur_per_hour
        self._corpus = corpus
        self._shared: dict[object, Any] = {}

    @property
    def is_quick(self) -> bool:
        """Whether to do less, for a first impression."""
        return self.size == "quick"

    @property
    def has_corpus(self) -> bool:
        """Whether a corpus was named."""
        return self._corpus is not None

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
        return await self.shared(_play_recordings)

    async def shared(self, make: Callable[[BenchSession], Awaitable[T]]) -> T:
        """What `make` returns for this session, made once for all figures of a size."""
        key = make, self.size
        if key not in self._shared:
            self._shared[key] = await make(self)
        shared: T = self._shared[key]
        return shared

    def in_language(self, options: StreamOptions, language: str) -> StreamOptions:
        """The options for speech in a language, which is named to engines that know several."""
        known = self.engine.info.languages
        return replace(options, language=language if language in known and len(known) > 1 else None)

    async def text(self, samples: Samples, options: StreamOptions) -> str:
        """The transcript of samples played as fast as the engine takes them."""
        async with self.engine.open(options) as stream:
            return (await play(stream, samples, is_paced=False)).transcript.text


async def _play_recordings(session: BenchSession) -> list[tuple[BenchRecording, Played]]:
    plays: list[tuple[BenchRecording, Played]] = []
    for recording in session.paced_recordings:
        session.progress(f"playing {recording.name} in real time, {recording.duration_s:.0f} s")
        async with session.engine.open(LIVE_OPTIONS) as stream:
            played = await play(stream, with_trailing_quiet(recording.samples), is_paced=True)
        plays.append((recording, played))
    return plays
