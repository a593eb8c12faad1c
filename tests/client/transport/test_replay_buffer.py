from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pcm import PcmFormat
from voxtide.client.transport.replay_buffer import FRAME_S, MAX_UTTERANCES, Ending, Journal

MAX_S = 4.0
LOUD = encode_pcm(np.random.default_rng(1).uniform(-0.5, 0.5, 16_000).astype(np.float32), Encoding.PCM_S16LE)
QUIET = bytes(32_000)


def lengths_s(journal: Journal) -> list[float]:
    return [it.duration_s for it in journal.utterances]


def test_a_flush_closes_an_utterance_and_opens_the_next() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    journal.put(LOUD)
    first = journal.close_last(Ending.FLUSH)
    journal.put(LOUD[:16_000])
    assert (first.start_s, first.end_s, first.ending) == (0.0, 1.0, Ending.FLUSH)
    assert (journal.last.start_s, journal.last.end_s, journal.last.ending) == (1.0, 1.5, None)
    assert bytes(first.audio + journal.last.audio) == LOUD + LOUD[:16_000]


def test_speech_without_an_end_is_cut_at_a_quiet_place() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    for piece in (QUIET, LOUD, LOUD[:16_000], QUIET[:16_000], LOUD):
        journal.put(piece)
    assert journal.utterances[0].ending is Ending.CUT
    assert 2.5 < journal.utterances[0].duration_s <= 2.5 + 2 * FRAME_S
    assert sum(lengths_s(journal)) == journal.put_s == 4.0


def test_or_wherever_it_is_when_it_has_become_too_long() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    for _ in range(4):
        journal.put(LOUD)
    assert journal.utterances[0].duration_s == 2.96  # three quarters, in whole places


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=20))
def test_where_it_is_cut_hangs_on_the_audio_only(sizes: list[int]) -> None:
    audio = LOUD * 2 + LOUD[:20_000] + QUIET[:6_000] + LOUD * 3
    whole, pieces = Journal(PcmFormat(), MAX_S), Journal(PcmFormat(), MAX_S)
    whole.put(audio)
    start = 0
    for size in [*sizes, len(audio)]:
        pieces.put(audio[start : start + size])
        start += size
    assert lengths_s(pieces) == lengths_s(whole)
    assert b"".join(bytes(it.audio) for it in pieces.utterances) == audio


async def test_there_is_room_again_when_text_has_come() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    for _ in range(4):
        await journal.room(len(LOUD))
        journal.put(LOUD)
    waiting = asyncio.create_task(journal.room(len(LOUD)))
    await asyncio.sleep(0)
    assert not waiting.done()
    journal.drop(journal.utterances[0])
    await waiting


async def test_one_utterance_may_always_be_put() -> None:
    """Else a journal shorter than the first piece would wait for ever."""
    assert Journal(PcmFormat(), 1.0).has_room(64_000)


def test_flushes_are_bounded() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    for _ in range(MAX_UTTERANCES - 1):
        assert journal.has_room(0)
        journal.close_last(Ending.FLUSH)
    assert not journal.has_room(0)


async def test_closing_wakes_who_waits_for_room() -> None:
    journal = Journal(PcmFormat(), 1.0)
    journal.put(LOUD)
    waiting = asyncio.create_task(journal.room(1))
    await asyncio.sleep(0)
    journal.close()
    await waiting


def test_what_is_next_to_carry() -> None:
    journal = Journal(PcmFormat(), MAX_S)
    first, second = journal.close_last(Ending.FLUSH), journal.close_last(Ending.FLUSH)
    assert journal.next_to_carry is first
    first.is_handed_over = True
    assert journal.next_to_carry is second
    assert journal.following(first) is second
    second.is_answered = True
    last = journal.close_last(Ending.FINISH)
    assert journal.next_to_carry is last
    last.is_answered = True
    assert journal.next_to_carry is None
    assert journal.following(last) is None
