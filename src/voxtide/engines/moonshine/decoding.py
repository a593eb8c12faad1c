"""Decodes one window. In: the audio's keys and values, tokens. Out: tokens with log probabilities and frames.

Knows no audio and no vocabulary. A `Decoding` can be forked at any of its tokens, to try other text from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.moonshine.tokenizer import BEGIN, END
from voxtide.models.onnx_session import OnnxSession

MAX_LOOP_TOKENS = 8
MIN_LOOPS = 4
"""A pattern of up to 8 tokens four times in a row is a loop; speakers do repeat a word three times."""

MAX_SKIPPED_TOKENS = 6
"""Tokens of a draft, about four words, that the text may skip. Farther on, an equal token is likely another word."""

Tensor: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its id, natural log probability, and the window's frame at its attention peak."""

    id: int
    logprob: float
    frame: int


@dataclass(frozen=True, slots=True)
class DecoderOutput:
    """The result of one run.

    Attributes:
        best: The best next token after each token from the first choice on.
        logprobs: Their log probabilities.
        attention: Of all tokens of the run, [tokens, frames].
        present: The past including them.
        watched: Log probabilities of the watched tokens at each choice, [choices, watched].
    """

    best: list[int]
    logprobs: list[float]
    attention: Tensor
    present: list[Tensor]
    watched: Tensor | None


class Decoder:
    """The decoder's session and the names of its per-layer inputs and outputs."""

    def __init__(self, session: OnnxSession, *, cross: list[str], past: list[str], present: list[str]) -> None:
        self.cross_names = cross
        self._session = session
        self._past_names = past
        self._outputs = ["best_tokens", "logprobs", "attention", *present]

    def run(
        self,
        tokens: list[int],
        *,
        position: int,
        first_choice: int,
        cross: list[Tensor],
        past: list[Tensor],
        watched: NDArray[np.int64] | None = None,
    ) -> DecoderOutput:
        """Run tokens from `position` on, with the keys and values of the audio (`cross`) and of the earlier tokens.

        `watched`: tokens whose log probability is returned for each choice; None costs nothing.
        """
        feeds: dict[str, Any] = {
            "tokens": np.array([tokens], np.int64),
            "position": np.array([position], np.int64),
            "first_choice": np.array([first_choice], np.int64),
            **dict(zip(self.cross_names, cross, strict=True)),
            **dict(zip(self._past_names, past, strict=True)),
        }
        if watched is None:
            best, logprobs, attention, *present = self._session.run(self._outputs, feeds)
            return DecoderOutput(best[0].tolist(), logprobs[0].tolist(), attention, present, None)
        best, logprobs, attention, *present, logits = self._session.run([*self._outputs, "logits"], feeds)
        of_best = np.take_along_axis(logits[0], best[0][:, None], axis=1)
        of_watched = logits[0][:, watched] - of_best + logprobs[0][:, None]
        return DecoderOutput(best[0].tolist(), logprobs[0].tolist(), attention, present, of_watched)


