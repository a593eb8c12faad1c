"""Times steps of the full Voxtral on a GPU by number of streams. In: random weights. Out: a figure, a curve.

A step is one frame of each stream, from when all are fed to when the host has the tokens; streams have run for one
minute or for ten. Each number of streams has the largest window that fits into memory. A step's floor is the time in
which the card copies as many bytes as the step has to read: the weights once, and every stream's keys and values.

Every window is measured in a process of its own, and every number of streams separately: failures are noted and do not
stop the rest. Results are reported as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.load.process import in_fresh_process
from voxtide.errors import VoxtideError
from voxtide.voxtral.config import TOKEN_MS, VoxtralConfig

if TYPE_CHECKING:
    from voxtide.engines.voxtral.measure import Bench

COUNTS = (1, 8, 64, 256, 400)
AGES_TOKENS = {"1 minute": 750, "10 minutes": 7500}
NUM_STEPS, NUM_QUICK_STEPS = 120, 15
WINDOW_LIMIT_S = 1800.0
"""Timeout of one window, which takes minutes: a stuck kernel must not use up the time of the other windows."""
STEP_TARGET_MS, STREAMS_TARGET = 3.2, 400


@dataclass(frozen=True, slots=True)
class Plan:
    """The card's name, the bytes it copies per second, and the window for each number of streams."""

    card: str
    bytes_per_s: float
    windows: dict[int, int]


