"""Checkpoints on disk. In: a directory in either format. Out: a config, and tensors that lie in the mapped files.

Files are memory-mapped and never read whole: only the tensors that are copied out take memory. Files are not trusted:
the type, shape and offsets of every tensor are checked before it is used.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from voxtide.errors import ModelCorruptError, ModelMissingError
from voxtide.voxtral import names
from voxtide.voxtral.config import VoxtralConfig

TOKENIZER_FILE = "tekken.json"

_MISTRAL = ("params.json", "consolidated")
_HUGGING_FACE = ("config.json", "model")

_DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000
"""The bound that the safetensors format itself sets."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint with all its tensors, checked.

    Attributes:
        config: The model's shape.
        tensors: By Mistral's names, in either format; views into the mapped files.
        is_interleaved: Whether the rows of queries and keys are in Mistral's order.
        num_heads: By name, the number of heads of the tensors with such rows.
    """

    config: VoxtralConfig
    tensors: dict[str, Tensor]
    is_interleaved: bool
    num_heads: dict[str, int]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of a model. If a directory holds both formats, Mistral's is used."""

    config: Path
    weights: tuple[Path, ...]
    is_mistral: bool

    @classmethod
    def find(cls, directory: Path) -> Self:
        """Find them; reads no weights.

        Raises:
            ModelMissingError: The directory holds neither format.
            ModelCorruptError: The index of the weights is invalid, or names a missing file.
        """
        for config_name, stem in (_MISTRAL, _HUGGING_FACE):
            if (directory / config_name).is_file() and (weights := _weight_files(directory, stem)):
                return cls(directory / config_name, tuple(weights), config_name == _MISTRAL[0])
        raise ModelMissingError(
            f"{directory} holds no Voxtral Realtime model: it needs params.json with consolidated.safetensors, or "
            "config.json with model.safetensors"
        )

    def read_config(self) -> VoxtralConfig:
        """The model's shape.

        Raises:
            ModelCorruptError: A field is missing or invalid; the message names it.
        """
        read = VoxtralConfig.from_mistral if self.is_mistral else VoxtralConfig.from_hugging_face
        try:
            return read(read_json(self.config))
        except (TypeError, ValueError) as error:
            raise ModelCorruptError(f"{self.config}: {error}") from error

    def tokenizer(self) -> Path:
        """The tokenizer's file.

        Raises:
            ModelMissingError: It is missing.
        """
        path = self.config.parent / TOKENIZER_FILE
        if not path.is_file():
            raise ModelMissingError(
                f"{path.parent} has no {TOKENIZER_FILE}; add the one that the model was published with"
            )
        return path


def open_checkpoint(directory: Path) -> Checkpoint:
    """Find and check all tensors.

    Raises:
        ModelMissingError: The directory holds no model.
        ModelCorruptError: A file or tensor is invalid; the message names it.
    """
    files = ModelFiles.find(directory)
    config = files.read_config()
    found = _read_tensors(files)
    wanted = names.tensors(config)
    tensors = {
        named.name: _take(found, named, named.name if files.is_mistral else named.hugging_face, directory)
        for named in wanted
    }
    if found:
        raise ModelCorruptError(f"{directory}: tensor {min(found)} ({len(found)} in all) belongs to no Voxtral model")
    return Checkpoint(config, tensors, files.is_mistral, {named.name: named.num_heads for named in wanted})


def _read_tensors(files: ModelFiles) -> dict[str, Tensor]:
    """All tensors, by their names in the files."""
    found: dict[str, Tensor] = {}
    for path in files.weights:
        for name, tensor in _read_file(path):
            key = name if files.is_mistral else names.canonical(name)
            if key in found:
                raise ModelCorruptError(f"{path}: tensor {name} occurs twice")
            if name not in names.TIED:
                found[key] = tensor
    return found


def _take(found: dict[str, Tensor], named: names.Named, name: str, directory: Path) -> Tensor:
    tensor = found.pop(name, None)
    if tensor is None:
        raise ModelCorruptError(f"{directory}: tensor {name} is missing; pull the model again with --force")
    if tuple(tensor.shape) != named.shape:
        raise ModelCorruptError(
            f"{directory}: tensor {name} has shape {list(tensor.shape)}; the configuration has {list(named.shape)}"
        )
    return tensor


def _weight_files(directory: Path, stem: str) -> list[Path]:
    """The one file, or those that an index names."""
    index = directory / f"{stem}.safetensors.index.json"
    if not index.is_file():
        return [path for path in (directory / f"{stem}.safetensors",) if path.is_file()]
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ModelCorruptError(f"{index} has no usable weight_map")
    files = [directory / Path(name).name for name in sorted(set(weight_map.values()))]
    if missing := [path.name for path in files if not path.is_file()]:
        raise ModelCorruptError(f"{index} names {missing[0]}, which is not there; pull the model again with --force")
    return files


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        ModelCorruptError: It is missing, or holds something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelCorruptError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelCorruptError(f"{path} holds no JSON object")
    return content


def _read_file(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a safetensors file: eight bytes of length, a JSON header of that length, then the numbers."""
    file_bytes = path.stat().st_size
    header, start = _header(path, file_bytes)
    content = _mapped(path)
    for name, entry in header.items():
        if name != "__metadata__":
            yield name, _tensor(path, name, entry, content[start:])


def _mapped(path: Path) -> Tensor:
    """The bytes of a file, mapped read-only: the system may then drop its pages, and the file may exceed the memory."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # it is never written to
        return torch.from_numpy(np.memmap(path, np.uint8, mode="r"))


def _header(path: Path, file_bytes: int) -> tuple[Mapping[str, Any], int]:
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if not 0 < header_bytes <= min(_MAX_HEADER_BYTES, file_bytes - _LENGTH_BYTES):
            raise ModelCorruptError(
                f"{path} is not a safetensors file, or is truncated; pull the model again with --force"
            )
        try:
            header = json.loads(file.read(header_bytes))
        except ValueError as error:
            raise ModelCorruptError(f"{path} has a header that cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise ModelCorruptError(f"{path} has a header that is not an object")
    return header, _LENGTH_BYTES + header_bytes


def _tensor(path: Path, name: str, entry: Any, content: Tensor) -> Tensor:
    try:
        dtype, shape, (begin, end) = str(entry["dtype"]), entry["shape"], entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError("sizes and places are numbers")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelCorruptError(f"{path}: tensor {name} has a header that cannot be read") from error
    if dtype not in _DTYPES:
        raise ModelCorruptError(f"{path}: tensor {name} has type {dtype}; only {', '.join(_DTYPES)} can be loaded")
    if not begin <= end <= len(content):
        raise ModelCorruptError(f"{path}: tensor {name} is cut off; pull the model again with --force")
    if end - begin != math.prod(shape) * _DTYPES[dtype].itemsize:
        raise ModelCorruptError(f"{path}: tensor {name} has {end - begin} bytes, not those of {dtype} {shape}")
    part = content[begin:end]
    if part.storage_offset() % _DTYPES[dtype].itemsize:
        part = part.clone()  # the format does not promise alignment; the published files have it
    return part.view(_DTYPES[dtype]).view(shape)
