"""A scripted model and a scripted VAD: their output depends on the position in the audio, not on the samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from voxtide.audio.vad import VAD_FRAME_S, VAD_FRAME_SAMPLES, GateConfig, VadMeter
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.recogniser import WindowedRecogniser
from voxtide.engines.windowed.window import UNTRANSCRIBED_S
from voxtide.engines.windowed.window_model import AudioBuffer, WindowRequest
from voxtide.transcript.events import Delta, Interim, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions


@dataclass(frozen=True)
class ScriptedWord:
    """A word of the script. A window that ends inside it yields its first letters."""

    text: str
    start_s: float
    end_s: float
    logprob: float = -0.01


@dataclass(frozen=True)
class Script:
    """The words, and the spans of speech that the VAD detects."""

    words: tuple[ScriptedWord, ...]
    speech_s: tuple[tuple[float, float], ...]
    language: str | None = None

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def has_wordless_speech(self) -> bool:
        """Whether enough speech has no words for the window to transcribe it again."""
        starts_s = [start_s for start_s, _ in self.speech_s] + [word.end_s for word in self.words]
        ends_s = sorted([end_s for _, end_s in self.speech_s] + [word.start_s for word in self.words])
        return any(
            next((end_s for end_s in ends_s if end_s >= start_s), start_s) - start_s >= UNTRANSCRIBED_S
            for start_s in starts_s
        )


def script_of(text: str, *, from_s: float = 1.0, word_s: float = 0.4, pause_s: float = 1.0) -> Script:
    """Words in succession; `|` is a pause."""
    words, speech_s, now_s, speech_start_s = [], [], from_s, from_s
    for token in text.split():
        if token == "|":
            speech_s.append((speech_start_s, now_s))
            now_s = speech_start_s = round(now_s + pause_s, 3)
        else:
            words.append(ScriptedWord(token, now_s, round(now_s + word_s, 3)))
            now_s = words[-1].end_s
    return Script(tuple(words), (*speech_s, (speech_start_s, now_s)))


class ScriptedMeter(VadMeter):
    """The script's speech probability per frame."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._num_frames = 0

    def probabilities(self, samples: Samples) -> list[float]:
        assert len(samples) % VAD_FRAME_SAMPLES == 0
        first, self._num_frames = self._num_frames, self._num_frames + len(samples) // VAD_FRAME_SAMPLES
        return [self._probability((frame + 0.5) * VAD_FRAME_S) for frame in range(first, self._num_frames)]

    def _probability(self, at_s: float) -> float:
        return 0.95 if any(start_s <= at_s < end_s for start_s, end_s in self._script.speech_s) else 0.02


MAX_WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ


class ScriptedWindows:
    """`WindowModel` and `WindowReader` of one stream. A token is the index of its word in the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.calls: list[tuple[int, int]] = []
        """Start and end of every window transcribed."""

    @property
    def language(self) -> str | None:
        return self._script.language if self.calls else None

    def open(self, audio: AudioBuffer, options: StreamOptions) -> ScriptedWindows:
        self._audio = audio
        return self

    @property
    def max_window_samples(self) -> int:
        return MAX_WINDOW_SAMPLES

    def drop_before(self, start: int) -> None:
        self._audio.drop_before(start)

    def transcribe(self, request: WindowRequest) -> list[Piece]:
        start, end, prefix = request.start, request.end, request.prefix
        self._audio.between(start, end)  # asserts that it is held
        assert end - start <= MAX_WINDOW_SAMPLES
        self.calls.append((start, end))
        start_s, end_s = start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ
        first = prefix[-1] + 1 if prefix else 0
        words = list(enumerate(self._script.words))[first:]
        return [_piece_at(i, word, end_s) for i, word in words if start_s - 0.05 <= word.start_s < end_s - 0.1]


def _piece_at(index: int, word: ScriptedWord, now_s: float) -> Piece:
    if now_s >= word.end_s:
        return Piece(" " + word.text, (index,), word.start_s, word.end_s, word.logprob)
    share = (now_s - word.start_s) / (word.end_s - word.start_s)
    letters = word.text[: 1 + int(share * (len(word.text) - 1))]
    return Piece(" " + letters, (index,), word.start_s, now_s, min(word.logprob, -0.05))


class ScriptedRun:
    """A recogniser over a script. Each call runs its steps and returns the events they emit."""

    def __init__(
        self,
        script: Script,
        config: WindowedConfig,
        *,
        options: StreamOptions | None = None,
        is_behind: Iterable[bool] = (False,),
        only_language: str | None = None,
    ) -> None:
        self.windows = ScriptedWindows(script)
        options = options or StreamOptions()
        self.recogniser = WindowedRecogniser(
            self.windows, ScriptedMeter(script), config, GATE, options, only_language=only_language
        )
        self.events: list[TranscriptEvent] = []
        self._is_behind = cycle(is_behind)
        self._num_fed = 0
        self._max_runs = 1 + script.has_wordless_speech + (config.confirm_words is not None) + config.checks_context

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def interims(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Interim)]

    @property
    def held_s(self) -> float:
        """Seconds of audio held."""
        audio = self.windows._audio
        return (audio.end - audio.start) / SAMPLE_RATE_HZ

    def feed_until(self, end_s: float) -> list[TranscriptEvent]:
        end = round(end_s * SAMPLE_RATE_HZ)
        self.recogniser.feed(np.zeros(end - self._num_fed, np.float32))
        self._num_fed = end
        return self._steps()

    def flush(self, flush_id: int = 1) -> list[TranscriptEvent]:
        self.recogniser.flush(flush_id)
        return self._steps()

    def finish(self) -> list[TranscriptEvent]:
        self.recogniser.finish()
        return self._steps()

    def _steps(self) -> list[TranscriptEvent]:
        emitted: list[TranscriptEvent] = []
        num_calls = len(self.windows.calls)
        while (events := self.recogniser.step(is_behind=next(self._is_behind))) is not None:
            assert len(self.windows.calls) <= num_calls + self._max_runs, "a step runs the model too often"
            num_calls = len(self.windows.calls)
            emitted += events
        self.events += emitted
        return emitted


GATE = GateConfig(on=0.5, off=0.35, min_speech_frames=3, min_silence_frames=12)
