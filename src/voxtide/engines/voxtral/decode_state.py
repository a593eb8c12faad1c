"""A line of decoding. In: audio and what the model said. Out: what to ask next, and the tokens of the caller's audio.

A stream has one line. A flush runs ahead on a fork of it, which goes its own way and is thrown away. Knows no device.

    position    0 ......... 31 | 32 ............ 32 + d | 33 + d ...
    audio       silence        | the recording's frames
    input       BOS, PAD ...                     ... PAD | the token said before
    said        (nobody asks)               token of frame 0 | token of frame 1 ...
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
"""Audio encoded in one pass where a stream is behind: 1.3 s. More would hold up the streams beside it."""

_PASSES_TOKENS = (16, 8, 4, 2, 1)
"""Passes come in these sizes only, so that streams that are behind share them."""


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """The token of one frame of the caller's audio.

    Attributes:
        frame: The frame of 80 ms it is the label of, from 0.
        token: Its id.
        is_new: False for one that a flush has told already.
        text: What became whole characters with it.
    """

    frame: int
    token: int
    is_new: bool
    text: str


class DecodeState:
    """Where one line of decoding stands.

    Attributes:
        framer: Its audio that is not encoded yet.
        position: Of the next token to decode.
        text: Turns its tokens into text.
        forced: Tokens it says next whatever the model says, because a flush has told them.
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
        """The frame whose token comes next; negative while the prompt is not over."""
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
        """What the next position takes as its token, or FREE."""
        return self._input

    def take_window(self) -> Samples | None:
        """Audio to encode before the next token; None where embeddings are left."""
        if self._num_encoded > self.position:
            return None
        num_tokens = next(size for size in _PASSES_TOKENS if size <= self.framer.num_ready)
        self._num_encoded += num_tokens
        return self.framer.take(num_tokens)

    def take(self, said: int) -> DecodedToken | None:
        """Note what the model said; None where nobody asked it yet."""
        frame = self.next_frame
        self.position += 1
        if frame < 0:
            self._input = PAD
            return None
        is_new = not self.forced
        token = said if is_new else self.forced.popleft()
        self._input = FREE if is_new else token
        return DecodedToken(frame, token, is_new, self.text.push(token) if is_new else "")

    def fork(self) -> DecodeState:
        """A copy that goes its own way. Only where all that was encoded is decoded."""
        fork = copy.copy(self)
        fork.framer, fork.text, fork.forced = self.framer.fork(), self.text.fork(), self.forced.copy()
        return fork
