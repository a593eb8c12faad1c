"""What serving changes in its process, and restores."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import pytest

from tests.support.serving import running
from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig
from voxtide.server.serving import GC_THRESHOLDS, listen, tuned_gc


async def test_gc_is_tuned_and_frozen_while_serving() -> None:
    assert gc.get_freeze_count() == 0
    before = gc.get_threshold()
    async with running() as server:
        await server.get("/health")
        assert gc.get_freeze_count() > 1000  # modules
        assert gc.get_threshold() == GC_THRESHOLDS
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == before


@pytest.mark.parametrize("ends_first", [0, 1])
def test_the_last_of_two_servers_restores_gc(ends_first: int) -> None:
    before = gc.get_threshold()
    servers = [ExitStack(), ExitStack()]
    for server in servers:
        server.enter_context(tuned_gc())
    servers.pop(ends_first).close()
    servers.pop().close()
    assert gc.get_threshold() == before


@pytest.mark.parametrize("host", ["192.0.2.1", ""])  # an address of no machine (RFC 5737), and none
def test_an_address_that_cannot_be_bound_is_an_error_with_the_remedy(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"^cannot listen on '{host}' port 0: [^(]*; --host 127.0.0.1 always works$"):
        listen(ServerConfig(host=host, port=0)).close()


def test_gc_is_restored_after_an_exception() -> None:
    with pytest.raises(OSError, match="no more"), tuned_gc():
        assert gc.get_freeze_count() > 0
        raise OSError("no more")
    assert gc.get_freeze_count() == 0
