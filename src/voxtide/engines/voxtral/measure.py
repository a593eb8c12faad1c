"""Times steps, with random weights. In: a shape, a device, a kind of weights. Out: seconds.

The time does not depend on the weights' values, so no checkpoint is needed, and `transformers` can run the same shape.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from voxtide.engines.voxtral.batch_runner import BatchRunner, StepRequest
from voxtide.engines.voxtral.device import choose_device, choose_weights, free_bytes
from voxtide.engines.voxtral.memory_plan import largest_window, weights_bytes
from voxtide.engines.voxtral.recogniser import VoxtralRecogniser
from voxtide.errors import VoxtideError
from voxtide.voxtral.attention import Attention
from voxtide.voxtral.checkpoint import Checkpoint
from voxtide.voxtral.config import (
    DEFAULT_DELAY_TOKENS,
    ENCODER_FRAMES_PER_TOKEN,
    MEL_FRAMES_PER_TOKEN,
    NUM_LEFT_PAD_TOKENS,
    NUM_MELS,
    PAD,
    SAMPLES_PER_TOKEN,
    TransformerConfig,
    VoxtralConfig,
)
from voxtide.voxtral.loading import DTYPES, Weights, build
from voxtide.voxtral.names import tensors
from voxtide.voxtral.slots import Slots
from voxtide.voxtral.tokenizer import Vocabulary

MEDIUM = VoxtralConfig(
    encoder=TransformerConfig(
        dim=512, num_layers=8, num_heads=8, num_kv_heads=8, head_dim=64, hidden_dim=2048, window=750
    ),
    decoder=TransformerConfig(
        dim=1024, num_layers=10, num_heads=16, num_kv_heads=4, head_dim=64, hidden_dim=3072, window=8192
    ),
    vocab_size=32_768,
)
"""About 200 million weights: small enough to time steps on two cores."""

NUM_WARM_UPS = 8

COMPARED_PERCENTILE = 10
"""The percentile by which all implementations are compared. Another program that takes a core now and then delays all
threads of a step, which the median would show."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Seconds of each step, and the bytes it has to move."""

    seconds: tuple[float, ...]
    bytes_moved: int

    def percentile_ms(self, percent: float) -> float:
        """The nearest-rank percentile."""
        return 1000 * float(np.percentile(self.seconds, percent, method="inverted_cdf"))

    @property
    def undisturbed_ms(self) -> float:
        """Time of a step that other programs do not delay."""
        return self.percentile_ms(COMPARED_PERCENTILE)

    @property
    def mean_ms(self) -> float:
        return 1000 * float(np.mean(self.seconds))


class _QuietBatchRunner(BatchRunner):
    """Always decodes PAD, as over silence: with random weights a flush would never end."""

    def submit(self, request: StepRequest) -> None:
        request.pad_bias = float("inf")
        super().submit(request)

    def _route(self, requests: list[StepRequest], tokens: list[int], margins: list[float]) -> None:
        super()._route(requests, tokens, len(margins) * [float("inf")])  # certain of silence: no blank loop


