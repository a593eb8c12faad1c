"""Bounds of batch requests. In: values, from whoever starts the server. Out: a frozen, checked `BatchConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from voxtide.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What one server allows those who post files.

    Attributes:
        capacity: Requests at once; each may hold a file on disk, and one stream of the engine.
        upload_bytes: Of a request with its file, or of a file that is fetched: an hour of CD sound is 635 MB.
        upload_s: How long the upload, or the fetching, may take.
        audio_s: Length of the audio. A small file can hold days of silence.
        reader_s: How long a client of a streamed answer may leave it unread.
        can_fetch: Whether `file_url` is heeded at all.
        can_fetch_private: Whether it may lead to addresses that are not public: this machine, the network around it.
    """

    capacity: int = 4
    upload_bytes: int = 1024 * 1024 * 1024
    upload_s: float = 1800.0
    audio_s: float = 6 * 3600.0
    reader_s: float = 60.0
    can_fetch: bool = True
    can_fetch_private: bool = False

    def __post_init__(self) -> None:
        for name in ("capacity", "upload_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("upload_s", "audio_s", "reader_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be a number above 0")
