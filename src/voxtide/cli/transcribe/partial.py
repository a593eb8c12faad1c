"""Partial files. In: a target, and text as it becomes final. Out: a valid document beside it, renamed at the end.

`notes.txt` is written as `notes.voxtide-partial.txt`. Each `grow` is one write at the end of the file, so a killed
process loses no grown text; a power failure loses at most the open segment and the text of the last `SYNC_S`. A kill at
the very microsecond of a write that crosses a page of memory (4 KiB) can cut that write; the text before it is intact.
A partial file that a killed process left is renamed (`notes.recovered.txt`), or removed if it holds no text. Its name
has `voxtide`, so that no file of the user is taken for one; names.py shortens one that would be too long.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from voxtide.cli.failures import print_note
from voxtide.cli.names import beside, hidden_beside
from voxtide.cli.rescue import free_path, rescue
from voxtide.errors import ConfigError, VoxtideError
from voxtide.models.lock import try_lock

SYNC_S = 1.0
"""Minimum time between two syncs to the disk. A sync takes up to 50 ms of a hard disk, which others use too."""

_NUM_LOCK_TRIES = 3
"""Attempts to lock the file; one fails if another process removes the file between its creation and the lock."""

_IS_WINDOWS = os.name == "nt"
"""Whether an open file cannot be renamed or removed."""


class PartialFile:
    """The partial file of one target, locked while it is written. `close` it however the stream ends."""

    def __init__(self, target: Path, doc_format: str, *, is_appending: bool, replaced_note: str | None = None) -> None:
        """Create the file. `is_appending`: at the end, add its text to the target instead of replacing it.

        `replaced_note` is printed when a target that is not empty was replaced.

        Raises:
            ConfigError: Another process writes this target.
            OSError: The file cannot be created.
        """
        self.path = beside(target, "voxtide-partial")
        self.target = target
        self._format = doc_format
        self._is_appending = is_appending
        self._replaced_note = replaced_note
        self._lock = _Lock(hidden_beside(target, "voxtide-lock"))
        if not self._lock.acquire():
            raise ConfigError(f"another voxtide is writing --output {target}; name another file")
        try:
            self._recover()
            self._file = FileIO(self.path, "x+")
            self._take_mode()
        except BaseException:
            self._lock.release()
            raise
        self._sync = _Sync(self._file)
        self._num_fixed_bytes = 0
        self._end = b""
        self._is_finished = False
        self._has_failed = False

    def grow(self, fixed: str, end: str) -> None:
        """Append `fixed` and replace the previous `end`.

        Raises:
            VoxtideError: The disk is full, or the file cannot be written. It has the text of the previous call.
        """
        fixed_bytes, end_bytes = _encoded(fixed), _encoded(end)
        try:
            self._replace_end(fixed_bytes + end_bytes)
            self._num_fixed_bytes += len(fixed_bytes)
            self._end = end_bytes
            if fixed:
                self._sync.request()
        except OSError as error:
            with suppress(OSError):
                self._replace_end(self._end)  # fits even on a full disk: it was there before
            raise self._failure(error) from error

    def _replace_end(self, data: bytes) -> None:
        """Write `data` after the fixed text, in one write, and cut off what follows."""
        num_bytes = self._num_fixed_bytes + len(data)
        data += b"\n" * (len(self._end) - len(data))  # covers the previous end until it is cut off
        self._file.seek(self._num_fixed_bytes)
        while data:
            data = data[self._file.write(data) :]
        self._file.truncate(num_bytes)

    def finish(self, document: str | None) -> None:
        """Rename the file to the target, with `document` as its text; None keeps what was grown.

        If the file was deleted meanwhile, it is written again. After a failure, `finish(None)` is a no-op: the error
        has named the file with the text.

        Raises:
            VoxtideError: The target cannot be written. Grown text stays in the partial file; if there is none any
                more, the text is in a new file, which the error names.
        """
        if document is None and self._has_failed:
            return
        text = b"" if document is None else _encoded(document)
        try:
            if document is not None or self._is_appending or not self._is_in_place():
                self._rewrite(self._grown() if document is None else text)
            self._close_file()
            is_replacing = _is_non_empty(self.target)
            self.path.replace(self.target)
        except OSError as error:
            raise self._failure(error, text) from error
        self._is_finished = True
        self._lock.release()
        if is_replacing and self._replaced_note:
            print_note(self._replaced_note)

    def close(self) -> None:
        """Unless finished: finish with what was grown if it holds text, else remove the file.

        Raises:
            VoxtideError: As `finish`.
        """
        try:
            if self._is_finished:
                return
            if not _has_text(self._grown(), self._format):
                self._close_file()
                self.path.unlink(missing_ok=True)
            else:
                self.finish(None)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            self._close_file()
            self._lock.release()

    def _close_file(self) -> None:
        self._sync.close()
        with suppress(OSError):  # `grow` has reported a full disk
            self._file.close()  # an open file cannot be renamed on Windows

    def _is_in_place(self) -> bool:
        """Whether the file is still at its path: it may have been deleted, or replaced by an editor."""
        return self._file.closed or _is_at(self._file, self.path)

    def _grown(self) -> bytes:
        """The text written so far, even if the file was deleted or replaced."""
        if self._file.closed:
            return self.path.read_bytes() if self.path.exists() else b""
        self._file.seek(0)
        return self._file.readall()

    def _rewrite(self, text: bytes) -> None:
        """Rewrite the file: the target's text with --append, then `text`."""
        mode = stat.S_IMODE(os.stat(self.path if self._file.closed else self._file.fileno()).st_mode)
        handle, name = tempfile.mkstemp(".part", ".voxtide-", self.path.parent)
        temporary = Path(name)
        try:
            with open(handle, "w+b") as file:
                if self._is_appending and self.target.exists():
                    with self.target.open("rb") as old:
                        shutil.copyfileobj(old, file)
                    _end_line(file)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(mode)
            self._close_file()
            temporary.replace(self.path)
            self._is_appending = False  # it has the target's text
        finally:
            temporary.unlink(missing_ok=True)

    def _take_mode(self) -> None:
        """Give the partial file the permissions of the target that it replaces: they may be stricter."""
        with suppress(FileNotFoundError):
            self.path.chmod(stat.S_IMODE(self.target.stat().st_mode))

    def _recover(self) -> None:
        """Rename what a killed process left. Under the lock, no other process writes it."""
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.path.lstat().st_mode):
                raise ConfigError(f"cannot write --output {self.target}: {self.path} is no regular file; remove it")
            if not _has_text(self.path.read_bytes(), self._format):
                self.path.unlink()
                return
            kept = free_path(beside(self.target, "recovered"))
            self.path.rename(kept)
            print_note(f"the text of an earlier run that was killed is in {kept}")

    def _failure(self, error: OSError, document: bytes = b"") -> VoxtideError:
        self._has_failed = True
        rest = ""
        with suppress(OSError):
            rest = self._keep(document)
        return VoxtideError(f"cannot write {self.target}: {error.strerror}{rest}")

    def _keep(self, document: bytes) -> str:
        """Save the text in another file unless the partial file has it. Returns a clause for the message: where it is.

        The directory of the partial file may have been deleted.
        """
        grown = self._grown()
        if self._is_in_place() and _has_text(grown, self._format):
            return f"; the text so far is in {self.path}"
        text = document or grown
        if not _has_text(text, self._format):
            return ""
        return f"; the text is in {rescue(text.decode('utf-8', 'replace'), f'.{self._format}')}"


