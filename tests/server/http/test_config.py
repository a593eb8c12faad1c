from __future__ import annotations

from typing import Any

import pytest

from voxtide.errors import ConfigError
from voxtide.server.config import FileLimits


@pytest.mark.parametrize("name", ["capacity", "upload_bytes", "upload_s", "audio_s", "reader_s"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_bound_must_leave_something(name: str, value: int) -> None:
    wrong: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        FileLimits(**wrong)
