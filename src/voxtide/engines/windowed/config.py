"""Settings of the windowed decoder. In: plain values. Out: frozen rules of updates and of stability."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityConfig:
    """When a word of a hypothesis becomes final, and when it is shown.

    The age of a word is the time since its end; its logprob is the mean natural log probability of its tokens. The
    values were chosen on 2411 hypothesised words of real, noisy and telephone speech, compared with forced alignments.
    At an age of 0.1 s, 98 % of the words at `sure_logprob` were right, and one in three of those below `min_logprob`;
    for the words in between, a second decision that agrees is better evidence than a greater age.

    Attributes:
        margin_s: Least age of a final word [s]: the end of a younger word may be missing.
        sure_logprob: Logprob [nat] at or above which one decision is enough; a word below it needs two that agree.
        doubt_s: Extra age [s per nat of -logprob] that a word below `sure_logprob` needs.
        max_doubt_s: Upper bound of that extra age [s].
        sentence_doubt_s: The same if the hypothesis ends a sentence, which the model seldom lets end within words.
        sentence_logprob: Logprob [nat] from which on the end of a sentence counts.
        min_logprob: Logprob [nat] below which a word waits for the deadline. At the end of speech, text whose mean
            is below it is noise.
        deadline_s: Age at which a word is final at any logprob [s].
        short_window_s: Length [s] below which a window has too little context for the usual deadline.
        short_window_wait_s: Extension of the deadline in such a window [s].
        show_logprob: Logprob [nat] below which a word, and every word after it, is not shown.
        show_agreed_logprob: The same for a word, but not the last, that the update before found at the same place.
        show_last_logprob: Logprob [nat] below which the last word is not shown: it may be the start of a longer one.
        show_age_s: Age [s] from which a word is shown at any logprob.
        after_speech_s: Time after the end of speech [s] from which doubtful words are hallucinations.
        after_speech_logprob: Logprob [nat] below which they are.
    """

    margin_s: float = 0.1
    sure_logprob: float = -0.03
    doubt_s: float = 3.0
    max_doubt_s: float = 0.4
    sentence_doubt_s: float = 0.4
    sentence_logprob: float = -0.2
    min_logprob: float = -0.8
    deadline_s: float = 1.2
    short_window_s: float = 2.5
    short_window_wait_s: float = 0.5
    show_logprob: float = -0.1
    show_agreed_logprob: float = -0.1
    show_last_logprob: float = -0.065
    show_age_s: float = float("inf")
    after_speech_s: float = 0.1
    after_speech_logprob: float = -0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedConfig:
    """When the window is transcribed, and what it spans. A frame is 32 ms.

    An update is one transcription of the window; a decision is an update at which words may become final.

    Attributes:
        update_frames: Speech between two updates [frames].
        updates_per_decision: Updates per decision, including the decision.
        early_s: Speech [s] during which there are updates of interim text halfway between the others, too.
        speculate_frames: Silence [frames] after which the window is transcribed as if speech had ended; None: when
            `pause_frames` is reached, or speech ends.
        pause_frames: Silence [frames] from which on stable words of that become final; None: not before speech ends.
        min_speech_s: Least open speech [s] that is finalised at its end; less is transcribed with what follows.
        preroll_s: Audio kept from before the speech onset [s], so that soft onsets are not clipped.
        min_window_s: Length of a window [s] below which it is not transcribed during speech: the model hallucinates.
        max_window_s: Length of a window [s] above which it is cut at a final word.
        context_s: Final words kept in the window after a cut [s].
        interim_context_s: Final words kept in the window of an update that is no decision [s].
        confirm_words: During speech, a decision first takes the little context of the other updates, and none that is
            older than the utterance. If this many pieces, words and punctuation, are stable, or one that has reached
            the deadline, the window is transcribed with all its context; words stable in that become final. None:
            each decision has all context at once.
        stuck_s: Speech without a word [s] from which the window is transcribed again during speech.
        max_pause_s: Silence [s] after which the window restarts, because its words are no longer useful context.
        checks_context: Whether the first words of an utterance are compared with the text of the utterance by itself,
            which is one more model run.
        stability: When words become final during speech, and when words are shown.
        pause_stability: When words become final at a short silence, which is transcribed as if speech had ended;
            None: as during speech.
    """

    update_frames: int = 6
    updates_per_decision: int = 2
    early_s: float = 0.0
    speculate_frames: int | None = 3
    pause_frames: int | None = 4
    min_speech_s: float = 0.0
    preroll_s: float = 0.4
    min_window_s: float = 0.7
    max_window_s: float = 8.0
    context_s: float = 4.0
    interim_context_s: float = 1.5
    confirm_words: int | None = None
    stuck_s: float = 4.0
    max_pause_s: float = 2.0
    checks_context: bool = False
    stability: StabilityConfig = field(default_factory=StabilityConfig)
    pause_stability: StabilityConfig | None = None


LIVE = WindowedConfig(
    early_s=0.7,
    confirm_words=4,
    min_window_s=0.5,
    checks_context=True,
    stability=StabilityConfig(
        margin_s=2.5,
        deadline_s=6.0,
        show_logprob=-0.2,
        show_agreed_logprob=-0.8,
        show_last_logprob=-0.1,
        show_age_s=0.7,
    ),
    pause_stability=StabilityConfig(sentence_doubt_s=0.18),
)
"""For live speech: an update every 192 ms, at first every 96 ms, and a decision every 384 ms. During speech only old
words become final, the others at the next pause: before the model has the rest of the utterance, more of them are
wrong. In a pause after a sentence all but improbable words are final after 0.28 s, in other pauses some words wait for
the end of speech at 0.38 s: the speaker may go on."""

FAST = WindowedConfig(
    update_frames=250,
    updates_per_decision=1,
    speculate_frames=None,
    pause_frames=None,
    min_speech_s=6.0,
    max_window_s=2.0,
    context_s=1.5,
    stuck_s=1.0,
)
"""For files: an update at the first pause after 6 s of speech, or after 8 s without a pause."""
