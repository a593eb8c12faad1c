"""Decides which words are stable. In: a hypothesis and the one before it. Out: how much of it is final, shown or kept.

Pure rules over pieces: knows no audio, no model and no stream. Times are seconds, `now_s` is the window's end.
"""

from __future__ import annotations

from voxtide.engines.windowed.config import StabilityConfig
from voxtide.engines.windowed.hypothesis import Piece

LOOP_WORDS = 3
MIN_LOOP_S = 0.13
"""`LOOP_WORDS` words that begin within this time are a repetition loop: no speech is that fast."""

DOUBTFUL = 2.0
"""Text of speech that is long enough for a word (`ONE_WORD_S`) is kept down to this multiple of `min_logprob`."""

FOREIGN_LOGPROB, FOREIGN_EVIDENCE = -0.55, 10.0
"""Mean logprob [nat per token] between the model's language and others, and the sum of what words lack to it [nat] at
which the speech is reported. Measured on prompts of telephone systems, about 60 words at a time: English, also in noise
and over the telephone, has a mean of -0.04 to -0.28; French, Spanish, Italian and Russian through the English model
have -0.49 to -1.5."""

WORDLESS_TOKENS_PER_S = 3.0
"""Tokens of fluent English per second, about."""

MIN_WORD_S = 0.1
"""Repeated words that take less than this per word [s] are a hallucination."""

MAX_REPEATED_WORDS = 8
"""The longest end that is compared with the words before it."""

MISPLACED_S = 0.2
"""Two alignments of a word seldom differ by more."""


def num_stable(
    pieces: list[Piece], before: list[Piece], *, now_s: float, window_s: float, config: StabilityConfig
) -> int:
    """How many pieces are final. `before` were pending after the last decision; punctuation waits for its next word."""
    words_before = _texts(before)
    deadline_s = config.deadline_s + (config.short_window_wait_s if window_s < config.short_window_s else 0.0)
    max_doubt_s = config.sentence_doubt_s if _ends_sentence(pieces, config) else config.max_doubt_s
    num_final = num_words = 0
    for i, piece in enumerate(pieces):
        if piece.is_punctuation:
            continue
        is_agreed = num_words < len(words_before) and words_before[num_words] == piece.normalised
        age_s = round(now_s - piece.end_s, 6)  # ages may equal a threshold; rounding errors must not decide
        is_stable = _is_stable(piece, age_s, is_agreed=is_agreed, max_doubt_s=max_doubt_s, config=config)
        if age_s < deadline_s and not is_stable:
            break
        num_words += 1
        num_final = i + 1
    return num_final


def _ends_sentence(pieces: list[Piece], config: StabilityConfig) -> bool:
    return bool(pieces) and pieces[-1].ends_sentence and pieces[-1].logprob >= config.sentence_logprob


def _is_stable(piece: Piece, age_s: float, *, is_agreed: bool, max_doubt_s: float, config: StabilityConfig) -> bool:
    if piece.logprob >= config.sure_logprob:
        return age_s >= config.margin_s
    doubt_s = min(max_doubt_s, -config.doubt_s * piece.logprob)
    return is_agreed and piece.logprob >= config.min_logprob and age_s >= config.margin_s + doubt_s


def num_shown(
    pieces: list[Piece], before: list[Piece], latest: list[Piece], *, now_s: float, config: StabilityConfig
) -> int:
    """How many pieces the interim text shows. A word that was shown stays, so that the text does not flicker.

    `before`: what the interim text showed; `latest`: all that the last update found, of which `before` is a beginning.
    """
    words_before, words_latest = _texts(before), _texts(latest)
    words = [(i, piece) for i, piece in enumerate(pieces) if not piece.is_punctuation]
    num = 0
    for num_words, (i, piece) in enumerate(words):
        was_shown = words_before[num_words : num_words + 1] == [piece.normalised]
        is_last = num_words == len(words) - 1
        least = config.show_last_logprob if is_last else config.show_logprob
        if not is_last and words_latest[num_words : num_words + 1] == [piece.normalised]:
            least = config.show_agreed_logprob
        is_doubtful = piece.logprob < least and now_s - piece.end_s < config.show_age_s
        if not was_shown and (piece.end_s > now_s or is_doubtful):
            break
        num = i + 1
    return num


def _texts(pieces: list[Piece]) -> list[str]:
    return [piece.normalised for piece in pieces if not piece.is_punctuation]


def drop_hallucinations(pieces: list[Piece], *, is_last: bool) -> list[Piece]:
    """The pieces without repetition loops. A loop is `LOOP_WORDS` or more words that begin within `MIN_LOOP_S`.

    A loop at the end is dropped: the model continues the text beyond the audio. Words in one place that others follow
    are spoken words with wrong times, which a forced prefix causes. If `is_last`, only repeated ones of them are
    dropped; otherwise they wait for better times in a later hypothesis, and so does what follows them.
    """
    words = [i for i, piece in enumerate(pieces) if piece.starts_word and not piece.is_punctuation]
    dropped: set[int] = set()
    for first, last in _squeezed_runs([pieces[i].start_s for i in words]):
        run = words[first : last + 1]
        if last == len(words) - 1 or not is_last:
            return [piece for i, piece in enumerate(pieces[: run[0]]) if i not in dropped]
        if len({pieces[i].normalised for i in run}) < len(run):
            dropped.update(range(run[0], words[last + 1]))
    return [piece for i, piece in enumerate(pieces) if i not in dropped]


