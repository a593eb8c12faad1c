"""The published model's arithmetic, and delays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from voxtide.errors import UnsupportedOptionError
from voxtide.voxtral.config import DELAYS_TOKENS, MAX_AHEAD_TOKENS, VoxtralConfig, delay_tokens

MIB = 2**20


def test_the_memory_of_a_slot_of_the_published_model() -> None:
    config = VoxtralConfig()
    assert 2 * config.decoder.kv_values_per_position == 104 * 1024
    assert 2 * config.encoder.kv_values_per_position == 256 * 1024
    assert config.encoder_cells() == 750 + 4 * 42
    assert config.decoder_cells() == 8192 + 42
    assert config.slot_bytes(2) == 918 * 256 * 1024 + 8234 * 104 * 1024
    assert config.slot_bytes(2, decoder_window=2048) == 918 * 256 * 1024 + 2090 * 104 * 1024
    assert config.shared_bytes(2) / MIB == pytest.approx(261, abs=1)


def test_rings_hold_the_longest_flush() -> None:
    config = VoxtralConfig()
    assert MAX_AHEAD_TOKENS == 30 + 1 + 11
    assert config.encoder_cells() >= config.encoder.window + 4 * MAX_AHEAD_TOKENS
    for window in (1, 50, 214, 215, 8192):
        assert config.decoder_cells(window) >= window + MAX_AHEAD_TOKENS


def test_the_config_for_transformers_round_trips() -> None:
    encoder = replace(VoxtralConfig().encoder, num_layers=3, window=40, rope_theta=1e5)
    decoder = replace(VoxtralConfig().decoder, num_kv_heads=4, hidden_dim=100, norm_eps=1e-6)
    config = VoxtralConfig(encoder=encoder, decoder=decoder, vocab_size=1200)
    assert VoxtralConfig.from_hugging_face(config.to_hugging_face()) == config


@pytest.mark.parametrize(("delay_ms", "tokens"), [(80, 1), (480, 6), (1200, 15), (2400, 30)])
def test_delays_in_tokens(delay_ms: int, tokens: int) -> None:
    assert delay_tokens(delay_ms) == tokens


def test_there_are_sixteen_delays() -> None:
    assert len(DELAYS_TOKENS) == 16


@pytest.mark.parametrize("delay_ms", [-80, 0, 40, 479, 1280, 2320, 2480])
def test_a_delay_the_model_was_not_trained_for_is_refused(delay_ms: int) -> None:
    with pytest.raises(UnsupportedOptionError, match=f"delay of {delay_ms} ms: the model was trained for 80 to 1200"):
        delay_tokens(delay_ms)
