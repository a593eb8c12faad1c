"""One model's cache entry. In: the cache's directory and a model. Out: its state, and the operations that change it.

    <root>/<model>/             verified files and the marker, moved here by one rename
    <root>/.partial/<model>/    an unfinished pull: resumable downloads, and the directory `build`
    <root>/.partial/<model>.lock

Knows no network and no policy. Reading never writes, so a complete cache may be read-only.
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
"""The marker in a model's directory: the SHA-256 of each file, written after all were verified."""


class ModelState(StrEnum):
    """State of a model in the cache. `partial`: a pull can resume. `corrupt`: the files must not be used."""

    ABSENT = "absent"
    PARTIAL = "partial"
    READY = "ready"
    CORRUPT = "corrupt"


class Entry:
    """The files of one model below `root`. Hold the lock at `lock` to change them."""

    def __init__(self, root: Path, model: Model) -> None:
        self.model = model
        self.home = root / model.name
        self.partial = root / ".partial" / model.name
        self.build = self.partial / "build"
        self.lock = root / ".partial" / f"{model.name}.lock"

    @property
    def state(self) -> ModelState:
        """Determined from the marker and the file sizes, without hashing.

        A directory whose marker lists other hashes than the manifest was pulled by another release: absent.
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
        """Bytes fetched by an unfinished pull, without the build directory."""
        return sum(path.stat().st_size for path in self.partial.glob("*") if path.is_file())

    def corrupt_files(self) -> list[str]:
        """Hash every file; return the names of those that are missing or differ from the manifest."""
        return [file.name for file in self.model.files if not _matches(self.home / file.name, file.sha256)]

    def invalidate(self) -> None:
        """Mark the model as corrupt until it is pulled again."""
        (self.home / MARKER).unlink(missing_ok=True)

    def clear_build(self) -> None:
        """Create an empty build directory."""
        shutil.rmtree(self.build, ignore_errors=True)
        self.build.mkdir(parents=True)

    def clear_partial(self) -> None:
        """Delete an unfinished pull."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def install(self) -> None:
        """Move a verified build into place. The data is synced before the rename; until then the old files are used."""
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
        """The content of the marker, or None if it is missing or unreadable."""
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
    """Flush a file or directory to disk. Windows supports only files."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
