from __future__ import annotations

import numpy as np

from voxtide.engines.local.queues import (
    INBOX_COMMANDS,
    INBOX_SAMPLES,
    OUTBOX_EVENTS,
    FinishCommand,
    FlushCommand,
    Inbox,
    Outbox,
)
from voxtide.transcript.events import Delta, Interim


def test_the_inbox_keeps_order() -> None:
    inbox = Inbox()
    samples = np.zeros(160, np.float32)
    commands = [samples, FlushCommand(1), samples, FinishCommand()]
    assert all(inbox.try_put(command) for command in commands)
    assert len(inbox) == 4
    assert [inbox.take() for _ in commands] == commands
    assert inbox.take() is None


def test_queued_audio_is_merged_up_to_a_limit_or_a_flush() -> None:
    inbox = Inbox()
    pieces = [np.full(100, number, np.float32) for number in range(5)]
    for command in (*pieces[:3], FlushCommand(1), *pieces[3:]):
        assert inbox.try_put(command)
    assert [inbox.take(merge_samples=250) for _ in range(3)][2] == FlushCommand(1)
    rest = inbox.take(merge_samples=250)
    assert isinstance(rest, np.ndarray)
    assert rest.tolist() == [3.0] * 100 + [4.0] * 100
    assert inbox.try_put(np.zeros(INBOX_SAMPLES, np.float32))  # taken audio frees its space


def test_the_inbox_is_bounded_in_samples() -> None:
    inbox = Inbox()
    piece = np.zeros(INBOX_SAMPLES // 4, np.float32)
    assert [inbox.try_put(piece) for _ in range(5)] == [True] * 4 + [False]
    assert inbox.try_put(FlushCommand(1))
    inbox.take()
    assert inbox.try_put(piece)
    assert not inbox.try_put(piece[:1])


def test_the_inbox_is_bounded_in_commands() -> None:
    inbox = Inbox()
    assert all(inbox.try_put(FlushCommand(i)) for i in range(INBOX_COMMANDS))
    assert not inbox.try_put(FlushCommand(0))
    assert not inbox.try_put(np.zeros(1, np.float32))


def test_a_cleared_inbox_is_empty() -> None:
    inbox = Inbox()
    assert inbox.try_put(np.zeros(INBOX_SAMPLES, np.float32))
    inbox.clear()
    assert inbox.take() is None
    assert inbox.try_put(np.zeros(INBOX_SAMPLES, np.float32))


def test_an_interim_replaces_only_an_interim_right_before_it() -> None:
    outbox = Outbox()
    outbox.put([Interim("a", 1), Interim("ab", 2)])
    outbox.put([Interim("abc", 3), Delta("ab", 3), Interim("c", 3)])
    outbox.put([Interim("cd", 4)])
    assert [outbox.take()[0] for _ in range(len(outbox))] == [Interim("abc", 3), Delta("ab", 3), Interim("cd", 4)]


def test_take_reports_whether_the_outbox_was_full() -> None:
    outbox = Outbox()
    outbox.put([Delta("x", 0)] * OUTBOX_EVENTS)
    assert outbox.is_full
    assert outbox.take() == (Delta("x", 0), True)
    assert not outbox.is_full
    assert outbox.take() == (Delta("x", 0), False)


def test_a_closed_outbox_stays_empty() -> None:
    outbox = Outbox()
    outbox.put([Delta("x", 0)])
    outbox.close()
    outbox.put([Delta("y", 0)])
    assert outbox.take() == (None, False)


def test_a_sealed_outbox_keeps_only_what_it_has() -> None:
    outbox = Outbox()
    outbox.put([Delta("x", 0)])
    outbox.seal()
    outbox.put([Delta("y", 0)])
    assert [outbox.take()[0] for _ in range(2)] == [Delta("x", 0), None]
