"""Turns measured on a session's audio. In: samples. Out: turn events. Knows no text.

The VAD model runs on a thread of its own, never on the event loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from voxtide.audio.vad import VAD_FRAME_SAMPLES, VadMeter, VadModel
from voxtide.protocols.realtime.turns import TurnConfig, TurnDetector, TurnEvent
from voxtide.types import Samples


class VadWorker:
    """The VAD model and its thread, shared by all sessions. `close` it."""

    def __init__(self, model: VadModel) -> None:
        self.model = model
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="voxtide-vad")

    def close(self) -> None:
        """End the thread after the call in progress."""
        self.executor.shutdown(wait=False, cancel_futures=True)


class TurnMeter:
    """One session's turns under one `TurnConfig`."""

    def __init__(self, vad: VadWorker, config: TurnConfig, *, start_s: float) -> None:
        """Measure from `start_s` of the session's audio."""
        self.config = config
        self._vad = vad
        self._meter = VadMeter(vad.model)
        self._detector = TurnDetector(config, start_s=start_s)
        self._rest = np.zeros(0, np.float32)

    async def measure(self, samples: Samples) -> list[TurnEvent]:
        """The turn events that `samples` complete. Less than a frame (32 ms) is kept for the next call."""
        held = np.concatenate([self._rest, samples])
        num_whole = len(held) // VAD_FRAME_SAMPLES * VAD_FRAME_SAMPLES
        self._rest = held[num_whole:]
        if not num_whole:
            return []
        loop = asyncio.get_running_loop()
        measured = loop.run_in_executor(self._vad.executor, self._meter.probabilities, held[:num_whole])
        return self._detector.push(await measured)
