"""Watches for the rut in which the model says nothing to real speech. In: what each frame said. Out: a bias on PAD.

Voxtral Realtime can lock onto PAD for minutes while people speak: each PAD it reads makes the next one likelier. PAD
then leads by 3 to 7 in the logits, over true silence by 8.5 and more. So a push of at most 7 lets out of the rut and
makes no words of silence.
"""

from __future__ import annotations

import logging

from voxtide.voxtral.config import PAD, TOKEN_MS, WORD

_log = logging.getLogger("voxtide.engines")

MAX_SPEECH_FRAMES = 75
"""Frames of speech without text that make a rut, where a voice detector tells speech: 6 s. Healthy speech has a word
every second."""

MAX_FRAMES = 200
"""The same where nothing tells speech from silence but the model: 16 s. The longest healthy silence seen had 165."""

SILENT_MARGIN = 8.0
"""PAD leads by more than this where it is silent, so such a frame says nothing of a rut."""

PUSH_PER_FRAME = 0.5
MAX_PUSH = 7.0


class BlankLoopDetector:
    """One stream's watch."""

    def __init__(self) -> None:
        self._num_blanks = 0
        self._push = 0.0

    def push(self, frame: int, token: int, *, pad_margin: float, is_speech: bool | None) -> bool:
        """Take a frame. True where a rut is found with it, once for each rut.

        Args:
            frame: Of the caller's audio.
            token: What was said.
            pad_margin: By how much PAD led.
            is_speech: Whether somebody speaks in it; None where nobody listens.
        """
        if token not in (PAD, WORD):
            if self._push > 0.0:
                _log.info("the text goes on at %.1f s of the audio", frame * TOKEN_MS / 1000)
            self._num_blanks, self._push = 0, 0.0
            return False
        self._num_blanks += pad_margin < SILENT_MARGIN if is_speech is None else is_speech
        over = self._num_blanks - (MAX_FRAMES if is_speech is None else MAX_SPEECH_FRAMES)
        is_found = over > 0 and self._push == 0.0
        if is_found:
            _log.warning("no text for long at %.1f s of the audio; pushing the model", frame * TOKEN_MS / 1000)
        self._push = min(MAX_PUSH, max(0.0, over * PUSH_PER_FRAME))
        return is_found

    @property
    def pad_bias(self) -> float:
        """What to add to PAD's score in the next frame."""
        return -self._push
