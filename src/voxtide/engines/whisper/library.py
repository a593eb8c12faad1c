"""The libraries that run Whisper; no other file names them. In: a directory or a hub's name. Out: what they make of it.

They come with the extra `whisper`. Knows no decoding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxtide.engines.model_files import require_files
from voxtide.engines.whisper.tokenizer import Vocabulary
from voxtide.errors import MissingExtraError, ModelCorruptError, ModelDownloadError, ModelMissingError
from voxtide.types import Samples

MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a directory must hold to be a Whisper model for CTranslate2."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model as the libraries give it.

    Attributes:
        network: Encodes, generates, aligns; safe to call from several threads.
        features: Samples whose length is a multiple of 160 -> log mel energies [mels, n / 160].
        num_mels: How many energies there are.
        view: An array -> what `network` takes. The array must outlive it.
        vocabulary: The tokens.
        language_tokens: How the languages it can be told are written; none where it knows English only.
    """

    network: Any
    features: Callable[[Samples], Samples]
    num_mels: int
    view: Callable[[Samples], Any]
    vocabulary: Vocabulary
    language_tokens: tuple[str, ...]


def load_from(directory: Path, *, num_threads: int) -> Loaded:
    """Load a model and quantise it to 8 bits. Up to `num_threads` calls run at once, each on one thread.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        ModelCorruptError: The directory holds no such model, or its files cannot be used.
    """
    require_files(directory, MODEL_FILES, kind="Whisper model for CTranslate2")
    try:
        import ctranslate2
        from faster_whisper.feature_extractor import FeatureExtractor
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise _missing_extra() from error
    try:
        network = ctranslate2.models.Whisper(
            str(directory), device="cpu", compute_type="int8", inter_threads=num_threads, intra_threads=1
        )
        vocabulary = Tokenizer.from_file(str(directory / "tokenizer.json"))
        config = json.loads((directory / "config.json").read_text("utf-8"))
        language_ids = config["lang_ids"] if network.is_multilingual else []
        extractor = FeatureExtractor(feature_size=network.n_mels)
    except Exception as error:  # the libraries' exceptions share no base class
        raise ModelCorruptError(f"{directory} cannot be loaded as a Whisper model: {error}; fetch it again") from error
    return Loaded(
        network=network,
        features=lambda samples: extractor(samples, padding=0),
        num_mels=network.n_mels,
        view=ctranslate2.StorageView.from_array,
        vocabulary=vocabulary,
        language_tokens=tuple(str(vocabulary.id_to_token(token_id)) for token_id in language_ids),
    )


def hub_sizes() -> tuple[str, ...]:
    """The short names of models on the hub, such as "small"; none where faster-whisper is not installed."""
    try:
        from faster_whisper.utils import available_models
    except ModuleNotFoundError:
        return ()
    return tuple(available_models())


def fetch_from_hub(name: str, *, is_offline: bool) -> Path:
    """The directory of a model on the Hugging Face hub, in that library's own cache; fetched if it is not there.

    Args:
        name: A short name, or a repository such as "Systran/faster-whisper-small".
        is_offline: Only look into the cache.

    Raises:
        MissingExtraError: faster-whisper is not installed.
        ModelMissingError: It is not in the cache, and may not be fetched.
        ModelDownloadError: It could not be fetched.
    """
    try:
        from faster_whisper.utils import download_model
    except ModuleNotFoundError as error:
        raise _missing_extra() from error
    try:
        return Path(download_model(name, local_files_only=is_offline))
    except Exception as error:  # its exceptions, and those of the network below, share no base class
        if is_offline:
            raise ModelMissingError(
                f"voxtide is offline and Whisper model {name!r} is not in the Hugging Face cache; unset "
                "VOXTIDE_OFFLINE to fetch it, or give the path of a directory that holds it"
            ) from error
        raise ModelDownloadError(
            f"Whisper model {name!r} could not be fetched from the Hugging Face hub ({type(error).__name__}); check "
            "the name and the connection, or give the path of a directory that holds it"
        ) from error


def _missing_extra() -> MissingExtraError:
    return MissingExtraError("faster-whisper", "whisper", "engine 'whisper'")
