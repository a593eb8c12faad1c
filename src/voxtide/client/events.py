"""Connection events: lost, replaced. In: nothing. Out: frozen classes, `ClientEvent`.

`audio_s` is the end of the audio sent so far, in seconds of the caller's own audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxtide.transcript.events import TranscriptEvent


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection was lost. The client buffers audio and reconnects; no action is needed."""

    reason: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class ConnectionReplaced:
    """Another connection took over, after a loss or a timeout.

    `replayed_s` is how much audio without a final text is sent again.
    """

    reason: str
    replayed_s: float
    audio_s: float


ClientEvent: TypeAlias = TranscriptEvent | ConnectionLost | ConnectionReplaced
