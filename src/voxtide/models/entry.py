"""One model's place in the cache. In: the cache's directory and a model. Out: what is there, and how it changes.

    <root>/<model>/             ready files and the marker, put there by one rename
    <root>/.partial/<model>/    what a pull has so far: downloads it can go on with, and `build`, never used as it is
    <root>/.partial/<model>.lock

It knows neither network nor policy. Reading writes nothing, so a finished cache may be read-only.
"""

from __future__ import annotations

import json
import os
import shutil
from enum import StrEnum
from pathlib import Path

from voxtide.models.fetch import sha256_of
from voxtide.models.manifest import Model

MARKER = ".verified.json"
"""Written into a model's directory after every hash in it was right: which bytes were verified."""


class ModelState(StrEnum):
    """What the cache has of a model. `partial` is a pull that can go on; `corrupt` is a directory not to be trusted."""

    ABSENT = "absent"
    PARTIAL = "partial"
    READY = "ready"
    CORRUPT = "corrupt"


class Entry:
    """The files of one model below `root`. Whoever changes them holds the lock at `lock`."""

    def __init__(self, root: Path, model: Model) -> None:
        self.model = model
        self.home = root / model.name
        self.partial = root / ".partial" / model.name
        self.build = self.partial / "build"
        self.lock = root / ".partial" / f"{model.name}.lock"

    @property
    def state(self) -> ModelState:
        """Told from the marker and the files' sizes, without hashing.

        A directory verified for other bytes than the manifest now names was pulled by another release: it is absent.
        """
        if self.home.exists():
            marked = self._verified_digests()
            if marked is None:
                return ModelState.CORRUPT
            if marked == self._digests():
                return ModelState.READY if self._has_expected_sizes() else ModelState.CORRUPT
        return ModelState.PARTIAL if self.downloaded_bytes else ModelState.ABSENT

    @property
    def downloaded_bytes(self) -> int:
        """What an unfinished pull has fetched; the build directory beside it counts for nothing."""
        return sum(path.stat().st_size for path in self.partial.glob("*") if path.is_file())

    def corrupt_files(self) -> list[str]:
        """Hash every file and name those that are missing or not the manifest's."""
        return [file.name for file in self.model.files if not _matches(self.home / file.name, file.sha256)]

    def invalidate(self) -> None:
        """Make the model corrupt until it is pulled anew."""
        (self.home / MARKER).unlink(missing_ok=True)

    def clear_build(self) -> None:
        """Begin a build with an empty directory."""
        shutil.rmtree(self.build, ignore_errors=True)
        self.build.mkdir(parents=True)

    def clear_partial(self) -> None:
        """Forget everything an unfinished pull has."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def install(self) -> None:
        """Make a checked build the model. Its bytes reach the disk before its name; the old files serve till then."""
        (self.build / MARKER).write_text(json.dumps(self._digests(), indent=1), encoding="utf-8")
        for path in (*self.build.iterdir(), self.build):
            _sync(path)
        replaced = self.partial / "replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        if self.home.exists():
            self.home.rename(replaced)
        self.build.rename(self.home)
        _sync(self.home.parent)
        self.clear_partial()

    def _digests(self) -> dict[str, str]:
        return {file.name: file.sha256 for file in self.model.files}

    def _verified_digests(self) -> object:
        """What the marker says was verified, or None if there is no readable one."""
        try:
            return json.loads((self.home / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _has_expected_sizes(self) -> bool:
        try:
            return all((self.home / file.name).stat().st_size == file.size_bytes for file in self.model.files)
        except OSError:
            return False


def _matches(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _sync(path: Path) -> None:
    """Put a file or directory on the disk itself; Windows can do that for files alone."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