class _Lock:
    """Excludes other processes from a target, until `release` or the death of this process.

    The lock is on an empty file of its own, since the partial file is replaced and renamed before the target is whole.
    On Windows a lock on the partial file would also keep others from reading it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def acquire(self) -> bool:
        """Create and lock the file; returns False if another process holds it."""
        for _ in range(_NUM_LOCK_TRIES):
            file = FileIO(self._path, "a+")
            try:
                if try_lock(file.fileno()) and _is_at(file, self._path):
                    self._file = file
                    return True
            finally:
                if self._file is None:
                    file.close()
        return False

    def release(self) -> None:
        """Remove the file. Idempotent."""
        file, self._file = self._file, None
        if file is None:
            return
        if _IS_WINDOWS:
            file.close()
        with suppress(OSError):  # on Windows another process may have it open, and removes it later
            self._path.unlink()
        file.close()  # after the removal, so that none removes a file that another has locked


class _Sync:
    """Syncs a file to the disk in a thread, one sync at a time, so that a slow disk does not delay the audio."""

    def __init__(self, file: FileIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, "voxtide-sync")
        self._running: Future[None] | None = None
        self._next_s = clock()

    def request(self) -> None:
        """Sync what was written, unless the last sync is too recent or still running; then a later call does.

        Raises:
            OSError: The last sync failed.
        """
        if self._running is not None and self._running.done():
            finished, self._running = self._running, None
            finished.result()
        if self._running is None and self._clock() >= self._next_s:
            self._next_s = self._clock() + SYNC_S
            self._running = self._pool.submit(os.fsync, self._file.fileno())

    def close(self) -> None:
        """Wait for the running sync. Idempotent."""
        self._pool.shutdown(wait=True)


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether an open file is still the one at `path`: another process may have removed or replaced it."""
    with suppress(FileNotFoundError):
        return _IS_WINDOWS or os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def _is_non_empty(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


def _has_text(document: bytes, doc_format: str) -> bool:
    """Whether a document has text, apart from what its format requires."""
    text = document.decode("utf-8", "replace")
    match doc_format:
        case "json":
            try:
                return bool(json.loads(text)["text"])
            except (ValueError, KeyError, TypeError):
                return bool(text)  # cut, or not ours: keep it
        case "jsonl":
            return '"type": "delta"' in text
        case "vtt":
            return "-->" in text
        case _:
            return bool(text.strip())


def _encoded(text: str) -> bytes:
    """UTF-8. A lone surrogate becomes '?', so that it does not cost the rest of the text."""
    return text.encode("utf-8", "replace")


def _end_line(file: BinaryIO) -> None:
    """Append a newline unless the file is empty or ends in one."""
    if file.tell() > 0:
        file.seek(-1, os.SEEK_END)
        file.write(b"" if file.read(1) == b"\n" else b"\n")
