from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pcm import PcmFormat
from voxtide.client.transport.replay_buffer import MAX_UTTERANCES, PAUSE_FRAME_S, Ending, ReplayBuffer

MAX_S = 4.0
LOUD = encode_pcm(np.random.default_rng(1).uniform(-0.5, 0.5, 16_000).astype(np.float32), Encoding.PCM_S16LE)
QUIET = bytes(32_000)


def lengths_s(replay_buffer: ReplayBuffer) -> list[float]:
    return [it.duration_s for it in replay_buffer.utterances]


def test_a_flush_ends_an_utterance_and_opens_the_next() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    replay_buffer.put(LOUD)
    first = replay_buffer.close_last(Ending.FLUSH)
    replay_buffer.put(LOUD[:16_000])
    assert (first.start_s, first.end_s, first.ending) == (0.0, 1.0, Ending.FLUSH)
    assert (replay_buffer.last.start_s, replay_buffer.last.end_s, replay_buffer.last.ending) == (1.0, 1.5, None)
    assert bytes(first.audio + replay_buffer.last.audio) == LOUD + LOUD[:16_000]


def test_a_long_utterance_is_cut_at_a_pause() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    for piece in (QUIET, LOUD, LOUD[:16_000], QUIET[:16_000], LOUD):
        replay_buffer.put(piece)
    assert replay_buffer.utterances[0].ending is Ending.CUT
    assert 2.5 < replay_buffer.utterances[0].duration_s <= 2.5 + 2 * PAUSE_FRAME_S
    assert sum(lengths_s(replay_buffer)) == replay_buffer.put_s == 4.0


def test_a_long_utterance_without_pauses_is_cut_at_three_quarters() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    for _ in range(4):
        replay_buffer.put(LOUD)
    assert replay_buffer.utterances[0].duration_s == 2.96  # three quarters, in whole frames


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=20))
def test_cuts_depend_only_on_the_audio(sizes: list[int]) -> None:
    audio = LOUD * 2 + LOUD[:20_000] + QUIET[:6_000] + LOUD * 3
    whole, pieces = ReplayBuffer(PcmFormat(), MAX_S), ReplayBuffer(PcmFormat(), MAX_S)
    whole.put(audio)
    start = 0
    for size in [*sizes, len(audio)]:
        pieces.put(audio[start : start + size])
        start += size
    assert lengths_s(pieces) == lengths_s(whole)
    assert b"".join(bytes(it.audio) for it in pieces.utterances) == audio


async def test_dropping_an_utterance_frees_space() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    for _ in range(4):
        await replay_buffer.wait_for_space(len(LOUD))
        replay_buffer.put(LOUD)
    waiting = asyncio.create_task(replay_buffer.wait_for_space(len(LOUD)))
    await asyncio.sleep(0)
    assert not waiting.done()
    replay_buffer.drop(replay_buffer.utterances[0])
    await waiting


async def test_any_size_fits_into_an_empty_buffer() -> None:
    """Otherwise a buffer smaller than the first piece would deadlock."""
    assert ReplayBuffer(PcmFormat(), 1.0).has_space(64_000)


def test_the_number_of_flushes_is_bounded() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    for _ in range(MAX_UTTERANCES - 1):
        assert replay_buffer.has_space(0)
        replay_buffer.close_last(Ending.FLUSH)
    assert not replay_buffer.has_space(0)


async def test_close_releases_a_task_that_waits_for_space() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), 1.0)
    replay_buffer.put(LOUD)
    waiting = asyncio.create_task(replay_buffer.wait_for_space(1))
    await asyncio.sleep(0)
    replay_buffer.close()
    await waiting


def test_the_next_utterance_to_send() -> None:
    replay_buffer = ReplayBuffer(PcmFormat(), MAX_S)
    first, second = replay_buffer.close_last(Ending.FLUSH), replay_buffer.close_last(Ending.FLUSH)
    assert replay_buffer.next_to_send is first
    first.is_detached = True
    assert replay_buffer.next_to_send is second
    assert replay_buffer.following(first) is second
    second.is_answered = True
    last = replay_buffer.close_last(Ending.FINISH)
    assert replay_buffer.next_to_send is last
    last.is_answered = True
    assert replay_buffer.next_to_send is None
    assert replay_buffer.following(last) is None
