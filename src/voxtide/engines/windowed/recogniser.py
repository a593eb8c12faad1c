"""The streaming decoder of models that revise. In: samples, flush, finish. Out: events. Knows no model and no threads.

samples -> 32 ms frames -> speech probability -> gate -> work due at this frame -> hypothesis of the window -> commit

Every decision hangs on a position in the audio, so the final text is the same however the audio came. While somebody
speaks, the window is transcribed at every `update`; at some of them (decisions) words that have settled become final.
A short silence makes it transcribe as if speech had ended, so when the flush or the end of speech really comes, the
answer is there. Updates between decisions only serve interim text and may be left out.

The window outlives a pause: what was said before it helps to hear what comes after. Its final words are forced on the
model, so they cannot change and cost little.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from voxtide.audio.vad import VAD_FRAME_SAMPLES, GateConfig, SpeechChange, SpeechGate, VadMeter
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import drop_noise, num_shown, num_stable
from voxtide.engines.windowed.window import Window
from voxtide.engines.windowed.window_model import AudioBuffer, WindowModel
from voxtide.transcript.events import (
    Finished,
    Interim,
    LanguageDetected,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

VAD_BATCH_FRAMES = 16
"""Frames whose probability is taken at once: half a second, a millisecond of work."""


class _Work(Enum):
    UPDATE = auto()
    SPECULATE = auto()
    END = auto()


class WindowedRecogniser:
    """A `Recogniser` over a `WindowModel`."""

    def __init__(
        self, model: WindowModel, vad: VadMeter, config: WindowedConfig, gate: GateConfig, options: StreamOptions
    ) -> None:
        self._vad = vad
        self._gate = SpeechGate(gate)
        self._config = config
        self._shows_interim = options.interim and options.pace == "live"
        self._audio = AudioBuffer()
        self._reader = model.open(self._audio, options)
        self._final_text = WindowedFinalText()
        self._window = Window(self._reader, self._final_text, config)
        self._language: str | None = None
        self._probabilities: list[float] = []  # of frames measured and not yet looked at
        self._num_done_samples = 0  # whole frames looked at
        self._floor = 0  # sample before which all is final
        self._is_open = False  # whether the window holds speech that is not final
        self._num_frames_since_update = 0
        self._num_updates = 0
        self._undecided: list[Piece] = []  # what the last decision left open
        self._shown: list[Piece] = []  # what the last hypothesis of any kind left open
        self._visible: list[Piece] = []  # as much of it as the interim text tells
        self._final: list[Piece] | None = None  # a hypothesis taken as if speech had ended
        self._final_at = 0  # the sample where it was taken; it holds there, and as long as the silence lasts
        self._interim = ""
        self._answer: Callable[[], list[TranscriptEvent]] | None = None  # what flush or finish asks for

    @property
    def num_done_samples(self) -> int:
        return self._num_done_samples

    def feed(self, samples: Samples) -> None:
        self._audio.append(samples)

    def flush(self, flush_id: int) -> None:
        self._answer = partial(self._flushed, flush_id)

    def finish(self) -> None:
        self._answer = self._finished

    def close(self) -> None:
        self._audio.drop_before(self._audio.end)
        self._reader.drop_before(self._audio.end)

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        if (found := self._next_work()) is not None:
            change, work = found
            events = self._on_change(change)
            return events + self._do(work, is_behind=is_behind) if work is not None else events
        if self._answer is not None:
            answer, self._answer = self._answer, None
            return answer()
        return None

    # Frames: what is due where.

    def _next_work(self) -> tuple[SpeechChange, _Work | None] | None:
        """Look at frames until one changes something; None when there are no more."""
        while self._has_frame():
            change = self._gate.push(self._probabilities.pop(0))
            self._num_done_samples += VAD_FRAME_SAMPLES
            work = self._due(change)
            if change is not SpeechChange.NONE or work is not None:
                return change, work
            if not self._is_open:
                self._forget_silence()
        return None

    def _has_frame(self) -> bool:
        if not self._probabilities:
            num_frames = min((self._audio.end - self._num_done_samples) // VAD_FRAME_SAMPLES, VAD_BATCH_FRAMES)
            if num_frames:
                end = self._num_done_samples + num_frames * VAD_FRAME_SAMPLES
                self._probabilities = self._vad.probabilities(self._audio.between(self._num_done_samples, end))
        return bool(self._probabilities)

    def _due(self, change: SpeechChange) -> _Work | None:
        if change is SpeechChange.STOPPED and self._num_open_samples >= self._config.min_speech_s * SAMPLE_RATE_HZ:
            return _Work.END
        if not self._gate.is_open:
            has_waited = self._gate.num_silent_frames * VAD_FRAME_SAMPLES >= self._config.max_pause_s * SAMPLE_RATE_HZ
            return _Work.END if self._is_open and has_waited else None
        self._num_frames_since_update += 1
        if self._gate.num_silent_frames == self._config.speculate_frames:
            return _Work.SPECULATE
        if self._num_frames_since_update >= self._config.update_frames and not self._is_pausing():
            return _Work.UPDATE
        return None

    @property
    def _num_open_samples(self) -> int:
        return self._num_done_samples - max(self._floor, self._window.start)

    def _is_pausing(self) -> bool:
        frames = self._config.speculate_frames
        return frames is not None and self._gate.num_silent_frames >= frames

    def _on_change(self, change: SpeechChange) -> list[TranscriptEvent]:
        if change is SpeechChange.STARTED:
            start = self._num_done_samples - self._gate.num_candidate_frames * VAD_FRAME_SAMPLES
            self._open_window(start)
            return [SpeechStarted(start / SAMPLE_RATE_HZ)]
        if change is SpeechChange.STOPPED:
            return [SpeechStopped(self._speech_end_s())]
        return []

    def _speech_end_s(self) -> float:
        return (self._num_done_samples - self._gate.num_silent_frames * VAD_FRAME_SAMPLES) / SAMPLE_RATE_HZ

    def _open_window(self, speech_start: int) -> None:
        """Go on with the window where its last words were said not long ago, else begin one."""
        self._num_frames_since_update = self._gate.num_candidate_frames
        if self._is_open:
            return
        self._is_open = True
        onset = max(0, speech_start - round(self._config.preroll_s * SAMPLE_RATE_HZ))
        self._final_text.begin_speech(onset / SAMPLE_RATE_HZ)
        if not self._final_text.prefix or speech_start - self._floor > self._config.max_pause_s * SAMPLE_RATE_HZ:
            self._window.begin(max(self._floor, self._audio.start, onset))
        self._undecided, self._shown, self._visible, self._final = [], [], [], None
        self._num_updates = 0

    def _forget_silence(self) -> None:
        """Let go of audio that no window can want: but a word may have begun, and the last window may go on."""
        candidate = self._gate.num_candidate_frames * VAD_FRAME_SAMPLES
        keep = self._num_done_samples - candidate - round(self._config.preroll_s * SAMPLE_RATE_HZ)
        if self._final_text.prefix and keep - self._floor <= self._config.max_pause_s * SAMPLE_RATE_HZ:
            keep = min(keep, self._window.start)
        self._reader.drop_before(keep)

    # Work: what the window says, and what of it is final.

    def _do(self, work: _Work, *, is_behind: bool) -> list[TranscriptEvent]:
        if work is _Work.END:
            return self._finalise(self._num_done_samples)
        self._num_frames_since_update = 0
        if work is _Work.SPECULATE:
            events = self._decide()
            self._final, self._final_at = self._undecided, self._num_done_samples
            return events
        self._final = None
        self._num_updates += 1
        if self._window.duration_s(self._num_done_samples) < self._config.min_window_s:
            return []
        if self._num_updates % self._config.updates_per_decision == 0:
            return self._decide()
        if is_behind or not self._shows_interim:
            return []
        return self._show(self._window.transcribe_interim(self._num_done_samples, self._shown))

    @property
    def _now_s(self) -> float:
        return self._num_done_samples / SAMPLE_RATE_HZ

    def _decide(self) -> list[TranscriptEvent]:
        """Transcribe, make final what has settled, remember the rest."""
        pieces = self._window.transcribe(self._num_done_samples, self._undecided)
        window_s = self._window.duration_s(self._num_done_samples)
        num_final = num_stable(
            pieces, self._undecided, now_s=self._now_s, window_s=window_s, config=self._config.stability
        )
        events = self._note_language()
        events += self._final_text.add(pieces[:num_final], self._now_s)
        self._undecided = pieces[num_final:]
        self._window.cut(self._num_done_samples, self._undecided)
        num_words = sum(1 for piece in pieces[:num_final] if not piece.is_punctuation)
        return events + self._show(self._undecided, num_final=num_words)

    def _note_language(self) -> list[TranscriptEvent]:
        if self._reader.language is None or self._language is not None:
            return []
        self._language = self._reader.language
        return [LanguageDetected(self._language, self._now_s)]

    def _show(self, pieces: list[Piece], *, num_final: int = 0) -> list[TranscriptEvent]:
        """Tell the interim text; the first `num_final` words of what was shown have become final since."""
        before = [piece for piece in self._visible if not piece.is_punctuation][num_final:]
        num = num_shown(pieces, before, now_s=self._now_s, config=self._config.stability)
        self._shown, self._visible = pieces, pieces[:num]
        text = self._final_text.as_shown(pieces[:num])
        return self._set_interim(text if self._shows_interim else "", self._now_s)

    def _set_interim(self, text: str, audio_s: float) -> list[TranscriptEvent]:
        if text == self._interim:
            return []
        self._interim = text
        return [Interim(text, audio_s)]

    # Ends: of speech, by flush, of the audio.

    def _finalise(self, end: int) -> list[TranscriptEvent]:
        """Make everything up to sample `end` final and end the segment. Speech that goes on keeps its window."""
        end_s, speech_end_s = end / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
        if self._gate.num_silent_frames:
            speech_end_s = self._speech_end_s()
        if self._final is None or not (self._is_pausing() or self._final_at == end):
            self._final = self._window.transcribe(end, self._undecided)
        pieces = drop_noise(self._final, speech_end_s=speech_end_s, config=self._config.stability)
        events = self._note_language()
        events += self._final_text.add(pieces, end_s)
        events += self._final_text.end_segment(speech_end_s, end_s)
        self._undecided, self._shown, self._visible = [], [], []
        self._final, self._final_at = [], end
        self._floor = end
        self._is_open = self._gate.is_open
        self._window.cut(self._num_done_samples, [])
        return events + self._set_interim("", end_s)

    def _flushed(self, flush_id: int) -> list[TranscriptEvent]:
        return [*self._finalise_all(), self._final_text.answer(flush_id, self._audio.end / SAMPLE_RATE_HZ)]

    def _finished(self) -> list[TranscriptEvent]:
        events = self._finalise_all()
        self._num_done_samples = self._audio.end
        return [*events, Finished(self._audio.end / SAMPLE_RATE_HZ)]

    def _finalise_all(self) -> list[TranscriptEvent]:
        if self._gate.is_starting:
            self._open_window(self._num_done_samples - self._gate.num_candidate_frames * VAD_FRAME_SAMPLES)
        return self._finalise(self._audio.end) if self._is_open else []