@dataclass(frozen=True, slots=True)
class Timed:
    """Times of steps for one number of streams and one age."""

    num_streams: int
    age: str
    window: int
    mean_ms: float
    p95_ms: float
    bytes_moved: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of one process: times, other measures, and failures."""

    timed: tuple[Timed, ...] = ()
    measures: tuple[Measure, ...] = ()
    failures: tuple[str, ...] = ()


async def measure(*, is_quick: bool, progress: Callable[[str], None]) -> Figure:
    """Measure all numbers of streams that fit.

    Raises:
        VoxtideError: Nothing could be measured.
    """
    counts, num_steps = (COUNTS[:2], NUM_QUICK_STEPS) if is_quick else (COUNTS, NUM_STEPS)
    plan = await in_fresh_process(make_plan, counts)
    progress(f"{plan.card}: copies {plan.bytes_per_s / 1e12:.2f} TB/s")
    results: list[Measured] = []
    for window, group in groupby(plan.windows, key=plan.windows.__getitem__):
        numbers = tuple(group)
        if not window:
            results.append(Measured(failures=(f"not enough memory for {_listed(numbers)} streams",)))
            continue
        progress(f"timing {_listed(numbers)} streams with a window of {window} tokens; a minute or two")
        results.append(await _measured(numbers, window, num_steps))
        for line in _report_lines(results[-1]):
            progress(line)
    return _figure(plan, results)


async def _measured(counts: tuple[int, ...], window: int, num_steps: int) -> Measured:
    """One window; if the paged kernel fails, once more with attention by mask."""
    try:
        return await in_fresh_process(time_window, counts, window, num_steps, False, limit_s=WINDOW_LIMIT_S)
    except VoxtideError as error:
        failure = f"window of {window}: {error}"
    try:
        again = await in_fresh_process(time_window, counts, window, num_steps, True, limit_s=WINDOW_LIMIT_S)
    except VoxtideError as error:
        return Measured(failures=(failure, f"window of {window}, attention by mask: {error}"))
    return Measured(again.timed, again.measures, (failure, "so attention was by mask", *again.failures))


async def make_plan(counts: tuple[int, ...]) -> Plan:
    """Query the card. Runs in a process of its own, because it takes GPU memory."""
    from voxtide.engines.voxtral import device, measure

    card = device.device_name(device.choose_device(None))
    windows = {count: measure.fitting_window(VoxtralConfig(), None, count) for count in counts}
    return Plan(card, measure.copied_bytes_per_s(None), windows)


async def time_window(counts: tuple[int, ...], window: int, num_steps: int, is_masked: bool) -> Measured:
    """Time streams with one window. Raises only if nothing can be measured.

    Raises:
        VoxtideError: The model cannot be built or run.
    """
    bench = _bench(counts, window, is_masked)
    timed, failures = _timed(bench, counts, num_steps)
    if not timed:
        raise VoxtideError("; ".join(failures))
    measures = [_memory(bench)]
    if 1 in counts:
        try:
            measures += opening_and_flush(bench, bench.weights, timed[0].mean_ms)
        except Exception as error:  # as above
            failures.append(f"opening and flush: {_reason(error)}")
    return Measured(tuple(timed), tuple(measures), tuple(failures))


def _bench(counts: tuple[int, ...], window: int, is_masked: bool) -> Bench:
    from voxtide.engines.voxtral.measure import Bench
    from voxtide.voxtral.attention import Masked

    config = VoxtralConfig()
    window = min(window, config.decoder.window)
    attention = Masked() if is_masked else None
    try:
        return Bench(config, device=None, weights=None, num_streams=max(counts), window=window, attention=attention)
    except Exception as error:  # any error of torch and its kernels: the other processes go on
        raise VoxtideError(_reason(error)) from error


def _timed(bench: Bench, counts: tuple[int, ...], num_steps: int) -> tuple[list[Timed], list[str]]:
    """Time each number of streams at each age; also returns the failures."""
    timed: list[Timed] = []
    failures: list[str] = []
    for age, age_tokens in AGES_TOKENS.items():
        for count in counts:
            try:
                steps = bench.steps(num_steps, num_streams=count, age_tokens=age_tokens)
            except Exception as error:  # as above
                failures.append(f"{count} streams, {age} old: {_reason(error)}")
                continue
            timed.append(Timed(count, age, bench.window, steps.mean_ms, steps.percentile_ms(95), steps.bytes_moved))
    return timed, failures


def _memory(bench: Bench) -> Measure:
    from voxtide.engines.voxtral.device import free_bytes

    left = f"{free_bytes(bench.device) / 2**30:.1f} GiB left free"
    return Measure(
        name=f"memory of a stream, {bench.num_streams} streams",
        value=bench.config.slot_bytes(2, bench.window) / 2**20,
        unit="MiB",
        method=f"window of {bench.window} tokens; {left} beside the weights and {bench.num_streams} streams",
    )


def _figure(plan: Plan, results: list[Measured]) -> Figure:
    timed = [it for part in results for it in part.timed]
    notes = [plan.card, *(failure for part in results for failure in part.failures)]
    if not timed:
        raise VoxtideError(f"nothing could be measured on {'; '.join(notes)}")
    gigabytes_per_s = plan.bytes_per_s / 1e9
    measures = [Measure(name="copy", value=gigabytes_per_s, unit="GB/s", method="of 1 GiB, bytes read and written")]
    lines: list[Line] = []
    for age in AGES_TOKENS:
        of_age = [it for it in timed if it.age == age]
        measures += [_step(it, plan) for it in of_age]
        measures.append(_held(of_age, age))
        lines.append(Line(f"p95, {age}", [it.num_streams for it in of_age], [it.p95_ms for it in of_age]))
        lines.append(Line(f"floor, {age}", [it.num_streams for it in of_age], [_floor_ms(it, plan) for it in of_age]))
    measures += [measure for part in results for measure in part.measures]
    plot = Plot(
        name="voxtral-streams",
        title=f"A step of the full shape on {plan.card}",
        x_label="streams",
        y_label="ms",
        lines=tuple(lines),
        y_limits=(float(TOKEN_MS),),
    )
    details = {"timed": [asdict(it) for it in timed]}
    return Figure(name="voxtral", measures=tuple(measures), notes=tuple(notes), details=details, plots=(plot,))


def _step(timed: Timed, plan: Plan) -> Measure:
    is_first = timed.num_streams == 1 and timed.age == next(iter(AGES_TOKENS))
    floor_ms = _floor_ms(timed, plan)
    over = f"{timed.mean_ms / floor_ms:.2f} x the floor of {floor_ms:.2f} ms, {timed.bytes_moved / 1e9:.1f} GB"
    return milliseconds(
        f"step of {timed.num_streams} streams, {timed.age} old",
        timed.mean_ms,
        f"mean; p95 {timed.p95_ms:.2f} ms; {over}; window of {timed.window}",
        Target("<=", STEP_TARGET_MS) if is_first else None,
    )


def _held(timed: list[Timed], age: str) -> Measure:
    held = max((it.num_streams for it in timed if it.p95_ms < TOKEN_MS), default=0)
    counts = _listed([it.num_streams for it in timed])
    return Measure(
        name=f"streams held, sessions of {age}",
        value=held,
        unit="streams",
        target=Target(">=", STREAMS_TARGET),
        method=f"the most of {counts} with p95 < {TOKEN_MS} ms, each at the largest window that fits",
    )


def _floor_ms(timed: Timed, plan: Plan) -> float:
    return 1000 * timed.bytes_moved / plan.bytes_per_s


def _report_lines(measured: Measured) -> Iterable[str]:
    for it in measured.timed:
        yield f"{it.num_streams} streams, {it.age} old: mean {it.mean_ms:.2f} ms, p95 {it.p95_ms:.2f} ms"
    yield from measured.failures


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def opening_and_flush(bench: Bench, kind: str, step_ms: float) -> list[Measure]:
    """Measures of opening a stream and of a flush."""
    num_steps, took_s = bench.flush()
    open_share = 1000 * bench.open_s() / step_ms
    return [
        ratio(f"opening a stream over a step, {kind}", open_share, "after the first", Target("<=", 1.0)),
        Measure(
            name=f"flush beyond the delay, {kind}",
            value=num_steps,
            unit="steps",
            target=Target("<=", 3),
            method=f"decoder steps of a flush over silence, less the delay's; {1000 * took_s:.0f} ms in all",
        ),
    ]


def milliseconds(name: str, value: float, method: str, target: Target | None = None) -> Measure:
    """A measure of time."""
    return Measure(name=name, value=value, unit="ms", method=method, target=target)


def ratio(name: str, value: float, method: str, target: Target | None) -> Measure:
    """A measure of one number over another."""
    return Measure(name=name, value=value, unit="x", method=method, target=target)
