"""What a connection tells beside the transcript: that it was lost, that another took its place. Plain frozen classes.

`audio_s` is the end of the audio sent so far, in seconds of the caller's own audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxtide.transcript.events import TranscriptEvent


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The server is gone. Audio is kept while another connection is opened; nothing has to be done."""

    reason: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class ConnectionReplaced:
    """Another connection took over, after a loss or where a flush had no answer in time.

    `replayed_s` is how much audio it gets again, because no final text had come for it.
    """

    reason: str
    replayed_s: float
    audio_s: float


ClientEvent: TypeAlias = TranscriptEvent | ConnectionLost | ConnectionReplaced
