"""Plays audio into an adapter in real time. In: a command, samples. Out: its text with arrival times, and its cost.

The audio is written in chunks of 20 ms, each when its last sample would have been recorded. An adapter that does not
read in time delays nothing: what it has not read waits in memory, at most the whole talk.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pacing import paced
from voxtide.bench.load.play import PACED_CHUNK_MS, SamplesSource, TimedEvent
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta, Interim
from voxtide.types import SAMPLE_RATE_HZ, Samples

READY_LIMIT_S = 180.0
"""Importing torch and loading a model took up to 40 s on two busy cores."""

FINISH_LIMIT_S = 30.0
"""After the end of the audio. Who needs longer is not live; the text so far counts, and the result says so."""

EXIT_LIMIT_S = 10.0
"""From the end of its output to its exit."""

LOOK_S = 0.2
"""Processor time is read this often: a process that ends loses at most so much of it."""

MAX_LINE_BYTES = 1 << 20
"""A line has the text of a few minutes at most."""

MAX_LAST_BYTES, NUM_LAST_LINES = 1 << 13, 20
"""Kept of the adapter's stderr, for its failure."""

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""A peer that looks for a model elsewhere fails at once, instead of measuring a download."""


@dataclass(frozen=True, slots=True)
class PeerPlay:
    """The record of one play. Times are seconds since the audio began.

    Attributes:
        events: All text, final as `Delta`, other as `Interim`.
        cpu_s: Processor time of the adapter and its child processes, from `ready` to its end.
        late_s: How late each chunk was written.
        finish_s: From the end of the audio to the adapter's end.
        is_cut_off: Whether it was ended after the limit; text after that is missing.
    """

    events: tuple[TimedEvent, ...]
    cpu_s: float
    late_s: tuple[float, ...]
    finish_s: float
    is_cut_off: bool


async def play_peer(
    command: Sequence[str],
    samples: Samples,
    *,
    extra_environment: Mapping[str, str] = OFFLINE,
    ready_limit_s: float = READY_LIMIT_S,
    finish_limit_s: float = FINISH_LIMIT_S,
) -> PeerPlay:
    """Start an adapter, play the samples and wait for its end. It and its child processes are gone afterwards.

    Raises:
        VoxtideError: It could not be started, was not ready in time, died or wrote something else than text; the
            message has its last lines.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **extra_environment},
            limit=MAX_LINE_BYTES,
            start_new_session=True,  # so that its child processes can be ended with it
        )
    except OSError as error:
        raise VoxtideError(f"{command[0]} could not be started: {error}") from error
    try:
        return await _Play(process).run(samples, ready_limit_s, finish_limit_s)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@dataclass(slots=True)
