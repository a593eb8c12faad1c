"""The state of decoding one stream. In: audio and decoded tokens. Out: the next step's inputs, and the audio's tokens.

A stream has one state. A flush runs ahead on a fork of it, which is discarded afterwards. Knows no device.

    position    0 ......... 31 | 32 ............ 32 + d | 33 + d ...
    audio       silence        | the recording's frames
    input       BOS, PAD ...                     ... PAD | the previous token
    output      (unused)                 token of frame 0 | token of frame 1 ...
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass

from voxtide.types import Samples
from voxtide.voxtral.config import NUM_LEFT_PAD_TOKENS, NUM_PREFIX_TOKENS, PAD
from voxtide.voxtral.framing import Framer
from voxtide.voxtral.model import FREE
from voxtide.voxtral.tokenizer import TextDecoder, Vocabulary

MAX_ENCODE_TOKENS = 16
"""Audio encoded in one pass for a stream with a backlog: 1.3 s. More would delay the other streams of the batch."""

_PASSES_TOKENS = (16, 8, 4, 2, 1)
"""Sizes of encoder passes. There are few, so that streams with a backlog share passes."""


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """The token of one frame of the caller's audio.

    Attributes:
        frame: Index of the 80 ms frame it labels, from 0.
        token: Its id.
        is_new: False if a flush has emitted it already.
        text: The text it completes, in whole characters; often empty.
    """

    frame: int
    token: int
    is_new: bool
    text: str


class DecodeState:
    """Position, pending audio and text of one decoding run.

    Attributes:
        framer: Audio that is not encoded yet.
        position: Position of the next token to decode.
        text: Turns tokens into text.
        forced: The next tokens, whatever the model decodes, because a flush has emitted them.
    """

    def __init__(self, delay_tokens: int, vocabulary: Vocabulary) -> None:
        self.framer = Framer()
        self.position = NUM_PREFIX_TOKENS
        self.text = TextDecoder(vocabulary)
        self.forced: deque[int] = deque()
        self._delay_tokens = delay_tokens
        self._num_encoded = NUM_PREFIX_TOKENS
        self._input = PAD

    @property
    def next_frame(self) -> int:
        """The frame of the next token; negative within the prompt."""
        return self.position - NUM_LEFT_PAD_TOKENS - self._delay_tokens

    @property
    def num_decoded_frames(self) -> int:
        """Frames of the caller's audio that the decoder has taken."""
        return max(0, self.position - NUM_LEFT_PAD_TOKENS)

    @property
    def has_work(self) -> bool:
        """Whether another token can be decoded."""
        return self._num_encoded > self.position or self.framer.num_ready > 0

    @property
    def input_token(self) -> int:
        """Input token of the next position, or FREE."""
        return self._input

    def take_window(self) -> Samples | None:
        """Audio to encode before the next token; None while encoded audio is left."""
        if self._num_encoded > self.position:
            return None
        num_tokens = next(size for size in _PASSES_TOKENS if size <= self.framer.num_ready)
        self._num_encoded += num_tokens
        return self.framer.take(num_tokens)

    def advance(self, token: int) -> DecodedToken | None:
        """Move on by one decoded token; None within the prompt, where it is unused."""
        frame = self.next_frame
        self.position += 1
        if frame < 0:
            self._input = PAD
            return None
        is_new = not self.forced
        if not is_new:
            token = self.forced.popleft()
        self._input = FREE if is_new else token
        return DecodedToken(frame, token, is_new, self.text.push(token) if is_new else "")

    def fork(self) -> DecodeState:
        """An independent copy. Requires that all encoded audio is decoded."""
        fork = copy.copy(self)
        fork.framer, fork.text, fork.forced = self.framer.fork(), self.text.fork(), self.forced.copy()
        return fork
