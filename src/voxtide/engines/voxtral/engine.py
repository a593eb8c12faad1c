"""Voxtral as an `Engine`. In: a loaded model and its vocabulary. Out: an engine whose streams share one batch.

    feed, flush, finish -> inbox -> recogniser -> StepRequest -> BatchRunner.step: schedule, run, route
    events <- outbox <- recogniser <- token of the last request <-----'

A tick, on the device's thread: every stream with work reads its last token and submits its next request; then
`BatchRunner.step` runs one step for all requests.
"""

from __future__ import annotations

from voxtide.audio.vad import VadMeter, VadModel
from voxtide.engines.local.stream import LocalEngine
from voxtide.engines.local.worker_pool import BatchWorker
from voxtide.engines.voxtral.batch_runner import BatchRunner
from voxtide.engines.voxtral.decode_state import MAX_ENCODE_TOKENS
from voxtide.engines.voxtral.recogniser import VoxtralRecogniser
from voxtide.engines.voxtral.speech_events import SpeechEventDetector
from voxtide.types import EngineInfo, StreamOptions
from voxtide.voxtral.config import DEFAULT_DELAY_TOKENS, DELAYS_TOKENS, SAMPLES_PER_TOKEN, TOKEN_MS, delay_tokens
from voxtide.voxtral.tokenizer import Vocabulary

ENGINE = "voxtral"

LANGUAGES = ("en", "fr", "es", "de", "ru", "zh", "ja", "it", "pt", "nl", "ar", "hi", "ko")
"""The languages the model was trained for (model card). It detects the language and takes no hint."""


class VoxtralEngine(LocalEngine):
    """Streams of `VoxtralRecogniser` over one `BatchRunner`."""

    merge_samples = MAX_ENCODE_TOKENS * SAMPLES_PER_TOKEN

    def __init__(
        self,
        runner: BatchRunner,
        vocabulary: Vocabulary,
        *,
        model: str,
        vad: VadModel | None = None,
        interim_every_ms: int = 0,
    ) -> None:
        """See `load`."""
        self._runner = runner
        self._vocabulary = vocabulary
        self._model = model
        self._vad = vad
        self._peek_frames = interim_every_ms // TOKEN_MS
        super().__init__(
            num_threads=1, max_streams=runner.num_slots, pool=BatchWorker(runner.step, name="voxtide-voxtral")
        )
        runner.on_failure = self.fail

    async def close(self) -> None:
        await super().close()
        if self.pool.join(timeout_s=0.0):  # a thread stuck in a step still uses the model
            self._runner.close()

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            name=ENGINE,
            model=self._model,
            languages=LANGUAGES,
            is_revising=self._peek_frames > 0,
            word_times="estimated",
            delays_ms=tuple(tokens * TOKEN_MS for tokens in DELAYS_TOKENS),
        )

    def make_recogniser(self, options: StreamOptions) -> VoxtralRecogniser:
        can_peek = options.interim and options.pace == "live"
        return VoxtralRecogniser(
            self._runner,
            self._vocabulary,
            delay_tokens=DEFAULT_DELAY_TOKENS if options.delay_ms is None else delay_tokens(options.delay_ms),
            speech_detector=SpeechEventDetector(VadMeter(self._vad)) if self._vad else None,
            peek_frames=self._peek_frames if can_peek else 0,
        )