class Decoding:
    """The decoder's state over one window: its inputs so far, the next token, and the layers' keys and values.

    The first input is the begin token, the others are the tokens of the text.
    """

    def __init__(self, decoder: Decoder, cross: list[Tensor], *, watched: NDArray[np.int64] | None = None) -> None:
        """`watched` are tokens whose log probability after each input is kept; None for none."""
        self._decoder = decoder
        self._cross = cross
        self._past = [tensor[:, :, :0] for tensor in cross]
        self._watched = watched
        self._inputs: list[int] = []
        self._logprobs: list[float] = []  # of each input; 0 for those that were forced
        self._attention: list[Tensor] = []  # of each input, [frames]
        self._watched_logprobs: list[Tensor | None] = []  # after each input; None in the prefix
        self.next_token = BEGIN
        self.next_logprob = 0.0

    @property
    def tokens(self) -> list[int]:
        """The text so far, without `next_token`."""
        return self._inputs[1:]

    @property
    def logprobs(self) -> list[float]:
        """The log probabilities of `tokens` and of `next_token`."""
        return [*self._logprobs[1:], self.next_logprob]

    def watched_at(self, index: int) -> Tensor | None:
        """Log probabilities of the watched tokens in place of token `index`; None in the prefix."""
        return self._watched_logprobs[index]

    def run(self, inputs: list[int], *, num_certain: int) -> int:
        """Run tokens. The first `num_certain` + 1 are forced, the others kept up to the model's first disagreement.

        Returns:
            How many of the others are kept.
        """
        output = self._run(inputs, self._past, first_choice=num_certain, watched=self._watched)
        draft = inputs[num_certain + 1 :]
        num_agreed = next((i for i, token in enumerate(draft) if output.best[i] != token), len(draft))
        num_kept = num_certain + 1 + num_agreed
        self._inputs += inputs[:num_kept]
        self._logprobs += [self.next_logprob, *[0.0] * num_certain, *output.logprobs[:num_agreed]]
        self._attention += list(output.attention[:num_kept])
        if output.watched is not None:
            self._watched_logprobs += [*[None] * num_certain, *output.watched[: num_agreed + 1]]
        self.next_token, self.next_logprob = output.best[num_agreed], output.logprobs[num_agreed]
        present, num_inputs = output.present, len(self._inputs)
        self._past = present if num_kept == len(inputs) else [tensor[:, :, :num_inputs] for tensor in present]
        return num_agreed

    def _run(
        self, inputs: list[int], past: list[Tensor], *, first_choice: int, watched: NDArray[np.int64] | None
    ) -> DecoderOutput:
        position = past[0].shape[2]
        return self._decoder.run(
            inputs, position=position, first_choice=first_choice, cross=self._cross, past=past, watched=watched
        )

    def try_tokens(self, index: int, tokens: list[int], watched: NDArray[np.int64]) -> Tensor:
        """Log probabilities of `watched` if `tokens` replaced those from `index` on, [len(tokens) + 1, watched].

        Row i is the choice after the first i of `tokens`. Does not change the state.
        """
        past = [tensor[:, :, :index] for tensor in self._past]
        output = self._run([self._inputs[index], *tokens], past, first_choice=0, watched=watched)
        assert output.watched is not None
        return output.watched

    def with_tokens(self, index: int, tokens: list[int], logprobs: list[float]) -> Decoding:
        """A decoding of the same window in which `tokens` replace those from `index` on."""
        other = Decoding(self._decoder, self._cross, watched=self._watched)
        other._past = [tensor[:, :, :index] for tensor in self._past]
        other._inputs = self._inputs[:index]
        other._logprobs = self._logprobs[:index]
        other._attention = self._attention[:index]
        other._watched_logprobs = self._watched_logprobs[:index]
        other.next_logprob = self._logprobs[index]
        other.run([self._inputs[index], *tokens], num_certain=len(tokens))
        other._logprobs[index + 1 :] = logprobs
        return other

    def raise_logprobs(self, index: int, num_tokens: int, least: float) -> None:
        """Raise the log probabilities of `num_tokens` tokens from `index` on to at least `least`."""
        for i in range(index + 1, min(index + 1 + num_tokens, len(self._logprobs))):
            self._logprobs[i] = max(self._logprobs[i], least)

    def finish(self, limit: int, draft: list[int] | None = None) -> None:
        """Decode to the end token, to `limit` tokens, or to a repetition loop.

        After each token, the part of `draft` that follows its next place there runs with it.
        """
        rest = draft or []
        while self.next_token != END and len(self._inputs) <= limit:
            expected = rest_after(rest, self.next_token)
            if expected is None:
                self.run([self.next_token], num_certain=0)
            else:
                expected = expected[: limit - len(self._inputs)]
                rest = expected[self.run([self.next_token, *expected], num_certain=0) :]
            if is_looping(self.tokens):
                break

    def result(self) -> list[Token]:
        """The tokens, without the end token."""
        tokens = self.tokens
        frames = monotone_path(np.array(self._attention[: len(tokens)]))
        return [
            Token(token_id, logprob, frame)
            for token_id, logprob, frame in zip(tokens, self._logprobs[1:], frames, strict=True)
        ]


def rest_after(draft: list[int], token: int) -> list[int] | None:
    """The part of a draft after the next place of `token`; None if that is not near."""
    near = draft[:MAX_SKIPPED_TOKENS]
    return draft[near.index(token) + 1 :] if token in near else None


def is_looping(tokens: list[int]) -> bool:
    """Whether the tokens end in a repetition loop."""
    return any(
        len(tokens) >= MIN_LOOPS * n and tokens[-n * MIN_LOOPS :] == tokens[-n:] * MIN_LOOPS
        for n in range(1, MAX_LOOP_TOKENS + 1)
    )


def monotone_path(attention: Tensor) -> list[int]:
    """The frame of each token: the likeliest path through the attention [tokens, frames] that never goes back."""
    if not len(attention):
        return []
    scores = np.log(attention + 1e-6)
    best = scores[0]
    came_from = []
    for row in scores[1:]:
        reached = np.maximum.accumulate(best)
        # The best path to each frame comes from the frame where the running maximum last rose.
        came_from.append(np.maximum.accumulate(np.where(best == reached, np.arange(len(best)), 0)))
        best = reached + row
    path = [int(best.argmax())]
    for sources in reversed(came_from):
        path.append(int(sources[path[-1]]))
    return path[::-1]
