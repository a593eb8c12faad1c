"""What serving does to the process that serves, and undoes."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import pytest

from tests.support.serving import running
from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig
from voxtide.server.serving import GARBAGE_THRESHOLDS, garbage_frozen, listen


async def test_garbage_is_not_looked_for_in_what_was_there_before() -> None:
    assert gc.get_freeze_count() == 0
    before = gc.get_threshold()
    async with running() as server:
        await server.get("/health")
        assert gc.get_freeze_count() > 1000  # modules
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


@pytest.mark.parametrize("ends_first", [0, 1])
def test_of_two_servers_the_last_leaves_all_as_it_was(ends_first: int) -> None:
    before = gc.get_threshold()
    servers = [ExitStack(), ExitStack()]
    for server in servers:
        server.enter_context(garbage_frozen())
    servers.pop(ends_first).close()
    servers.pop().close()
    assert gc.get_threshold() == before


@pytest.mark.parametrize("host", ["192.0.2.1", ""])  # one that no machine has (RFC 5737), and none
def test_an_address_that_cannot_be_had_is_told_with_the_remedy(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^cannot listen on '{host}' port 0: [^(]*; --host 127.0.0.1 always works$"):
        listen(ServerConfig(host=host, port=0)).close()


def test_garbage_is_looked_for_again_after_a_failure() -> None:
    with pytest.raises(OSError, match="no more"), garbage_frozen():
        assert gc.get_freeze_count() > 0
        raise OSError("no more")
    assert gc.get_freeze_count() == 0
