"""Wraps the libraries of the extra `whisper`. In: a directory or a name on the hub. Out: a loaded model, a directory.

No other module imports them. Knows no decoding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxtide.engines.model_files import require_files
from voxtide.engines.whisper.tokenizer import Vocabulary
from voxtide.errors import ConfigError, MissingExtraError, ModelCorruptError, ModelDownloadError, ModelMissingError
from voxtide.types import Samples

HUB_SIZES_MB = {
    "tiny": 78, "tiny.en": 78, "base": 148, "base.en": 148, "small": 486, "small.en": 486,
    "medium": 1530, "medium.en": 1530, "large-v1": 3090, "large-v2": 3090, "large-v3": 3090, "large": 3090,
    "large-v3-turbo": 1620, "turbo": 1620, "distil-small.en": 336, "distil-medium.en": 792,
    "distil-large-v2": 1520, "distil-large-v3": 1520, "distil-large-v3.5": 1520,
}  # fmt: skip  # a table: one family per line
"""faster-whisper's short names of models on the hub, and about how many megabytes (10^6 bytes) each downloads: two
bytes per parameter of the models' cards."""

MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
"""The files of a CTranslate2 Whisper model's directory."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
"""OWNER/NAME on the hub; not a path such as ./model."""

_DEVICE_FAULT = re.compile(r"cuda|cublas|cudnn|nccl|memory|cannot be loaded", re.IGNORECASE)
"""In CTranslate2's errors about a GPU, its driver or its libraries; not in those about a model's files."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in the libraries' types.

    Attributes:
        device: `cpu` or `cuda`.
        network: Encodes, generates, aligns; safe to call from several threads.
        features: Samples, a multiple of 160 -> log mel energies [mels, n / 160].
        num_mels: Number of mel bands.
        view: An array -> the input type of `network`, which does not copy it: keep the array alive.
        array: An output of `network` on the CPU -> a float32 array, copied.
        vocabulary: The tokens.
        language_tokens: The tokens of the languages it knows; empty for an English-only model.
    """

    device: str
    network: Any
    features: Callable[[Samples], Samples]
    num_mels: int
    view: Callable[[Samples], Any]
    array: Callable[[Any], Samples]
    vocabulary: Vocabulary
    language_tokens: tuple[str, ...]


def load_from(directory: Path, *, num_threads: int, device: str = "cpu", compute_type: str | None = None) -> Loaded:
    """Load a model. Up to `num_threads` calls run at once, each on one thread.

    Args:
        directory: Holds the model.
        num_threads: 1 or more.
        device: `cpu`, `cuda`, `cuda:N` or `auto`, which is `cuda` if there is a GPU.
        compute_type: A type of numbers that CTranslate2 supports on the device; None for `int8` on a CPU and `float16`
            on a GPU.

    Raises:
        ConfigError: There is no such device, it does not support the numbers, or it cannot hold the model.
        MissingExtraError: faster-whisper is not installed.
        ModelCorruptError: The directory has no such model, or its files are invalid.
    """
    require_files(directory, MODEL_FILES, kind="Whisper model for CTranslate2")
    try:
        import ctranslate2
        from faster_whisper.feature_extractor import FeatureExtractor
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise _missing_extra() from error
    kind, index = _chosen_device(device, ctranslate2.get_cuda_device_count())
    numbers = _chosen_numbers(compute_type, kind, ctranslate2.get_supported_compute_types(kind, index))
    try:
        network = ctranslate2.models.Whisper(
            str(directory),
            device=kind,
            device_index=index,
            compute_type=numbers,
            inter_threads=num_threads,
            intra_threads=1,
        )
        vocabulary = Tokenizer.from_file(str(directory / "tokenizer.json"))
        language_ids = _language_ids(directory, vocabulary) if network.is_multilingual else []
        extractor = FeatureExtractor(feature_size=network.n_mels)
    except Exception as error:  # the libraries' exceptions share no base class
        raise _loading_error(directory, kind, error) from error
    return Loaded(
        device=kind,
        network=network,
        features=lambda samples: extractor(samples, padding=0),
        num_mels=network.n_mels,
        view=ctranslate2.StorageView.from_array,
        array=lambda view: np.array(view.to(ctranslate2.DataType.float32), np.float32),
        vocabulary=vocabulary,
        language_tokens=tuple(str(vocabulary.id_to_token(token_id)) for token_id in language_ids),
    )


def _loading_error(directory: Path, kind: str, error: Exception) -> ConfigError | ModelCorruptError:
    """What a failure to load means: the device's fault or the files'. CTranslate2 has `RuntimeError` for both."""
    is_of_device = kind == "cuda" and _DEVICE_FAULT.search(str(error).replace(str(directory), ""))
    if is_of_device or isinstance(error, MemoryError):
        return device_error(kind, error)
    return ModelCorruptError(f"{directory} cannot be loaded as a Whisper model: {error}; download it again")


def device_error(kind: str, error: Exception) -> ConfigError:
    """Why a device, `cpu` or `cuda`, cannot run a model, with a remedy."""
    remedies = ["choose another --compute-type"]
    if kind == "cuda":
        remedies = ["check nvidia-smi and the CUDA libraries", "use --device cpu"]
    if isinstance(error, MemoryError) or "memory" in str(error).lower():
        remedies[0] = "free memory, choose a smaller model or --compute-type int8"
    reason = str(error) or "there is too little memory"
    return ConfigError(f"engine 'whisper' cannot run on {kind}: {reason}; {', or '.join(remedies)}")


def _chosen_device(device: str, num_gpus: int) -> tuple[str, int]:
    """CTranslate2's name and index of a device."""
    if device == "auto":
        device = "cuda" if num_gpus else "cpu"
    kind, colon, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (colon and (kind == "cpu" or not number.isdecimal())):
        raise ConfigError(f"engine 'whisper' has no device {device!r}; choose cpu, cuda, cuda:1 or auto")
    index = int(number or 0)
    if kind == "cuda" and index >= num_gpus:
        found = f"it finds {num_gpus}" if num_gpus else "it finds none: check nvidia-smi"
        raise ConfigError(
            f"device {device!r} needs an NVIDIA GPU that CTranslate2 can use, and {found}; or use --device cpu"
        )
    return kind, index


