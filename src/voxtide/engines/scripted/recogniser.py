"""One scripted stream: joins letters into words and stable words into segments.

In: samples, flush, finish. Out: events. Knows no threads; its only clock is the injected `sleep`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from voxtide.engines.final_text import FinalText
from voxtide.engines.scripted.config import LANGUAGES, ScriptedConfig
from voxtide.engines.scripted.tones import TONE_FRAME_SAMPLES, Letter, ToneDecoder
from voxtide.errors import EngineFailedError
from voxtide.transcript.events import (
    Delta,
    Finished,
    Interim,
    LanguageDetected,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions, Word

WORD_GAP_SAMPLES = TONE_FRAME_SAMPLES // 2
"""Silence that ends a word; `speak` leaves four times as much."""

PAUSE_SAMPLES = 6 * TONE_FRAME_SAMPLES
"""Silence that ends a segment: 480 ms, the length of a breath."""

NOISE_WORD_SAMPLES = 5 * TONE_FRAME_SAMPLES
"""Longest placeholder word: 400 ms, the length of a long word."""

MAX_SEGMENT_S = 30.0
"""Longest segment: bounds the memory for sound without a pause."""


@dataclass(slots=True)
class _SpokenWord:
    """A word, or its beginning."""

    text: str
    is_noise: bool
    follows_pause: bool
    start_sample: int
    end_sample: int


class ScriptedRecogniser:
    """The state of one stream; see `Recogniser`."""

    def __init__(self, config: ScriptedConfig, options: StreamOptions, sleep: Callable[[float], None]) -> None:
        self._config = config
        self._sleep = sleep
        self._has_interim = config.is_revising and options.interim and options.pace == "live"
        self._delay_samples = _samples(options.delay_ms or config.delay_ms)
        self._is_translating = options.task == "translate"
        self._spellings = {word.lower(): word for word in options.vocabulary}
        self._is_language_open = options.language is None
        self._decoder = ToneDecoder()
        self._num_fed_samples = 0
        self._now_sample = 0
        self._flush_id: int | None = None
        self._is_finishing = False
        self._is_speaking = False
        self._speech_end_sample = 0
        self._num_noise_words = 0
        self._word: _SpokenWord | None = None  # still being spoken
        self._waiting: deque[_SpokenWord] = deque()  # complete, not yet stable
        self._final = FinalText()
        self._segment: list[Word] = []  # final words of the open segment
        self._interim_text = ""
        self._events: list[TranscriptEvent] = []

    @property
    def num_done_samples(self) -> int:
        return self._now_sample

    def feed(self, samples: Samples) -> None:
        self._decoder.feed(samples)
        self._num_fed_samples += len(samples)

    def flush(self, flush_id: int) -> None:
        self._flush_id = flush_id

    def finish(self) -> None:
        self._is_finishing = True

    def close(self) -> None:
        self._decoder = ToneDecoder()

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        # Steps end at multiples of a frame or at a flush, so the result is independent of chunk sizes.
        until = (self._now_sample // TONE_FRAME_SAMPLES + 1) * TONE_FRAME_SAMPLES
        if until <= self._num_fed_samples:
            self._transcribe(until, is_cut=False)
            self._finalise(until - self._delay_samples)
            self._show_interim(is_behind=is_behind)
        elif self._flush_id is not None or self._is_finishing:
            self._transcribe(self._num_fed_samples, is_cut=True)
            self._finalise_all()
            self._show_interim(is_behind=is_behind)
            self._answer()
        else:
            return None
        events, self._events = self._events, []
        return events

    def _transcribe(self, until: int, *, is_cut: bool) -> None:
        self._work(until)
        for letter in self._decoder.decode(until, is_cut=is_cut):
            self._end_on_silence(letter.start_sample)
            self._add(letter)
        self._end_on_silence(self._decoder.decoded_sample)
        self._now_sample = until

    def _work(self, until: int) -> None:
        """Simulate the configured slowness and failures."""
        if self._config.slowness:
            self._sleep(self._config.slowness * (until - self._now_sample) / SAMPLE_RATE_HZ)
        until_s = until / SAMPLE_RATE_HZ
        if self._config.dies_at_s is not None and until_s >= self._config.dies_at_s:
            raise EngineFailedError(f"engine 'scripted' died at {self._config.dies_at_s} s, as configured")
        if self._config.fails_at_s is not None and until_s >= self._config.fails_at_s:
            raise RuntimeError(f"the stream failed at {self._config.fails_at_s} s, as configured")

    def _end_on_silence(self, until: int) -> None:
        """End the word and the speech if the silence between the last letter and `until` is long enough."""
        if self._word and until - self._word.end_sample >= WORD_GAP_SAMPLES:
            self._end_word()
        if self._is_speaking and until - self._speech_end_sample >= PAUSE_SAMPLES:
            self._is_speaking = False
            self._events.append(SpeechStopped(_seconds(self._speech_end_sample)))

    def _add(self, letter: Letter) -> None:
        follows_pause = not self._is_speaking
        if follows_pause:
            self._start_speech(letter.start_sample)
        self._speech_end_sample = letter.end_sample
        if self._word and not _continues(self._word, letter):
            self._end_word()
        if self._word:
            self._word.text += letter.text
            self._word.end_sample = letter.end_sample
            return
        self._num_noise_words += not letter.text
        text = letter.text or f"w{self._num_noise_words}"
        self._word = _SpokenWord(text, not letter.text, follows_pause, letter.start_sample, letter.end_sample)

    def _start_speech(self, start_sample: int) -> None:
        self._is_speaking = True
        self._events.append(SpeechStarted(_seconds(start_sample)))
        if self._is_language_open:
            self._is_language_open = False
            self._events.append(LanguageDetected(LANGUAGES[0], _seconds(start_sample)))

    def _end_word(self) -> None:
        if self._word:
            self._waiting.append(self._word)
        self._word = None

    def _finalise(self, until: int) -> None:
        """Make the words that ended by `until` stable; end the segment when all words before a pause are stable."""
        while self._waiting and self._waiting[0].end_sample <= until:
            self._emit_word(self._waiting.popleft())
        if not (self._is_speaking or self._word or self._waiting):
            self._end_segment()

    def _finalise_all(self) -> None:
        self._end_word()
        self._finalise(self._now_sample)
        self._end_segment()

    def _emit_word(self, spoken: _SpokenWord) -> None:
        text = self._spellings.get(spoken.text.lower(), spoken.text)
        word = Word(
            text[::-1] if self._is_translating else text,
            _seconds(spoken.start_sample),
            _seconds(spoken.end_sample),
        )
        is_too_long = self._segment and word.end_s - self._segment[0].start_s > MAX_SEGMENT_S
        if spoken.follows_pause or is_too_long:
            self._end_segment()
        text = self._spaced(word.text)
        self._events.append(Delta(text, word.end_s))
        self._final.add(text)
        self._segment.append(word)

    def _end_segment(self) -> None:
        words, self._segment = self._segment, []
        self._events += self._final.end_segment(words, words[-1].end_s if words else 0.0)

    def _show_interim(self, *, is_behind: bool) -> None:
        """Emit the interim text if it changed. If behind, only remove text that has become stable."""
        if not self._has_interim:
            return
        has_delta = any(isinstance(event, Delta) for event in self._events)
        if is_behind and not has_delta:
            return
        texts = [spoken.text for spoken in self._waiting]
        texts += [self._word.text.upper()] if self._word else []
        text = self._spaced(" ".join(texts)) if texts else ""
        if text != self._interim_text or (text and has_delta):
            self._interim_text = text
            self._events.append(Interim(text, _seconds(self._now_sample)))

    def _answer(self) -> None:
        audio_s = _seconds(self._now_sample)
        if self._flush_id is not None:
            self._events.append(self._final.answer(self._flush_id, audio_s))
            self._flush_id = None
        else:
            self._events.append(Finished(audio_s))
            self._is_finishing = False

    def _spaced(self, text: str) -> str:
        return f" {text}" if self._final.has_text else text


def _continues(word: _SpokenWord, letter: Letter) -> bool:
    is_short_enough = not word.is_noise or letter.end_sample - word.start_sample <= NOISE_WORD_SAMPLES
    return word.is_noise == (not letter.text) and is_short_enough


def _samples(duration_ms: int) -> int:
    return duration_ms * SAMPLE_RATE_HZ // 1000


def _seconds(num_samples: int) -> float:
    return num_samples / SAMPLE_RATE_HZ
