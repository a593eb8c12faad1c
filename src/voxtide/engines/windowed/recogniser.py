"""The windowed decoder of one stream. In: samples, flush, finish. Out: events. Knows no model and no threads.

samples -> 32 ms frames -> speech probability -> gate -> work due at this frame -> hypothesis -> final and interim text

Decisions depend only on the sample position, so the final text is independent of chunking. During speech, the window
is transcribed at every update; at some of them, the decisions, stable words become final. The other updates only serve
interim text and may be skipped. After a very short silence the recogniser speculates: it transcribes the window as if
speech had ended. While the silence lasts, words of that become final as they grow old enough, and a flush or the end of
speech needs no further model run.

The window outlives a pause, because the words before it are context for those after it. Its final words are forced on
the model, so they cannot change and cost little. Before the first words of an utterance become final, they are compared
with what the model makes of the utterance by itself: the more probable text wins.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from math import inf

from voxtide.audio.vad import VAD_FRAME_SAMPLES, GateConfig, SpeechChange, SpeechGate, VadMeter
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece, WindowHypotheses
from voxtide.engines.windowed.stability import LanguageCheck, drop_noise, num_shown, num_stable
from voxtide.engines.windowed.window import Window
from voxtide.engines.windowed.window_model import AudioBuffer, OffsetFilter, WindowModel
from voxtide.transcript.events import (
    Finished,
    Interim,
    LanguageDetected,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

VAD_RUN_FRAMES = 16
"""Frames per run of the VAD: half a second of audio, a millisecond of work."""

WORDLESS_REST_S = 3.0
"""This much speech after a segment's last word is reported; the times of words are too inexact for less."""


class _Work(Enum):
    INTERIM = auto()
    UPDATE = auto()
    SPECULATE = auto()
    PAUSE = auto()
    END = auto()


