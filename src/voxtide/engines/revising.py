"""The streaming decoder of models that revise. In: samples, flush, finish. Out: events. Knows no model and no threads.

samples -> 32 ms frames -> speech probability -> gate -> work due at this frame -> hypothesis of the window -> commit

Every decision hangs on a position in the audio, so the final text is the same however the audio came: in live pace the
window is transcribed at every `update`, and at every second one (a decision) words that have settled become final. A
short silence makes it transcribe speculatively, as if speech had ended; so when the flush or the end of speech really
comes, the answer is there. Updates between decisions only serve interim text and may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from voxtide.audio.vad import FRAME_SAMPLES, GateConfig, SpeechGate, Turn, VoiceMeter
from voxtide.engines.audio_buffer import AudioBuffer
from voxtide.engines.committed import Committed
from voxtide.engines.hypothesis import Piece, WindowModel
from voxtide.transcript.events import Finished, Interim, SpeechStarted, SpeechStopped, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

VAD_BATCH_FRAMES = 16
"""Frames whose probability is taken at once: half a second, a millisecond of work."""


SQUEEZED_WORDS = 3
SQUEEZED_S = 0.13
"""This many words do not begin within this time, in any speech."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisingConfig:
    """When the window is transcribed and when words become final. Times in seconds, counts in 32 ms frames.

    Attributes:
        update_frames: Speech between two transcriptions of the window.
        updates_per_decision: Every how many updates words may become final.
        speculate_frames: Silence after which the window is transcribed as if speech had ended.
        preroll_s: Audio kept from before the first voiced frame, so that soft onsets are not clipped.
        agreed_margin_s: A word that two decisions agree on is final once it ended this long ago.
        sure_margin_s: A word the model is sure of is final once it ended this long ago.
        sure_logprob: How sure: mean natural log probability of the word's tokens.
        max_window_s: Past this the window is cut, at a word that is final.
        context_s: Final words kept in the window after a cut, as context.
        force_margin_s: In a window twice too long, words are final once they ended this long ago, agreed or not.
        show_margin_s: Interim words are shown once they ended this long ago.
        min_window_s: Shorter windows of speech that goes on are not transcribed: the model invents words.
        min_logprob: Text the model believes in less than this is noise heard as words.
    """

    update_frames: int = 6
    updates_per_decision: int = 2
    speculate_frames: int = 5
    preroll_s: float = 0.4
    agreed_margin_s: float = 0.1
    doubt_s: float = 2.0
    max_doubt_s: float = 0.4
    young_s: float = 2.5
    sure_margin_s: float = 0.1
    sure_logprob: float = -0.05
    show_logprob: float = -0.12
    tail_s: float = 0.1
    max_window_s: float = 8.0
    context_s: float = 4.0
    glance_s: float = 1.5
    fresh_s: float = 2.0
    force_margin_s: float = 1.0
    show_margin_s: float = 0.0
    min_window_s: float = 0.7
    min_logprob: float = -0.8


FAST = RevisingConfig(update_frames=250, updates_per_decision=1, speculate_frames=1_000_000, max_window_s=8.0)
"""For audio that is already there: utterances are transcribed once, at their end, or every 8 s if they have none."""


class _Work(Enum):
    UPDATE = auto()
    SPECULATE = auto()
    END = auto()


