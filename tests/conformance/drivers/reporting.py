"""Shared by all drivers. In: a plan (argv) and scenarios. Out: the client's reports as JSON lines on stdout.

Runs in a client's environment, which has neither voxtide nor numpy.
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
"""Timeout of a scenario on two busy cores; each takes a second or two alone."""

Report = Callable[..., None]


@dataclass(frozen=True)
class Plan:
    """The server's URL and key, and the audio to send."""

    url: str
    key: str
    audio_dir: Path

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def file(self, name: str) -> Path:
        return self.audio_dir / name

    def audio(self, name: str) -> bytes:
        """An utterance: 16-bit PCM at 16 kHz, or as the name's suffix says."""
        return self.file(name if "." in name else f"{name}.pcm").read_bytes()


Scenario = Callable[[Plan, Report], Awaitable[None]]


def chunks(audio: bytes, num_bytes: int = 2560) -> Iterator[bytes]:
    """Chunks of 80 ms at 16 kHz."""
    for start in range(0, len(audio), num_bytes):
        yield audio[start : start + num_bytes]


def run(*scenarios: Scenario, if_named: Sequence[Scenario] = (), num_at_once: int = 100) -> None:
    """Run the scenarios named in the plan, or all but `if_named`; up to `num_at_once` concurrently."""
    fields = json.loads(sys.argv[1])
    plan = Plan(fields["url"], fields["key"], Path(fields["audio_dir"]))
    names = fields["scenarios"]
    chosen = [scenario for scenario in (*scenarios, *if_named) if scenario.__name__ in names] if names else scenarios
    asyncio.run(_run_all(chosen, plan, num_at_once))


async def _run_all(scenarios: Sequence[Scenario], plan: Plan, num_at_once: int) -> None:
    slots = asyncio.Semaphore(num_at_once)
    await asyncio.gather(*(_run_one(scenario, plan, slots) for scenario in scenarios))


async def _run_one(scenario: Scenario, plan: Plan, slots: asyncio.Semaphore) -> None:
    def report(**fields: Any) -> None:
        sys.stdout.write(json.dumps({"scenario": scenario.__name__, **fields}) + "\n")
        sys.stdout.flush()

    try:
        async with slots, asyncio.timeout(SCENARIO_S):
            await scenario(plan, report)
    except Exception as error:
        report(failure=f"{type(error).__name__}: {error}")
    else:
        report(is_over=True)