class WindowedRecogniser:
    """A `Recogniser` over a `WindowModel`."""

    def __init__(
        self,
        model: WindowModel,
        vad: VadMeter,
        config: WindowedConfig,
        gate: GateConfig,
        options: StreamOptions,
        *,
        only_language: str | None = None,
    ) -> None:
        """`only_language`: the language of a model that knows one; speech in another one is reported."""
        self._vad = vad
        self._gate = SpeechGate(gate)
        self._config = config
        self._shows_interim = options.interim and options.pace == "live"
        self._offset = OffsetFilter()
        self._audio = AudioBuffer()
        self._reader = model.open(self._audio, options)
        self._final_text = WindowedFinalText()
        self._window = Window(self._reader, self._final_text, config)
        self._language: str | None = None
        self._only_language = only_language
        self._language_check = LanguageCheck()
        self._probabilities: list[float] = []  # of frames that the VAD has seen and the gate has not
        self._num_done_samples = 0  # in whole frames
        self._final_end = 0  # sample before which all text is final
        self._has_open_speech = False  # whether the window holds speech that is not final
        self._onset = 0  # of the open speech
        self._num_frames_since_update = 0
        self._num_updates = 0
        self._hypotheses = WindowHypotheses()
        self._interim = ""
        self._requested: Callable[[], list[TranscriptEvent]] | None = None  # set by flush and finish

    @property
    def num_done_samples(self) -> int:
        return self._num_done_samples

    def feed(self, samples: Samples) -> None:
        self._audio.append(self._offset.apply(samples))

    def flush(self, flush_id: int) -> None:
        self._requested = partial(self._run_flush, flush_id)

    def finish(self) -> None:
        self._requested = self._run_finish

    def close(self) -> None:
        self._audio.drop_before(self._audio.end)
        self._reader.drop_before(self._audio.end)

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        if (found := self._next_work()) is not None:
            change, work = found
            events = self._on_change(change)
            return events + self._run(work, is_behind=is_behind) if work is not None else events
        if self._requested is not None:
            run, self._requested = self._requested, None
            return run()
        return None

    # Frames and the work due at them.

    def _next_work(self) -> tuple[SpeechChange, _Work | None] | None:
        """Process frames up to one with a speech change or work; None if there is none."""
        while self._has_frame():
            probability = self._probabilities.pop(0)
            change = self._gate.push(probability)
            self._window.speech.append(self._gate.is_speech(probability))
            self._num_done_samples += VAD_FRAME_SAMPLES
            work = self._work_due(change)
            if change is not SpeechChange.NONE or work is not None:
                return change, work
            if not self._has_open_speech:
                self._drop_silence()
        return None

    def _has_frame(self) -> bool:
        if not self._probabilities:
            num_frames = min((self._audio.end - self._num_done_samples) // VAD_FRAME_SAMPLES, VAD_RUN_FRAMES)
            if num_frames:
                end = self._num_done_samples + num_frames * VAD_FRAME_SAMPLES
                self._probabilities = self._vad.probabilities(self._audio.between(self._num_done_samples, end))
        return bool(self._probabilities)

    def _work_due(self, change: SpeechChange) -> _Work | None:
        if change is SpeechChange.STOPPED and self._num_open_samples >= self._config.min_speech_s * SAMPLE_RATE_HZ:
            return _Work.END
        if not self._gate.is_open:
            has_waited = self._gate.num_silent_frames * VAD_FRAME_SAMPLES >= self._config.max_pause_s * SAMPLE_RATE_HZ
            return _Work.END if self._has_open_speech and has_waited else None
        self._num_frames_since_update += 1
        if self._gate.num_silent_frames >= (self._config.pause_frames or inf):
            return _Work.PAUSE
        if (silence_start := self._silence_start) is not None:
            is_done = self._hypotheses.speculation(silence_start=silence_start, end=self._num_done_samples) is not None
            return None if is_done else _Work.SPECULATE
        if self._num_frames_since_update >= self._config.update_frames:
            return _Work.UPDATE
        is_early = self._num_done_samples - self._onset <= self._config.early_s * SAMPLE_RATE_HZ
        return _Work.INTERIM if is_early and self._num_frames_since_update == self._config.update_frames // 2 else None

    @property
    def _num_open_samples(self) -> int:
        return self._num_done_samples - max(self._final_end, self._window.start)

    @property
    def _open_start_s(self) -> float:
        """The start of the audio that has no final text."""
        return max(self._final_end, self._window.start) / SAMPLE_RATE_HZ

    @property
    def _silence_start(self) -> int | None:
        """The start of the silence if it is long enough for a speculation; else None."""
        frames = self._config.speculate_frames or self._config.pause_frames or inf
        num_silent = self._gate.num_silent_frames
        return self._num_done_samples - num_silent * VAD_FRAME_SAMPLES if num_silent >= frames else None

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
        """Continue the window after a short pause, else restart it."""
        self._num_frames_since_update = 0
        if self._has_open_speech:
            return
        self._has_open_speech, self._onset = True, speech_start
        onset = max(0, speech_start - round(self._config.preroll_s * SAMPLE_RATE_HZ))
        self._final_text.begin_speech(onset / SAMPLE_RATE_HZ)
        if not self._final_text.prefix or speech_start - self._final_end > self._config.max_pause_s * SAMPLE_RATE_HZ:
            self._window.restart(max(self._final_end, self._audio.start, onset))
        self._hypotheses.reset()
        self._num_updates = 0

    def _drop_silence(self) -> None:
        """Drop silent audio, except the pre-roll, a possible onset, and a window that may continue."""
        candidate = self._gate.num_candidate_frames * VAD_FRAME_SAMPLES
        keep = self._num_done_samples - candidate - round(self._config.preroll_s * SAMPLE_RATE_HZ)
        if self._final_text.prefix and keep - self._final_end <= self._config.max_pause_s * SAMPLE_RATE_HZ:
            keep = min(keep, self._window.start)
        self._window.drop_before(keep)

    # Updates: hypotheses, final and interim text.

    def _run(self, work: _Work, *, is_behind: bool) -> list[TranscriptEvent]:
        if work is _Work.END:
            return self._finalise(self._num_done_samples)
        if work is _Work.PAUSE:
            return self._decide_at_pause()
        if work is _Work.INTERIM:
            return self._transcribe_interim(is_behind=is_behind)
        self._num_frames_since_update = 0
        if work is _Work.SPECULATE:
            return self._update_interim(self._speculate())
        self._hypotheses.end_speculation()
        self._num_updates += 1
        if self._num_updates % self._config.updates_per_decision == 0 and self._is_long_enough():
            return self._decide()
        return self._transcribe_interim(is_behind=is_behind)

    def _is_long_enough(self) -> bool:
        return self._window.duration_s(self._num_done_samples) >= self._config.min_window_s

    def _transcribe_interim(self, *, is_behind: bool) -> list[TranscriptEvent]:
        if is_behind or not self._shows_interim or not self._is_long_enough():
            return []
        return self._update_interim(self._window.transcribe_interim(self._num_done_samples, self._hypotheses.latest))

    @property
    def _now_s(self) -> float:
        return self._num_done_samples / SAMPLE_RATE_HZ

    def _decide(self) -> list[TranscriptEvent]:
        """Transcribe; make stable words final and keep the rest pending."""
        before = self._hypotheses.pending
        pieces, num_final = self._undecided(before), 0
        if not pieces:
            pieces = self._window.transcribe(self._num_done_samples, before)
            if self._num_stable(pieces, before):
                pieces = self._window.without_context(pieces, self._num_done_samples)
            num_final = self._num_stable(pieces, before)
        return self._end_decision(pieces, num_final)

    def _decide_at_pause(self) -> list[TranscriptEvent]:
        """Make stable words of the speculation final. They are older at each frame of the silence."""
        self._num_frames_since_update = 0
        pieces = self._hypotheses.speculation(silence_start=self._silence_start, end=self._num_done_samples)
        if pieces is None:
            pieces = self._speculate()
        num_final = self._num_stable(pieces, self._hypotheses.pending, is_last=True)
        self._keep_speculation(pieces[num_final:])
        return self._end_decision(pieces, num_final)

    def _speculate(self) -> list[Piece]:
        pieces = self._transcribe_to_end(self._num_done_samples)
        self._keep_speculation(pieces)
        return pieces

    def _keep_speculation(self, pieces: list[Piece]) -> None:
        self._hypotheses.speculate(pieces, silence_start=self._silence_start, end=self._num_done_samples)

    def _end_decision(self, pieces: list[Piece], num_final: int) -> list[TranscriptEvent]:
        events = self._emit_language()
        events += self._add_final(pieces[:num_final], self._now_s)
        self._hypotheses.pending = pieces[num_final:]
        self._window.cut(self._num_done_samples, self._hypotheses.pending)
        num_words = sum(1 for piece in pieces[:num_final] if not piece.is_punctuation)
        return events + self._update_interim(self._hypotheses.pending, num_final=num_words)

    def _undecided(self, before: list[Piece]) -> list[Piece]:
        """The pieces in less context, if there are too few stable ones to be confirmed in all of it; else none.

        At the deadline even one is enough. If few words precede long speech without words, such as singing, the window
        would otherwise grow until the model cannot take its beginning, and they would be lost.
        """
        if self._config.confirm_words is None:
            return []
        pieces = self._window.transcribe_interim(self._num_done_samples, before)
        num = self._num_stable(pieces, before)
        is_late = num > 0 and self._now_s - pieces[0].end_s >= self._config.stability.deadline_s
        return [] if is_late or num >= self._config.confirm_words else pieces

    def _num_stable(self, pieces: list[Piece], before: list[Piece], *, is_last: bool = False) -> int:
        rules = (is_last and self._config.pause_stability) or self._config.stability
        window_s = self._window.duration_s(self._num_done_samples)
        return num_stable(pieces, before, now_s=self._now_s, window_s=window_s, config=rules)

    def _add_final(self, pieces: list[Piece], audio_s: float) -> list[TranscriptEvent]:
        return [*self._final_text.add(pieces, audio_s), *self._check_language(pieces, audio_s)]

    def _check_language(self, pieces: list[Piece], audio_s: float) -> list[TranscriptEvent]:
        return self._doubt(audio_s) if self._language_check.add(pieces) else []

    def _doubt(self, audio_s: float) -> list[TranscriptEvent]:
        return [] if self._only_language is None else [LanguageDoubted(self._only_language, audio_s)]

    def _emit_language(self) -> list[TranscriptEvent]:
        if self._reader.language is None or self._language is not None:
            return []
        self._language = self._reader.language
        return [LanguageDetected(self._language, self._now_s)]

    def _update_interim(self, pieces: list[Piece], *, num_final: int = 0) -> list[TranscriptEvent]:
        """Emit the interim text. The first `num_final` words that it showed before have become final."""
        before, latest = (
            [piece for piece in found if not piece.is_punctuation][num_final:]
            for found in (self._hypotheses.shown, self._hypotheses.latest)
        )
        num = num_shown(pieces, before, latest, now_s=self._now_s, config=self._config.stability)
        self._hypotheses.latest, self._hypotheses.shown = pieces, pieces[:num]
        text = self._final_text.interim_text(pieces[:num])
        return self._emit_interim(text if self._shows_interim else "", self._now_s)

    def _emit_interim(self, text: str, audio_s: float) -> list[TranscriptEvent]:
        if text == self._interim:
            return []
        self._interim = text
        return [Interim(text, audio_s)]

    # The end of speech, a flush, the end of the audio.

    def _finalise(self, end: int) -> list[TranscriptEvent]:
        """Make all text up to sample `end` final and end the segment. Speech that continues keeps its window."""
        end_s, speech_end_s = end / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
        if self._gate.num_silent_frames:
            speech_end_s = self._speech_end_s()
        pieces = self._hypotheses.speculation(silence_start=self._silence_start, end=end)
        if pieces is None:
            pieces = self._transcribe_to_end(end)
        is_speech = self._window.has_speech(self._open_start_s, speech_end_s)
        is_word = self._window.has_word(self._open_start_s, speech_end_s)
        final = self._final_text.segment_pieces
        kept = drop_noise(pieces, final, speech_end_s=speech_end_s, is_speech=is_word, config=self._config.stability)
        events: list[TranscriptEvent] = [*self._emit_language(), *self._add_final(kept, end_s)]
        if is_speech and not kept:  # the least probable text is the best evidence
            events += self._check_language(pieces, end_s)
        ended = self._final_text.end_segment(speech_end_s, end_s)
        start_s = max(self._final_end, self._onset) / SAMPLE_RATE_HZ  # the window may begin later
        if is_speech and not ended:
            events += self._report_wordless(start_s, speech_end_s, end_s, has_pieces=bool(pieces))
        elif ended:
            events += self._report_rest(ended, speech_end_s, end_s)
        events += ended
        self._hypotheses.reset()
        self._hypotheses.speculate([], silence_start=self._silence_start, end=end)
        self._final_end = end
        self._has_open_speech = self._gate.is_open
        self._window.cut(self._num_done_samples, [])
        return events + self._emit_interim("", end_s)

    def _report_rest(self, ended: list[SegmentEnded], speech_end_s: float, end_s: float) -> list[TranscriptEvent]:
        """Report long speech after the segment's last word, which the window may no longer hold."""
        start_s = ended[-1].segment.words[-1].end_s
        if self._window.speech.speech_s(start_s, speech_end_s) < WORDLESS_REST_S:
            return []
        return self._report_wordless(start_s, speech_end_s, end_s, has_pieces=False)

    def _report_wordless(
        self, start_s: float, speech_end_s: float, end_s: float, *, has_pieces: bool
    ) -> list[TranscriptEvent]:
        """Report speech without text. If the model had `has_pieces` for it, they have been judged already."""
        speech_s = self._window.speech.speech_s(start_s, speech_end_s)
        is_doubted = not has_pieces and self._language_check.add_wordless(speech_s)
        return [*(self._doubt(end_s) if is_doubted else []), SpeechUntranscribed(start_s, speech_end_s)]

    def _transcribe_to_end(self, end: int) -> list[Piece]:
        pieces = self._window.transcribe(end, self._hypotheses.pending, is_last=True)
        return self._window.without_context(pieces, end, is_last=True)

    def _run_flush(self, flush_id: int) -> list[TranscriptEvent]:
        return [*self._finalise_all(), self._final_text.answer(flush_id, self._audio.end / SAMPLE_RATE_HZ)]

    def _run_finish(self) -> list[TranscriptEvent]:
        events = self._finalise_all()
        self._num_done_samples = self._audio.end
        return [*events, Finished(self._audio.end / SAMPLE_RATE_HZ)]

    def _finalise_all(self) -> list[TranscriptEvent]:
        if self._gate.is_starting:
            self._open_window(self._num_done_samples - self._gate.num_candidate_frames * VAD_FRAME_SAMPLES)
        return self._finalise(self._audio.end) if self._has_open_speech else []
