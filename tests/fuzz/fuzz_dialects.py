"""Fuzzes the realtime dialects with atheris: bytes become messages and events, and no dialect may raise.

Not part of the test suite. To run it for ten minutes and keep its corpus (atheris supports only some Pythons):

    pip install atheris
    python tests/fuzz/fuzz_dialects.py -max_total_time=600 corpus/

The arguments are libFuzzer's. A crash is written to a file; pass that as the only argument to reproduce it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    import atheris
except ImportError:
    sys.exit("fuzzing needs atheris; install it with: pip install atheris")

with atheris.instrument_imports(include=["voxtide.protocols"]):
    from tests.support.dialect_session import ABLE, ENGLISH, Conversation
    from tests.support.dialect_strategies import TURN_EVENTS, client_messages
    from voxtide.errors import CapacityError
    from voxtide.protocols.realtime.routing import RealtimePath

MAX_STEPS = 40


def one_input(data: bytes) -> None:
    """A conversation drawn from `data`. `Conversation` asserts the guarantees of every dialect."""
    provider = atheris.FuzzedDataProvider(data)
    path = provider.PickValueInList(list(RealtimePath))
    conversation = Conversation(path, provider.PickValueInList([ABLE, ENGLISH]))
    for _ in range(MAX_STEPS):
        if not provider.remaining_bytes():
            break
        one_step(provider, path, conversation)
    if conversation.close is None:
        error = provider.PickValueInList([None, CapacityError("full")])
        conversation.execute(conversation.dialect.drain(error))
        conversation.work()
    assert conversation.close is not None


def one_step(provider: atheris.FuzzedDataProvider, path: RealtimePath, conversation: Conversation) -> None:
    match provider.ConsumeIntInRange(0, 5):
        case 0:
            conversation.send_raw(provider.ConsumeBytes(64))
        case 1:
            conversation.send_raw(provider.ConsumeUnicode(64))
        case 2:
            kind, _ = provider.PickValueInList(client_messages(path))
            text = provider.ConsumeUnicodeNoSurrogates(48)
            conversation.send_raw(f'{{"type":"{kind}",{text}}}')
        case 3:
            kind, fields = provider.PickValueInList(client_messages(path))
            conversation.send(kind, **fields)
        case 4:
            conversation.work(provider.ConsumeIntInRange(1, 4))
        case 5:
            conversation.on_event(provider.PickValueInList(TURN_EVENTS))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
