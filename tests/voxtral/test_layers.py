"""Linear layers of all kinds, and rotary positions far out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from voxtide.voxtral import layers
from voxtide.voxtral.layers import Dense, Int8, Packed, Rotary, can_pack, rotate

CPU = torch.device("cpu")
POSITIONS = (0, 1, 749, 131_071, 131_072, 3_000_000, 10**9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("num_rows", [1, 4, 5, 16, 33])
def test_packed_is_dense(dtype: torch.dtype, num_rows: int) -> None:
    if not can_pack(dtype):
        pytest.skip(f"this CPU packs no {dtype}")
    x, weight, bias = random(num_rows, 96).to(dtype), random(80, 96).to(dtype), random(80).to(dtype)
    for b in (bias, None):
        assert_close(Packed(weight.clone(), b)(x), Dense(weight, b)(x), 1e-5 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("num_rows", [1, 4, 5, 13])
@pytest.mark.parametrize("width", [96, 40])
def test_int8_is_near_to_dense(num_rows: int, width: int) -> None:
    x, weight, bias = (random(*shape).bfloat16() for shape in ((num_rows, width), (80, width), (80,)))
    assert_close(Int8(weight, bias)(x), Dense(weight, bias)(x), 0.03)


def test_int8_unpacked_in_parts_is_int8_unpacked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x, linear = random(13, 96).bfloat16(), Int8(random(80, 96).bfloat16())
    whole = linear(x)
    monkeypatch.setattr(layers, "_INT8_WHOLE", 96)
    monkeypatch.setattr(layers, "_INT8_PART", 96 * 33)
    assert_close(linear(x), whole, 1e-6)


def test_an_output_of_zeros_survives_int8() -> None:
    weight = random(8, 32).bfloat16()
    weight[3] = 0.0
    found = Int8(weight)(random(2, 32).bfloat16())
    assert found.isfinite().all()
    assert (found[:, 3] == 0.0).all()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("head_dim", [16, 64, 128])
def test_angles_are_exact_at_any_position(position: int, head_dim: int) -> None:
    cosines, sines = Rotary(head_dim, 1e6, CPU)(torch.tensor([position]))
    for i in range(head_dim // 2):
        angle = math.fmod(position * 1e6 ** (-2.0 * i / head_dim), 2.0 * math.pi)
        tolerance = 2e-6 if position < 10**8 else 1e-5  # of the float64 this is compared with
        assert abs(cosines[0, 0, i].item() - math.cos(angle)) < tolerance
        assert abs(sines[0, 0, i].item() - math.sin(angle)) < tolerance


@pytest.mark.parametrize("distance", [0, 1, 749, 8191])
def test_a_score_depends_on_the_distance_only(distance: int) -> None:
    rotary, query, key = Rotary(64, 1e6, CPU), random(1, 1, 64), random(1, 1, 64)

    def score(position: int) -> float:
        turned = [rotate(x, *rotary(torch.tensor([at]))) for x, at in ((query, position), (key, position - distance))]
        return float((turned[0] * turned[1]).sum())

    assert max(abs(score(at) - score(8191)) for at in (131_072, 600_000, 10**9)) < 1e-4


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def assert_close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert ((found - expected).float().abs().max() / expected.float().abs().max()) < tolerance