class _Play:
    """One running adapter."""

    process: asyncio.subprocess.Process
    last_output: bytes = b""
    events: list[TimedEvent] = field(default_factory=list)

    async def run(self, samples: Samples, ready_limit_s: float, finish_limit_s: float) -> PeerPlay:
        """Wait until it is ready, play, wait for its end."""
        async with _running(self._keep_last_output()) as errors:
            await self._ready(ready_limit_s)
            usage = ProcessorTime(self.process.pid)
            async with _running(usage.follow()), _running(self._receive()) as receiving:
                began_s, late_s = await self._feed(samples, receiving)
                ended_s = time.monotonic()
                finished, _ = await asyncio.wait([receiving], timeout=finish_limit_s)
                finish_s = time.monotonic() - ended_s
                usage.look()
            if finished:
                receiving.result()  # raises what it raised
                is_early = len(late_s) * PACED_CHUNK_MS * SAMPLE_RATE_HZ < 1000 * len(samples)
                await self._check_end(errors, is_early=is_early)
        return PeerPlay(
            events=tuple(TimedEvent(one.event, one.at_s - began_s) for one in self.events),
            cpu_s=usage.total_s,
            late_s=late_s,
            finish_s=finish_s,
            is_cut_off=not finished,
        )

    async def _keep_last_output(self) -> None:
        assert self.process.stderr is not None
        while output := await self.process.stderr.read(MAX_LAST_BYTES):
            self.last_output = (self.last_output + output)[-MAX_LAST_BYTES:]

    async def _ready(self, limit_s: float) -> None:
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                line = await self.process.stdout.readline()
        except TimeoutError as error:
            raise self._failure(f"was not ready within {limit_s:g} s") from error
        if line.strip() != b"ready":
            await asyncio.sleep(LOOK_S)  # its last lines may still be on their way
            raise self._failure(f"wrote {line[:80]!r} instead of 'ready'" if line else "ended before it was ready")

    async def _receive(self) -> None:
        """Stamp every text until the adapter closes its output."""
        assert self.process.stdout is not None
        line = b""
        try:
            while line := await self.process.stdout.readline():
                self.events.append(TimedEvent(text_event(line), time.monotonic()))
        except ValueError as error:  # also for a line beyond `MAX_LINE_BYTES`
            raise self._failure(f"wrote a line that is no text, after or as {line[:80]!r}: {error}") from error

    async def _feed(self, samples: Samples, receiving: asyncio.Task[None]) -> tuple[float, tuple[float, ...]]:
        """Write the audio, until the adapter's output ends; returns when it began, and how late each chunk was."""
        assert self.process.stdin is not None
        fed_s: list[float] = []
        num_samples = 0
        async with paced(SamplesSource(samples, chunk_ms=PACED_CHUNK_MS)) as source:
            async for chunk in source:
                if receiving.done():
                    break
                self.process.stdin.write(encode_pcm(chunk, Encoding.PCM_S16LE))
                num_samples += len(chunk)
                fed_s.append(time.monotonic() - num_samples / SAMPLE_RATE_HZ)
        self.process.stdin.close()
        began_s = min(fed_s, default=0.0)
        return began_s, tuple(at_s - began_s for at_s in fed_s)

    async def _check_end(self, errors: asyncio.Task[None], *, is_early: bool) -> None:
        """Check how an adapter ended that has closed its output."""
        try:
            async with asyncio.timeout(EXIT_LIMIT_S):
                code = await self.process.wait()
        except TimeoutError:
            code = 0  # all text is there; some libraries never join their threads
        await asyncio.wait([errors], timeout=LOOK_S)
        if code != 0:
            raise self._failure(f"ended with exit code {code}")
        if is_early:
            raise self._failure("ended before the audio did")

    def _failure(self, what: str) -> VoxtideError:
        last = self.last_output.decode("utf-8", errors="replace").split("\n")[-NUM_LAST_LINES:]
        lines = "".join(f"\n  {line.rstrip()}" for line in last if line.strip())
        return VoxtideError(f"the adapter {what}; its last lines:{lines or ' none'}")


def text_event(line: bytes) -> Delta | Interim:
    """An adapter's line as an event. Which audio it belongs to is unknown, and not needed.

    Raises:
        ValueError: It is no such line.
    """
    match json.loads(line):
        case {"final": str(text), **rest} if not rest:
            return Delta(text, audio_s=0.0)
        case {"interim": str(text), **rest} if not rest:
            return Interim(text, audio_s=0.0)
    raise ValueError("neither final nor interim text")


class ProcessorTime:
    """Processor time of a process and all its descendants from now on, also of those that end meanwhile."""

    def __init__(self, pid: int) -> None:
        """Start counting."""
        self._pid = pid
        self._by_process: dict[tuple[int, float], float] = {}
        self.look()
        self._began_s = self._sum_s

    @property
    def total_s(self) -> float:
        """As far as it was looked at."""
        return self._sum_s - self._began_s

    @property
    def _sum_s(self) -> float:
        return sum(self._by_process.values())

    def look(self) -> None:
        """Read all that are running."""
        with suppress(psutil.Error):
            root = psutil.Process(self._pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.Error):  # it has just ended
                    times = process.cpu_times()
                    self._by_process[process.pid, process.create_time()] = times.user + times.system

    async def follow(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run a coroutine beside the block; it is cancelled at its end."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # its reader has seen it
