"""Times Voxtral's steps. In: random weights of a shape. Out: times beside a floor and beside `transformers`.

On a CPU, with 200 million weights:

- step: one frame of one stream, from when all streams are fed to when the host has its token.
- floor: one pass of torch's matrix-vector products over the same weights.
- transformers: the time between two chunks that its streaming `generate` reads.

All run one after the other in one process, over random weights of the same shape and type. Each reports the 10th
percentile, because other programs only ever make a step longer.

Unless the run is quick, it also times a step of the full 4.4 billion weights in int8.

On a GPU the figure is measured by voxtral_gpu.py instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.figures import voxtral_gpu
from voxtide.bench.figures.voxtral_gpu import milliseconds, opening_and_flush, ratio
from voxtide.bench.load.process import in_fresh_process
from voxtide.bench.load.session import BenchSession
from voxtide.errors import MissingExtraError, VoxtideError
from voxtide.voxtral.config import TOKEN_MS, VoxtralConfig

if TYPE_CHECKING:
    from voxtide.voxtral.loading import Weights

NUM_STREAMS = 16
NUM_STEPS, NUM_QUICK_STEPS = 60, 15
WINDOW = 1024
KINDS: tuple[Weights, ...] = ("fp32", "bf16", "int8")


async def measure(session: BenchSession) -> Figure:
    """Measure on the GPU if there is one, else on the CPU."""
    try:
        from voxtide.engines.voxtral.device import choose_device
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "voxtral", "measuring Voxtral") from error

    if choose_device(None).type == "cuda":
        return await voxtral_gpu.measure(is_quick=session.is_quick, progress=session.progress)
    num_steps = NUM_QUICK_STEPS if session.is_quick else NUM_STEPS
    session.progress("timing steps beside transformers; some minutes")
    figure = await in_fresh_process(_on_cpu, num_steps)
    if session.is_quick:
        return figure
    session.progress("timing steps of the full shape in int8; a minute")
    return replace(figure, measures=(*figure.measures, *await in_fresh_process(_full_on_cpu, NUM_QUICK_STEPS)))


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our times with one kind of weights: a step of one stream, a step of all, and all measures to report."""

    step_ms: float
    batch_ms: float
    measures: tuple[Measure, ...]


async def _on_cpu(num_steps: int) -> Figure:
    from voxtide.engines.voxtral import measure as steps

    measures: list[Measure] = []
    theirs_ms: dict[str, float] = {}
    notes: list[str] = []
    for kind in KINDS:
        ours = _ours(kind, num_steps)
        measures += ours.measures
        if kind == "int8":
            measures += _against("int8 against their bf16", theirs_ms.get("bf16"), ours.step_ms, Target(">=", 2.0))
            continue
        floor_ms = 1000 * steps.floor_s(steps.MEDIUM, kind, num_steps)
        target = Target("<=", 1.15)
        measures.append(ratio(f"step over the floor, {kind}", ours.step_ms / floor_ms, f"{floor_ms:.1f} ms", target))
        try:
            theirs_ms[kind] = 1000 * steps.reference_s(steps.MEDIUM, kind, num_steps)
        except VoxtideError as error:
            notes.append(str(error))
            continue
        measures += _beside_theirs(kind, ours, theirs_ms[kind])
    return Figure(name="voxtral", measures=tuple(measures), notes=tuple(notes))


def _ours(kind: Weights, num_steps: int) -> _Ours:
    """Time our side. Its model is freed on return, before the reference allocates as much memory."""
    from voxtide.engines.voxtral import measure as steps

    bench = steps.Bench(steps.MEDIUM, device="cpu", weights=kind, num_streams=NUM_STREAMS, window=WINDOW)
    step_ms = bench.steps(num_steps, num_streams=1).undisturbed_ms
    batch_ms = bench.steps(num_steps).undisturbed_ms
    measures = (
        milliseconds(f"step of one stream, {kind}", step_ms, "one frame, one stream; 10th percentile"),
        milliseconds(f"step of {NUM_STREAMS} streams, {kind}", batch_ms, "a frame of each; 10th percentile"),
        *opening_and_flush(bench, kind, step_ms),
    )
    return _Ours(step_ms, batch_ms, measures)


def _beside_theirs(kind: Weights, ours: _Ours, theirs_ms: float) -> list[Measure]:
    """The reference's time, and our speed-up for one stream and for all."""
    method = "streaming generate, chunk to chunk; 10th percentile"
    faster = Target(">=", 1.4) if kind == "bf16" else None
    several = f"{NUM_STREAMS} streams against {NUM_STREAMS} of theirs in sequence, {kind}"
    return [
        milliseconds(f"step of transformers, {kind}", theirs_ms, method),
        *_against(f"{kind} against their {kind}", theirs_ms, ours.step_ms, faster),
        *_against(several, NUM_STREAMS * theirs_ms, ours.batch_ms, Target(">=", 6.0)),
    ]


async def _full_on_cpu(num_steps: int) -> tuple[Measure, ...]:
    """The full shape; no measures if it does not fit into memory."""
    from voxtide.engines.voxtral import measure as steps

    config = VoxtralConfig()
    if not steps.fitting_window(config, "cpu", 1):
        return ()
    bench = steps.Bench(config, device="cpu", weights="int8", num_streams=1, window=min(WINDOW, config.decoder.window))
    step_ms = bench.steps(num_steps).undisturbed_ms
    method = f"step of one stream, 10th percentile, {step_ms:.0f} ms, over the {TOKEN_MS} ms of audio it takes"
    return (ratio("real-time factor of the full shape, int8", step_ms / TOKEN_MS, method, None),)


def _against(name: str, theirs_ms: float | None, ours_ms: float, target: Target | None) -> list[Measure]:
    """Our speed-up; no measures if the reference could not be measured."""
    if theirs_ms is None:
        return []
    return [ratio(f"faster: {name}", theirs_ms / ours_ms, f"{theirs_ms:.1f} ms over {ours_ms:.1f} ms", target)]
