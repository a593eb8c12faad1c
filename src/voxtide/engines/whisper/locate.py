"""Where a Whisper model lies. In: what a user calls it. Out: its directory, fetched if it was not there."""

from __future__ import annotations

from pathlib import Path

from voxtide.engines.whisper.library import fetch_from_hub, hub_sizes
from voxtide.errors import UnknownModelError
from voxtide.models.store import ModelStore, Progress

ENGINE = "whisper"
"""The models of the manifest that are this engine's."""


def locate(name: str, store: ModelStore, progress: Progress | None) -> Path:
    """The directory of a model: itself a directory, or one of the manifest, or on the Hugging Face hub.

    Raises:
        UnknownModelError: It is none of these, or another engine's.
        ModelError: It cannot be had.
        MissingExtraError: Its name is the hub's, and faster-whisper is not installed.
    """
    if Path(name).is_dir():
        return Path(name)
    ours = [status.model.name for status in store.list() if status.model.engine == ENGINE]
    if name in ours:
        return store.ensure(name, progress)
    sizes = hub_sizes()
    if name in sizes or name.count("/") == 1:
        return fetch_from_hub(name, is_offline=store.is_offline)
    raise UnknownModelError(
        f"no Whisper model {name!r}: give one of {', '.join(ours)}, a directory that holds one, or a model of the "
        f"Hugging Face hub, by its name there or as one of {', '.join(sizes) or 'its short names'}"
    )