class Bench:
    """One model with some streams of silence."""

    def __init__(
        self,
        config: VoxtralConfig,
        *,
        device: str | None,
        weights: Weights | None,
        num_streams: int,
        window: int,
        attention: Attention | None = None,
    ) -> None:
        self.config, self.num_streams, self.window = config, num_streams, window
        self.device = choose_device(device)
        self.weights = choose_weights(weights, self.device)
        checkpoint = _random_checkpoint(config, self.weights)
        model = build(checkpoint, device=self.device, weights=self.weights, attention=attention)
        self._runner = _QuietBatchRunner(model, num_streams, decoder_window=window)
        self._vocabulary = Vocabulary([b" a"] * 1000)
        self._streams = [self._new_stream() for _ in range(num_streams)]

    def _new_stream(self) -> VoxtralRecogniser:
        return VoxtralRecogniser(self._runner, self._vocabulary, delay_tokens=DEFAULT_DELAY_TOKENS)

    def steps(self, num_steps: int, *, num_streams: int | None = None, age_tokens: int = 0) -> StepTimes:
        """Time steps in which every stream has a frame, the host's part included; streams start `age_tokens` old."""
        streams = self._streams[: num_streams or self.num_streams]
        samples = np.random.default_rng(1).normal(0, 0.1, SAMPLES_PER_TOKEN).astype(np.float32)
        for _ in range(NUM_WARM_UPS):
            self._timed_step(streams, samples)
        if age_tokens:
            _age(self._runner._slots, age_tokens)
        seconds = tuple(self._timed_step(streams, samples) for _ in range(num_steps))
        return StepTimes(seconds, self._bytes_moved(len(streams), age_tokens + num_steps // 2))

    def _timed_step(self, streams: list[VoxtralRecogniser], samples: np.ndarray[Any, np.dtype[np.float32]]) -> float:
        for stream in streams:
            stream.feed(samples)
        began_s = time.perf_counter()
        for stream in streams:
            stream.step(is_behind=False)
        self._runner.step()
        took_s = time.perf_counter() - began_s
        for stream in streams:
            stream.step(is_behind=False)  # only reads the token
        return took_s

    def _bytes_moved(self, num_streams: int, age_tokens: int) -> int:
        """All weights once, and the keys and values of each stream."""
        element = DTYPES[self.weights].itemsize
        num_frames = min(age_tokens * ENCODER_FRAMES_PER_TOKEN, self.config.encoder.window)
        num_values = num_frames * self.config.encoder.kv_values_per_position
        num_values += min(age_tokens, self.window) * self.config.decoder.kv_values_per_position
        return weights_bytes(self.config, self.weights) + num_streams * num_values * element

    def open_s(self) -> float:
        """Time to open a slot, after the first."""
        request = self._streams[0]._request
        assert request is not None
        times_s = []
        for _ in range(5):
            began_s = time.perf_counter()
            self._runner.open(request.slot, DEFAULT_DELAY_TOKENS)
            self._synchronize()
            times_s.append(time.perf_counter() - began_s)
        self._streams[0].close()
        self._streams[0] = self._new_stream()
        return min(times_s)

    def flush(self) -> tuple[int, float]:
        """A flush: its steps beyond the delay, and seconds from the call to the answer."""
        self._streams[0].close()
        stream = self._streams[0] = self._new_stream()
        stream.feed(np.zeros(40 * SAMPLES_PER_TOKEN + 700, np.float32))
        self._run(stream)
        stream.flush(1)
        num_before, began_s = self._runner.num_steps, time.perf_counter()
        self._run(stream)
        return self._runner.num_steps - num_before - DEFAULT_DELAY_TOKENS, time.perf_counter() - began_s

    def _run(self, stream: VoxtralRecogniser) -> None:
        while stream.step(is_behind=False) is not None:
            self._runner.step()

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


@torch.inference_mode()
def floor_s(config: VoxtralConfig, dtype: Weights, num_passes: int) -> float:
    """Time of one pass of torch's matrix-vector products over all weights of the shape on a CPU, undisturbed."""
    matrices = [
        torch.randn(named.shape[0], int(np.prod(named.shape[1:])), dtype=DTYPES[dtype]) * 0.01
        for named in tensors(config)
        if len(named.shape) > 1
    ]
    vectors = {len(matrix[0]): torch.randn(len(matrix[0]), dtype=DTYPES[dtype]) for matrix in matrices}

    def one_pass() -> float:
        began_s = time.perf_counter()
        for matrix in matrices:
            torch.mv(matrix, vectors[matrix.shape[1]])
        return time.perf_counter() - began_s

    one_pass()
    return float(np.percentile([one_pass() for _ in range(num_passes)], COMPARED_PERCENTILE, method="inverted_cdf"))


@torch.inference_mode()
def reference_s(config: VoxtralConfig, dtype: Weights, num_steps: int) -> float:
    """Time of a step of `transformers`' streaming generate over the same shape, from chunk to chunk, undisturbed.

    Raises:
        VoxtideError: transformers is not installed, or has no Voxtral Realtime.
    """
    try:
        transformers = importlib.import_module("transformers")
        shape = transformers.VoxtralRealtimeConfig(**config.to_hugging_face())
        model = transformers.VoxtralRealtimeForConditionalGeneration(shape)
    except (ImportError, AttributeError) as error:
        raise VoxtideError("the comparison needs transformers 5.2 or newer: pip install transformers") from error
    model = model.to(DTYPES[dtype]).eval()
    request_times_s: list[float] = []
    prompt = torch.full((1, 1 + NUM_LEFT_PAD_TOKENS + DEFAULT_DELAY_TOKENS), PAD)

    def chunks() -> Iterator[torch.Tensor]:
        yield torch.zeros(1, NUM_MELS, MEL_FRAMES_PER_TOKEN * prompt.shape[1], dtype=DTYPES[dtype])
        for _ in range(NUM_WARM_UPS + num_steps):
            request_times_s.append(time.perf_counter())
            yield torch.randn(1, NUM_MELS, MEL_FRAMES_PER_TOKEN, dtype=DTYPES[dtype])

    model.generate(
        input_ids=prompt,
        input_features=chunks(),
        num_delay_tokens=DEFAULT_DELAY_TOKENS,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=PAD,
    )
    return float(np.percentile(np.diff(request_times_s[NUM_WARM_UPS:]), COMPARED_PERCENTILE, method="inverted_cdf"))


def fitting_window(config: VoxtralConfig, device: str | None, num_streams: int) -> int:
    """The largest decoder window with which this many streams fit beside the weights; 0 if none does."""
    chosen = choose_device(device)
    weights = choose_weights(None, chosen)
    left_bytes = free_bytes(chosen) - weights_bytes(config, weights)
    return largest_window(config, weights, left_bytes, num_streams)


def copied_bytes_per_s(device: str | None, num_bytes: int = 1 << 30) -> float:
    """The device's memory bandwidth: bytes read and written by a copy, the best of ten."""
    chosen = choose_device(device)
    source = torch.zeros(num_bytes, dtype=torch.uint8, device=chosen)
    target = torch.empty_like(source)

    def copy_s() -> float:
        began_s = time.perf_counter()
        target.copy_(source)
        if chosen.type == "cuda":
            torch.cuda.synchronize(chosen)
        return time.perf_counter() - began_s

    copy_s()
    return 2 * num_bytes / min(copy_s() for _ in range(10))


def _random_checkpoint(config: VoxtralConfig, weights: Weights) -> Checkpoint:
    """Tensors of the right shapes. All are views on one block of numbers, so the full shape takes little memory."""
    named = tensors(config)
    block = torch.randn(max(int(np.prod(it.shape)) for it in named), dtype=torch.float32)
    block = (0.02 * block).to(DTYPES[weights])
    parts = {it.name: block[: int(np.prod(it.shape))].view(it.shape) for it in named}
    return Checkpoint(config, parts, is_interleaved=True, num_heads={it.name: it.num_heads for it in named})


def _age(slots: Slots, age_tokens: int) -> None:
    """Set the age of all slots; the contents of the rings do not affect the time."""
    slots.encoded.fill_(age_tokens)
    slots.decoded.fill_(age_tokens)
    slots.num_encoded[:] = slots.num_decoded[:] = [age_tokens] * len(slots.num_encoded)
