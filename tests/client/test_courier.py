"""Servers that ignore, delay, repeat and drop flushes, that hang up, that answer late: no word is lost or doubled."""

from __future__ import annotations

import pytest
from conversations import QUICK, assert_said, converse
from scripted_server import Manners, after, serving

from voxtide.client.opening import connect

FAULTS = {
    "ignores every flush": Manners(ignores_flush=True),
    "answers flushes late": Manners(flush_delay_s=1.0),
    "answers flushes a little late": Manners(flush_delay_s=0.1),
    "answers each flush twice": Manners(num_dones=2),
    "answers each flush three times": Manners(num_dones=3),
    "tells no deltas": Manners(has_deltas=False),
    "tells no deltas and ignores flushes": Manners(has_deltas=False, ignores_flush=True),
    "tells no times": Manners(has_segments=False),
    "ignores flushes and is slow to end": Manners(ignores_flush=True, end_delay_s=0.1),
}


@pytest.mark.parametrize("manners", FAULTS.values(), ids=FAULTS)
async def test_a_server_that_always_behaves_so(manners: Manners) -> None:
    async with serving(manners) as server:
        said = await converse(connect(server.url, config=QUICK))
        assert_said(said)
    assert server.num_open == 0


PASSING = {
    "ignores flush and end": Manners(ignores_flush=True, ignores_end=True),
    "ignores flush, is cut at the end": Manners(ignores_flush=True, is_cut_at_end=True),
    "ignores flush, ends too late": Manners(ignores_flush=True, end_delay_s=1.0),
    "is cut in the first word": Manners(cut_after_s=0.2),
    "is cut in the third word": Manners(cut_after_s=0.6),
    "is cut in the third utterance": Manners(cut_after_s=1.1),
    "is cut at a flush": Manners(is_cut_at_flush=True),
    "is cut at the end": Manners(is_cut_at_end=True),
    "goes away": Manners(close_code=1001),
    "closes without a reason": Manners(close_code=1000),
    "fails": Manners(close_code=1011),
    "has an error, then fails": Manners(close_code=1011, error={"message": "out of memory", "code": 500}),
}


@pytest.mark.parametrize("manners", PASSING.values(), ids=PASSING)
async def test_a_server_that_does_so_twice(manners: Manners) -> None:
    async with serving(after(manners, manners)) as server:
        said = await converse(connect(server.url, config=QUICK), rest="again")
        assert_said(said, rest="again")
    assert said.replacements
    assert server.num_open == 0
