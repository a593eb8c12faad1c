"""How the decoder of models that revise goes about its work: two sets of settings, for live speech and for files."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityConfig:
    """When a word that may still change becomes final, and when it is shown.

    Chosen over 2411 hypothesised words of real, noisy and telephone speech, each compared with a forced alignment: of
    words with `sure_logprob` that ended 0.1 s ago, 98 % were right at first sight, of those under `min_logprob` one
    in three, and between them two decisions that agree tell more than waiting does.

    Attributes:
        margin_s: No word is final before it ended this long ago: its ending may not have been heard.
        sure_logprob: From this mean natural log probability of its tokens on, a word needs no second decision.
        doubt_s: A less sure word needs a second decision, and this many seconds more per unit of log probability,
        max_doubt_s: but no more than these.
        min_logprob: A word believed in less than this waits for the deadline. A whole text of such words, where
            speech has ended, is noise heard as words.
        deadline_s: A word that ended this long ago is final, whatever the model makes of it.
        young_s: In a window shorter than this, in which the model hears words without what came before them,
        young_wait_s: the deadline is this much later.
        show_logprob: Interim text ends before the first word less sure than this,
        show_last_logprob: and before a last word less sure than this, which may be the beginning of a longer one.
        tail_s: Unsure words that begin this long after speech ended were found in the silence.
    """

    margin_s: float = 0.1
    sure_logprob: float = -0.03
    doubt_s: float = 3.0
    max_doubt_s: float = 0.4
    min_logprob: float = -0.8
    deadline_s: float = 1.2
    short_window_s: float = 2.5
    short_window_wait_s: float = 0.5
    show_logprob: float = -0.1
    show_last_logprob: float = -0.065
    after_speech_s: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedConfig:
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
    min_speech_s: float = 0.0
    preroll_s: float = 0.4
    min_window_s: float = 0.7
    max_window_s: float = 8.0
    context_s: float = 4.0
    interim_context_s: float = 1.5
    max_pause_s: float = 2.0
    stability: StabilityConfig = field(default_factory=StabilityConfig)


LIVE = WindowedConfig()
"""For speech that is being spoken: an update every 192 ms, a decision every 384 ms."""

FAST = WindowedConfig(
    update_frames=250, updates_per_decision=1, speculate_frames=None, min_speech_s=6.0, max_window_s=2.0, context_s=1.5
)
"""For audio that is already there: from 6 s at a time on where there are pauses, 8 s where there are none."""
