"""Configurations that the tests of the windowed decoder run with."""

from __future__ import annotations

from dataclasses import replace

from voxtide.engines.windowed.config import StabilityConfig, WindowedConfig

STABILITY = StabilityConfig(
    margin_s=0.1,
    sure_logprob=-0.05,
    doubt_s=2.0,
    max_doubt_s=0.4,
    min_logprob=-0.8,
    deadline_s=1.0,
    short_window_s=2.5,
    short_window_wait_s=0.5,
    show_logprob=-0.3,
    after_speech_s=0.1,
)
LIVE = WindowedConfig(
    update_frames=6,
    updates_per_decision=2,
    speculate_frames=3,
    pause_frames=4,
    min_speech_s=0.0,
    preroll_s=0.3,
    min_window_s=0.7,
    max_window_s=8.0,
    context_s=4.0,
    interim_context_s=1.5,
    max_pause_s=2.0,
    stability=STABILITY,
)
FAST = replace(
    LIVE,
    update_frames=100,
    updates_per_decision=1,
    speculate_frames=None,
    pause_frames=None,
    min_speech_s=4.0,
    max_window_s=2.0,
    context_s=1.5,
)
CONFIRMING = replace(LIVE, confirm_words=3)
CONFIRMED = replace(
    LIVE,
    early_s=0.7,
    confirm_words=4,
    checks_context=True,
    stability=replace(STABILITY, margin_s=2.5, deadline_s=6.0),
    pause_stability=STABILITY,
)
CONFIGS = {"live": LIVE, "confirming": CONFIRMING, "confirmed": CONFIRMED, "fast": FAST}
