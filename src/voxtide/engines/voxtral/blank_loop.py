"""Detects the blank loop, in which the decoder emits no text over speech. In: each frame's token. Out: a bias on PAD.

Voxtral Realtime can lock onto PAD for minutes while people speak: each PAD in its input makes the next one likelier.
PAD then leads by 3 to 7 in the logits; over true silence it leads by 8.5 and more. So a bias of at most 7 ends the loop
without hallucinating words in silence.
"""

from __future__ import annotations

import logging

from voxtide.voxtral.config import PAD, TOKEN_MS, WORD

_log = logging.getLogger("voxtide.engines")

MAX_SPEECH_FRAMES = 75
"""Frames of speech without text that make a blank loop, with VAD: 6 s. Healthy speech has a word every second."""

MAX_FRAMES = 200
"""The same without VAD, where only the model's margin separates speech from silence: 16 s. The longest healthy silence
seen had 165."""

SILENT_MARGIN = 8.0
"""Without VAD, frames in which PAD leads by this or more count as silence."""

BIAS_PER_FRAME = 0.5
MAX_BIAS = 7.0


class BlankLoopDetector:
    """One stream's detector."""

    def __init__(self) -> None:
        self._num_pad_frames = 0
        self._bias = 0.0

    def update(self, frame: int, token: int, *, pad_margin: float, is_speech: bool | None) -> bool:
        """Count a frame. True if it starts a blank loop, once per loop.

        Args:
            frame: Index in the caller's audio.
            token: The decoded token.
            pad_margin: PAD's logit minus the best other logit.
            is_speech: Whether the VAD detects speech; None without VAD.
        """
        if token not in (PAD, WORD):
            if self._bias > 0.0:
                _log.info("blank loop ended at %.1f s", frame * TOKEN_MS / 1000)
            self._num_pad_frames, self._bias = 0, 0.0
            return False
        self._num_pad_frames += pad_margin < SILENT_MARGIN if is_speech is None else is_speech
        over = self._num_pad_frames - (MAX_FRAMES if is_speech is None else MAX_SPEECH_FRAMES)
        is_found = over > 0 and self._bias == 0.0
        if is_found:
            _log.warning("blank loop at %.1f s: biasing against PAD", frame * TOKEN_MS / 1000)
        self._bias = min(MAX_BIAS, max(0.0, over * BIAS_PER_FRAME))
        return is_found

    @property
    def pad_bias(self) -> float:
        """Bias to add to PAD's logit in the next frame."""
        return -self._bias
