"""Runs our model over a whole recording as an engine does, one stream at a time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from voxtide.types import Samples
from voxtide.voxtral.config import MAX_AHEAD_TOKENS, NUM_DRAIN_TOKENS, NUM_LEFT_PAD_TOKENS, PAD
from voxtide.voxtral.framing import Framer
from voxtide.voxtral.model import FREE, Decoded, VoxtralModel
from voxtide.voxtral.slots import Slots


class Stream:
    """A slot with its framer. `tokens` are those of the recording: the first is of its first 80 ms."""

    def __init__(self, model: VoxtralModel, slots: Slots, slot: int, delay_tokens: int) -> None:
        self.model, self.slots, self.slot, self.delay_tokens = model, slots, slot, delay_tokens
        self.framer = Framer()
        self.tokens: list[int] = []
        model.open(slots, slot, delay_tokens)

    def push(self, samples: Samples) -> None:
        self.framer.push(samples)
        while num_tokens := min(self.framer.num_ready, MAX_AHEAD_TOKENS):
            self.encode(num_tokens)
            self.decode(num_tokens)

    def finish(self) -> list[int]:
        self.framer.push_silence(self.delay_tokens + NUM_DRAIN_TOKENS)
        self.push(np.zeros(0, np.float32))
        return self.tokens

    def encode(self, num_tokens: int) -> None:
        window = torch.from_numpy(self.framer.take(num_tokens))[None]
        self.model.encode(self.slots, self.slots.batch([self.slot]), window)

    def decode(self, num_tokens: int) -> None:
        for _ in range(num_tokens):
            is_prompt = self.slots.num_decoded[self.slot] <= NUM_LEFT_PAD_TOKENS + self.delay_tokens
            is_last = self.slots.num_decoded[self.slot] >= NUM_LEFT_PAD_TOKENS + self.delay_tokens
            decoded = self.step(PAD if is_prompt else FREE)
            if is_last:
                self.tokens.append(int(decoded.tokens[0]))

    def step(self, forced: int) -> Decoded:
        batch = self.slots.batch([self.slot])
        return self.model.decode(self.slots, batch, torch.tensor([forced]), torch.zeros(1, 2))


def transcribe(
    model: VoxtralModel, chunks: Iterable[Samples], delay_tokens: int, slots: Slots | None = None
) -> list[int]:
    """Tokens of a recording that is fed in chunks."""
    stream = Stream(model, slots or model.new_slots(1), 0, delay_tokens)
    for chunk in chunks:
        stream.push(chunk)
    return stream.finish()
