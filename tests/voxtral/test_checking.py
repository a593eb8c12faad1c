"""A paged kernel is called as its version requires, and not used where its results are wrong."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from tests.support.paged_kernel import KERNEL, paged_kernel
from voxtide.voxtral.attention import Masked, Paged
from voxtide.voxtral.checking import working_paged
from voxtide.voxtral.loading import best_attention

CPU = torch.device("cpu")


def wanting_key_starts(*arguments: Any, **options: Any) -> torch.Tensor:
    if arguments[4] is None:
        raise RuntimeError("must be both set or both not set")
    assert arguments[4].dtype == torch.int32
    return paged_kernel(*arguments, **options)


def too_wide(*arguments: Any, window_size: tuple[int, int], **options: Any) -> torch.Tensor:
    return paged_kernel(*arguments, window_size=(window_size[0] + 1, 0), **options)


def missing(*_: Any, **__: Any) -> torch.Tensor:
    raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.\nmore")


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [(paged_kernel, Paged()), (wanting_key_starts, Paged(has_key_starts=True)), (too_wide, None), (missing, None)],
)
def test_a_working_call_is_found(
    kernel: object, expected: Paged | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(KERNEL, kernel)
    with caplog.at_level(logging.WARNING, "voxtide.engines"):
        assert working_paged(CPU, torch.float32) == expected
    assert bool(caplog.records) == (expected is None)


def test_a_gpu_without_the_kernel_attends_by_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.voxtral.loading.working_paged", lambda *_: None)
    assert isinstance(best_attention(torch.device("cuda"), torch.bfloat16), Masked)
