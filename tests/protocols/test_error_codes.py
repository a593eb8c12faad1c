from __future__ import annotations

from collections.abc import Iterator

import pytest

from voxtide import errors
from voxtide.protocols.error_codes import failure_of

SILENT_CLOSE_CODES = {1000, 1001}
"""Clients take these for a normal end: a failure with one would look like an empty result."""


def failures() -> Iterator[errors.VoxtideError]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.VoxtideError):
            yield kind("pkg", "extra", "it") if kind is errors.MissingExtraError else kind("why")


@pytest.mark.parametrize("error", list(failures()), ids=lambda error: error.code)
def test_every_failure_is_an_exception_for_the_client(error: errors.VoxtideError) -> None:
    failure = failure_of(error)
    assert failure.close_code not in SILENT_CLOSE_CODES
    assert 400 <= failure.status < 600
    assert failure.code == error.code
    assert (failure.message == str(error)) is (failure.status not in {500, 502})


@pytest.mark.parametrize(
    ("error", "status", "close_code"),
    [
        (errors.CapacityError("full"), 503, 1013),
        (errors.SessionExpiredError("3600 s"), 408, 1013),
        (errors.SessionIdleError("60 s"), 408, 1013),
        (errors.AudioAheadError("30 s"), 429, 1008),
        (errors.MessageTooBigError("1 MiB"), 413, 1009),
        (errors.UnsupportedOptionError("de"), 400, 1008),
        (errors.CorruptAudioError("NaN"), 400, 1008),
        (errors.EngineFailedError("died"), 500, 1011),
        (errors.ConnectionFailedError("http://gpu refuses key"), 502, 1011),
        (errors.VoxtideError("?"), 500, 1011),
    ],
)
def test_statuses_show_which_failures_can_be_retried(error: errors.VoxtideError, status: int, close_code: int) -> None:
    failure = failure_of(error)
    assert (failure.status, failure.close_code) == (status, close_code)
