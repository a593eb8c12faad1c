"""Models from the Hugging Face hub. In: a model. Out: its verified files in a directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from voxtide.models.fetch import FetchPolicy, Remote, fetch, with_offset
from voxtide.models.manifest import Model


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