def _chosen_numbers(compute_type: str | None, kind: str, supported: Iterable[str]) -> str:
    if compute_type is None:
        return "float16" if kind == "cuda" and "float16" in supported else "int8"
    if compute_type not in supported:
        known = ", ".join(sorted(supported))
        raise ConfigError(f"engine 'whisper' has no compute type {compute_type!r} on {kind}; choose from {known}")
    return compute_type


def _language_ids(directory: Path, vocabulary: Vocabulary) -> Sequence[int]:
    """The tokens of the languages: listed by most models, and always those between two others."""
    config = json.loads((directory / "config.json").read_text("utf-8"))
    first, last = vocabulary.token_to_id("<|startoftranscript|>"), vocabulary.token_to_id("<|translate|>")
    assert first is not None
    assert last is not None
    listed: Sequence[int] = config.get("lang_ids", range(first + 1, last))
    return listed


def hub_name(name: str) -> str | None:
    """The hub's name of a model: one of `HUB_SIZES_MB`, also given as "whisper-small", or a repository; else None."""
    size = name.removeprefix("whisper-")
    return size if size in HUB_SIZES_MB else name if _REPOSITORY.fullmatch(name) else None


def fetch_from_hub(name: str, *, is_offline: bool, on_start: Callable[[], None] | None = None) -> Path:
    """The directory of a model of the Hugging Face hub in the hub library's cache. Downloads it if it is missing.

    Args:
        name: A short name, or a repository such as "Systran/faster-whisper-small".
        is_offline: Use only the cache.
        on_start: Called before the hub is asked.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        ModelMissingError: The model is not in the cache, and `is_offline` is set.
        ModelDownloadError: The download failed.
    """
    try:
        from faster_whisper.utils import download_model
        from huggingface_hub import constants
    except ModuleNotFoundError as error:
        raise _missing_extra() from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # else its requests describe the programs on this machine
    if on_start is not None and not is_offline:
        on_start()
    try:
        return Path(download_model(name, local_files_only=is_offline))
    except Exception as error:  # the exceptions of the library and of the network share no base class
        if is_offline:
            raise ModelMissingError(
                f"voxtide is offline and Whisper model {name!r} is not in the Hugging Face cache; unset "
                "VOXTIDE_OFFLINE to download it, or give the path of its directory"
            ) from error
        raise ModelDownloadError(
            f"Whisper model {name!r} could not be downloaded from the Hugging Face hub ({type(error).__name__}); check "
            "the name and the connection, or give the path of its directory"
        ) from error


def _missing_extra() -> MissingExtraError:
    return MissingExtraError("faster-whisper", "whisper", "engine 'whisper'")