def _squeezed_runs(starts_s: list[float]) -> list[tuple[int, int]]:
    """First and last index of the maximal runs in which any `LOOP_WORDS` successive words begin within `MIN_LOOP_S`."""
    runs: list[tuple[int, int]] = []
    for first, last in enumerate(range(LOOP_WORDS - 1, len(starts_s))):
        if starts_s[last] - starts_s[first] >= MIN_LOOP_S:
            continue
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def is_misplaced(pieces: list[Piece], open_start_s: float) -> bool:
    """Whether a hypothesis begins before the open audio: the model transcribed audio that is already final, or silence.

    `open_start_s`: where the audio without final text begins.
    """
    first = next((piece for piece in pieces if not piece.is_punctuation), None)
    return first is not None and first.end_s < open_start_s - MISPLACED_S


def drop_repeated_end(pieces: list[Piece], prefix: list[Piece]) -> list[Piece]:
    """Drop trailing words that repeat the words before them (possibly in `prefix`) too fast to be spoken.

    At the end of speech the model continues the text with the sentence it has just written. A hypothesis of one word is
    left to `repeats_last_word`.
    """
    text = [*prefix, *pieces]
    words = [i for i, piece in enumerate(text) if not piece.is_punctuation]
    for n in range(min(MAX_REPEATED_WORDS, len(words) // 2), 0, -1):
        before, last = words[-2 * n : -n], words[-n:]
        is_repeated = [text[i].normalised for i in before] == [text[i].normalised for i in last]
        is_short = text[last[-1]].end_s - text[before[-1]].end_s < n * MIN_WORD_S
        if is_repeated and is_short and words[-max(n, 2)] >= len(prefix):
            return text[len(prefix) : last[0]]
    return pieces


def repeats_last_word(pieces: list[Piece], prefix: list[Piece]) -> bool:
    """Whether a hypothesis begins with the last final word again and leaves no time for it: a hallucination."""
    last = next((piece for piece in reversed(prefix) if not piece.is_punctuation), None)
    first = next((piece for piece in pieces if not piece.is_punctuation), None)
    if first is None or last is None:
        return False
    return first.normalised == last.normalised and first.end_s - last.end_s < MIN_WORD_S


def drop_noise(
    pieces: list[Piece], final: list[Piece], *, speech_end_s: float, is_speech: bool, config: StabilityConfig
) -> list[Piece]:
    """The pieces of speech that ended at `speech_end_s`, without words found in silence or noise.

    `final`: the pieces before them that are final, of the same speech. They are judged together: otherwise a doubtful
    last word would be kept or dropped by when the words before it became final. If `is_speech`, the VAD detected enough
    speech for a word: doubtful words are kept, improbable ones are not.
    """
    for i, piece in enumerate(pieces):
        is_late = piece.start_s > speech_end_s + config.after_speech_s and not piece.is_punctuation
        if is_late and piece.logprob < config.after_speech_logprob:
            pieces = pieces[:i]
            break
    words = [piece for piece in pieces if not piece.is_punctuation]
    least = config.min_logprob * (DOUBTFUL if is_speech else 1.0)
    spoken = [piece for piece in final if not piece.is_punctuation] + words
    return [] if words and mean_logprob(spoken) < least else pieces


def mean_logprob(pieces: list[Piece]) -> float:
    """The mean over all tokens of one or more pieces."""
    num_tokens = sum(len(piece.tokens) for piece in pieces)
    return sum(piece.logprob * len(piece.tokens) for piece in pieces) / num_tokens


class LanguageCheck:
    """Detects, from the final text, speech in another language than the model's only one. A cumulative sum (CUSUM)."""

    def __init__(self) -> None:
        self._evidence = 0.0
        self._latest = FOREIGN_LOGPROB  # mean logprob of the words added last
        self._is_done = False

    def add(self, pieces: list[Piece]) -> bool:
        """Add final pieces; True once, when the text has become too improbable."""
        words = [piece for piece in pieces if not piece.is_punctuation]
        if not words:
            return False
        self._latest = mean_logprob(words)
        return any(self._add(piece.logprob, len(piece.tokens)) for piece in words)

    def add_wordless(self, speech_s: float) -> bool:
        """Add speech after them for which the model has no words: it is taken to be as improbable as they are."""
        return self._add(self._latest, WORDLESS_TOKENS_PER_S * speech_s)

    def _add(self, logprob: float, num_tokens: float) -> bool:
        self._evidence = max(0.0, self._evidence + (FOREIGN_LOGPROB - logprob) * num_tokens)
        if self._is_done or self._evidence < FOREIGN_EVIDENCE:
            return False
        self._is_done = True
        return True