class RevisingRecogniser:
    """A `Recogniser` over a `WindowModel`."""

    def __init__(
        self, model: WindowModel, voice: VoiceMeter, config: RevisingConfig, gate: GateConfig, options: StreamOptions
    ) -> None:
        self._voice = voice
        self._gate = SpeechGate(gate)
        self._config = config
        self._shows_interim = options.interim and options.pace == "live"
        self._audio = AudioBuffer()
        self._reader = model.open(self._audio)
        self._committed = Committed()
        self._probabilities: list[float] = []  # of frames measured and not yet looked at
        self._num_done_samples = 0  # whole frames looked at
        self._window_start = 0  # sample where the window begins, while there is speech
        self._floor = 0  # sample before which all is final
        self._num_frames_since_update = 0
        self._num_updates = 0
        self._agreed: list[Piece] = []  # the hypothesis of the last decision, after what is final
        self._shown: list[Piece] = []  # the last hypothesis of any kind
        self._final: list[Piece] | None = None  # what is not final yet of a hypothesis taken as if speech had ended
        self._final_at = 0  # the sample where it was taken; it holds there, and as long as the silence lasts
        self._interim = ""
        self._request: int | None = None  # a flush's id, or 0 to finish

    @property
    def num_done_samples(self) -> int:
        return self._num_done_samples

    def feed(self, samples: Samples) -> None:
        self._audio.append(samples)

    def flush(self, flush_id: int) -> None:
        self._request = flush_id

    def finish(self) -> None:
        self._request = 0

    def close(self) -> None:
        self._audio.drop_before(self._audio.end)
        self._reader.drop_before(self._audio.end)

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        if (work := self._next_work()) is not None:
            turn, due = work
            events = self._on_turn(turn)
            if due is not None:
                events += self._do(due, is_behind=is_behind)
            return events
        if self._request is not None:
            flush_id, self._request = self._request, None
            return self._answer(flush_id)
        return None

    # Frames: what is due where.

    def _next_work(self) -> tuple[Turn, _Work | None] | None:
        """Look at frames until one changes something; None when there are no more."""
        while self._has_frame():
            turn = self._gate.push(self._probabilities.pop(0))
            self._num_done_samples += FRAME_SAMPLES
            due = self._due(turn)
            if turn is not Turn.NONE or due is not None:
                return turn, due
            if not self._gate.is_open:
                self._forget_silence()
        return None

    def _has_frame(self) -> bool:
        if not self._probabilities:
            num_frames = min((self._audio.end - self._num_done_samples) // FRAME_SAMPLES, VAD_BATCH_FRAMES)
            if num_frames:
                end = self._num_done_samples + num_frames * FRAME_SAMPLES
                self._probabilities = self._voice.measure(self._audio.between(self._num_done_samples, end))
        return bool(self._probabilities)

    def _due(self, turn: Turn) -> _Work | None:
        if turn is Turn.STOPPED:
            return _Work.END
        if not self._gate.is_open:
            return None
        self._num_frames_since_update += 1
        if self._gate.num_silent_frames == self._config.speculate_frames:
            return _Work.SPECULATE
        if self._num_frames_since_update >= self._config.update_frames and not self._is_pausing():
            return _Work.UPDATE
        return None

    def _is_pausing(self) -> bool:
        return self._gate.num_silent_frames >= self._config.speculate_frames

    def _on_turn(self, turn: Turn) -> list[TranscriptEvent]:
        if turn is Turn.STARTED:
            start = self._num_done_samples - self._gate.num_candidate_frames * FRAME_SAMPLES
            self._begin_window(start)
            return [SpeechStarted(start / SAMPLE_RATE_HZ)]
        if turn is Turn.STOPPED:
            silence = self._gate.num_silent_frames * FRAME_SAMPLES
            return [SpeechStopped((self._num_done_samples - silence) / SAMPLE_RATE_HZ)]
        return []

    def _begin_window(self, speech_start: int) -> None:
        if not self._committed.prefix or speech_start - self._floor > self._config.fresh_s * SAMPLE_RATE_HZ:
            self._window_start = max(self._floor, speech_start - round(self._config.preroll_s * SAMPLE_RATE_HZ))
            self._committed.forget_before(float("inf"))
        self._agreed, self._shown, self._final = [], [], None
        self._num_frames_since_update = self._gate.num_candidate_frames
        self._num_updates = 0

    def _forget_silence(self) -> None:
        preroll = round(self._config.preroll_s * SAMPLE_RATE_HZ)
        candidate = self._gate.num_candidate_frames * FRAME_SAMPLES
        keep = self._num_done_samples - candidate - preroll
        if (
            self._committed.prefix
            and self._num_done_samples - self._floor < (self._config.fresh_s + 1) * SAMPLE_RATE_HZ
        ):
            keep = min(keep, self._window_start)
        self._reader.drop_before(keep)

    # Work: what the window says, and what of it is final.

    def _do(self, work: _Work, *, is_behind: bool) -> list[TranscriptEvent]:
        if work is _Work.END:
            return self._end_speech()
        self._num_frames_since_update = 0
        if work is _Work.SPECULATE:
            pieces = self._transcribe(self._num_done_samples, self._agreed)
            events = self._decide(pieces)
            self._final, self._final_at = self._agreed, self._num_done_samples
            return events + self._show(self._final, margin_s=0.0)
        self._final = None
        self._num_updates += 1
        if self._num_updates % self._config.updates_per_decision == 0:
            if self._window_s < self._config.min_window_s:
                return []
            events = self._decide(self._transcribe(self._num_done_samples, self._agreed))
            return events + self._show(self._agreed, margin_s=self._config.show_margin_s)
        if is_behind or not self._shows_interim or self._window_s < self._config.min_window_s:
            return []
        return self._show(self._glance(), margin_s=self._config.show_margin_s)

    @property
    def _window_s(self) -> float:
        return (self._num_done_samples - self._window_start) / SAMPLE_RATE_HZ

    def _glance(self) -> list[Piece]:
        """What comes after what is final, from a short window that only serves interim text."""
        start_s = self._committed.latest_start_s(self._committed.end_s - self._config.glance_s)
        if start_s is None:
            return self._transcribe(self._num_done_samples, self._shown)
        prefix = [token for piece in self._committed.prefix if piece.start_s >= start_s for token in piece.tokens]
        return self._read(round(start_s * SAMPLE_RATE_HZ), self._num_done_samples, prefix, self._shown)

    def _transcribe(self, end: int, guess: list[Piece]) -> list[Piece]:
        """What the window up to sample `end` says after what is final."""
        return self._read(self._window_start, end, self._committed.prefix_tokens, guess)

    def _read(self, start: int, end: int, prefix: list[int], guess: list[Piece]) -> list[Piece]:
        guessed = [token for piece in guess for token in piece.tokens]
        pieces = self._reader.transcribe(start, end, prefix=prefix, guess=guessed)
        if self._committed.ends_in_punctuation and pieces and pieces[0].is_punctuation:
            del pieces[0]
        pieces = pieces[: _num_plausible(pieces)]
        if pieces and _mean_logprob(pieces) < self._config.min_logprob:
            return []
        return pieces

    def _decide(self, pieces: list[Piece]) -> list[TranscriptEvent]:
        """Make final what has settled, and remember the rest."""
        num_final = self._num_settled(pieces)
        events: list[TranscriptEvent] = list(self._committed.add(pieces[:num_final], self._now_s))
        self._agreed = pieces[num_final:]
        self._cut_window()
        return events

    @property
    def _now_s(self) -> float:
        return self._num_done_samples / SAMPLE_RATE_HZ

    def _num_settled(self, pieces: list[Piece]) -> int:
        before = [piece.spoken for piece in self._agreed if not piece.is_punctuation]
        num_settled = num_words = 0
        for i, piece in enumerate(pieces):
            if piece.is_punctuation:
                continue  # final together with the word after it
            is_agreed = num_words < len(before) and before[num_words] == piece.spoken
            if not self._is_settled(piece, is_agreed=is_agreed):
                break
            num_words += 1
            num_settled = i + 1
        return num_settled

    def _is_settled(self, piece: Piece, *, is_agreed: bool) -> bool:
        config, age_s = self._config, self._now_s - piece.end_s
        if self._window_s > 2 * config.max_window_s and age_s >= config.force_margin_s:
            return True
        if piece.logprob >= config.sure_logprob and age_s >= config.sure_margin_s:
            return True
        if self._window_s < config.young_s and piece.logprob < config.show_logprob:
            return False
        return is_agreed and age_s >= config.agreed_margin_s + min(config.max_doubt_s, -config.doubt_s * piece.logprob)

    def _cut_window(self) -> None:
        if self._window_s <= self._config.max_window_s:
            return
        start_s = self._committed.latest_start_s(self._committed.end_s - self._config.context_s)
        if start_s is not None and start_s > self._window_start / SAMPLE_RATE_HZ:
            self._committed.forget_before(start_s)
            self._window_start = round(start_s * SAMPLE_RATE_HZ)
            self._reader.drop_before(self._window_start)

    def _show(self, pieces: list[Piece], *, margin_s: float) -> list[TranscriptEvent]:
        self._shown = pieces
        if not self._shows_interim:
            return []
        num_shown = 0
        for i, piece in enumerate(pieces):
            if piece.is_punctuation:
                continue
            if self._now_s - piece.end_s < margin_s or piece.logprob < self._config.show_logprob:
                break
            num_shown = i + 1
        text = self._committed.as_shown("".join(piece.text for piece in pieces[:num_shown]))
        if text == self._interim:
            return []
        self._interim = text
        return [Interim(text, self._now_s)]

    # Ends: of speech, by flush, of the audio.

    def _end_speech(self) -> list[TranscriptEvent]:
        events = self._finalise(self._num_done_samples)
        self._floor = self._num_done_samples
        return events

    def _finalise(self, end: int) -> list[TranscriptEvent]:
        """Make everything up to sample `end` final and end the segment."""
        end_s = end / SAMPLE_RATE_HZ
        is_known = self._final is not None and (self._is_pausing() or self._final_at == end)
        pieces = self._final if is_known and self._final else [] if is_known else self._transcribe(end, self._agreed)
        pieces = self._heard(pieces, end)
        events: list[TranscriptEvent] = list(self._committed.add(pieces, end_s))
        events += self._committed.end_segment(end_s)
        self._agreed, self._shown, self._final, self._final_at = [], [], [], end
        if self._interim:
            self._interim = ""
            events.append(Interim("", end_s))
        return events

    def _heard(self, pieces: list[Piece], end: int) -> list[Piece]:
        """Without the words at the end that the model found in the silence after speech."""
        silence = self._gate.num_silent_frames * FRAME_SAMPLES
        speech_end_s = (end - silence) / SAMPLE_RATE_HZ if silence else float("inf")
        for i, piece in enumerate(pieces):
            if (
                piece.start_s > speech_end_s + self._config.tail_s
                and piece.logprob < self._config.show_logprob
                and not piece.is_punctuation
            ):
                return pieces[:i]
        return pieces

    def _answer(self, flush_id: int) -> list[TranscriptEvent]:
        end = self._audio.end
        events: list[TranscriptEvent] = []
        if self._gate.is_open:
            events = self._finalise(end)
        elif self._gate.num_candidate_frames:
            self._begin_window(self._num_done_samples - self._gate.num_candidate_frames * FRAME_SAMPLES)
            events = self._finalise(end)
            self._floor = end
        if flush_id:
            return [*events, self._committed.answer(flush_id, end / SAMPLE_RATE_HZ)]
        self._num_done_samples = end
        return [*events, Finished(end / SAMPLE_RATE_HZ)]


def _num_plausible(pieces: list[Piece]) -> int:
    """How many pieces come before the first words that were found in no time at all: those the model dreamt."""
    words = [i for i, piece in enumerate(pieces) if not piece.is_punctuation]
    for first, last in zip(words, words[SQUEEZED_WORDS - 1 :], strict=False):
        if pieces[last].start_s - pieces[first].start_s < SQUEEZED_S:
            return first
    return len(pieces)


def _mean_logprob(pieces: list[Piece]) -> float:
    num_tokens = sum(len(piece.tokens) for piece in pieces)
    return sum(piece.logprob * len(piece.tokens) for piece in pieces) / num_tokens
