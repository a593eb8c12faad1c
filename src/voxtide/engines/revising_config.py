"""How the decoder of models that revise goes about its work: two sets of settings, for live speech and for files."""

from __future__ import annotations

from dataclasses import dataclass, field

from voxtide.engines.settling import SettlingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisingConfig:
    """When the window is transcribed, and what it spans. Counts are of 32 ms frames.

    Attributes:
        update_frames: Speech between two transcriptions of the window.
        updates_per_decision: Every how many updates words may become final.
        speculate_frames: Silence after which the window is transcribed as if speech had ended; None for never.
        end_speech_s: Speech that ends sooner after the last that was final is transcribed with what follows it.
        preroll_s: Audio kept from before the first voiced frame, so that soft onsets are not clipped.
        min_window_s: Shorter windows of speech that goes on are not transcribed: the model invents words.
        max_window_s: Past this the window is cut, at a word that is final.
        context_s: Final words kept in the window after a cut.
        glance_s: Final words kept in the window of an update that is no decision.
        fresh_s: Silence after which the window starts anew: what was said before it helps no more.
        settling: When words become final and when they are shown.
    """

    update_frames: int = 6
    updates_per_decision: int = 2
    speculate_frames: int | None = 5
    end_speech_s: float = 0.0
    preroll_s: float = 0.4
    min_window_s: float = 0.7
    max_window_s: float = 8.0
    context_s: float = 4.0
    glance_s: float = 1.5
    fresh_s: float = 2.0
    settling: SettlingConfig = field(default_factory=SettlingConfig)


LIVE = RevisingConfig()
"""For speech that is being spoken: an update every 192 ms, a decision every 384 ms."""

FAST = RevisingConfig(
    update_frames=250, updates_per_decision=1, speculate_frames=None, end_speech_s=6.0, max_window_s=2.0, context_s=1.5
)
"""For audio that is already there: from 6 s at a time on where there are pauses, 8 s where there are none."""
