"""What every driver does. In: a plan (argv) and scenarios. Out: JSON lines of what a client reported, on stdout.

Runs in the environment of a client, where there is neither voxtide nor numpy.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENARIO_S = 30.0
"""The longest a scenario may take on two busy cores; each takes a second or two on its own."""

Report = Callable[..., None]


@dataclass(frozen=True)
class Plan:
    """Where the server is, what lets a client in, and what is said to it."""

    url: str
    key: str
    audio_dir: Path

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def file(self, name: str) -> Path:
        return self.audio_dir / name

    def audio(self, name: str) -> bytes:
        """An utterance: 16-bit PCM of 16 kHz, or what the name's ending says."""
        return self.file(name if "." in name else f"{name}.pcm").read_bytes()


Scenario = Callable[[Plan, Report], Awaitable[None]]


def chunks(audio: bytes, num_bytes: int = 2560) -> Iterator[bytes]:
    """Pieces of 80 ms of 16 kHz."""
    for start in range(0, len(audio), num_bytes):
        yield audio[start : start + num_bytes]


def run(*scenarios: Scenario, if_named: Sequence[Scenario] = (), num_at_once: int = 100) -> None:
    """Play the scenarios named in the plan, or all but those `if_named`, so many at the same time."""
    fields = json.loads(sys.argv[1])
    plan = Plan(fields["url"], fields["key"], Path(fields["audio_dir"]))
    names = fields["scenarios"]
    chosen = [scenario for scenario in (*scenarios, *if_named) if scenario.__name__ in names] if names else scenarios
    asyncio.run(_play_all(chosen, plan, num_at_once))


async def _play_all(scenarios: Sequence[Scenario], plan: Plan, num_at_once: int) -> None:
    places = asyncio.Semaphore(num_at_once)
    await asyncio.gather(*(_play(scenario, plan, places) for scenario in scenarios))


async def _play(scenario: Scenario, plan: Plan, places: asyncio.Semaphore) -> None:
    def report(**fields: Any) -> None:
        sys.stdout.write(json.dumps({"scenario": scenario.__name__, **fields}) + "\n")
        sys.stdout.flush()

    try:
        async with places, asyncio.timeout(SCENARIO_S):
            await scenario(plan, report)
    except Exception as error:
        report(failure=f"{type(error).__name__}: {error}")
    else:
        report(is_over=True)
