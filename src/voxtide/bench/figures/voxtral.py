"""How fast Voxtral's steps are. In: random weights of a shape. Out: times beside a floor and beside `transformers`.

On a CPU, with 200 million weights:

- step: one frame of one stream, from the moment all streams were fed to the moment its token is known to the host.
- floor: one pass of torch's matrix-vector products over the same weights.
- transformers: the time from one chunk that its streaming `generate` asks for to the next.

All run one after the other in one process, over random weights of the same shape and type. Of each the 10th percentile
is taken: what other programs disturb is longer, never shorter.

And, unless the run is quick, a step of the full 4.4 billion in int8.

On a GPU, with the full 4.4 billion: the same step for 1 to 400 streams that have run for a minute and for ten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.process import in_fresh_process
from voxtide.bench.session import Session
from voxtide.errors import MissingExtraError, VoxtideError
from voxtide.voxtral.config import TOKEN_MS, VoxtralConfig

if TYPE_CHECKING:
    from voxtide.engines.voxtral.measure import Bench, Steps

NUM_STREAMS = 16
NUM_STEPS, NUM_QUICK_STEPS = 60, 15
WINDOW = 1024
GPU_COUNTS = (1, 8, 64, 256, 400)
AGES_TOKENS = {"1 minute": 750, "10 minutes": 7500}
KINDS: tuple[Literal["fp32"], Literal["bf16"], Literal["int8"]] = ("fp32", "bf16", "int8")


async def measure(session: Session) -> Figure:
    """Measure what this machine can."""
    try:
        from voxtide.engines.voxtral.device import choose_device
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "voxtral", "measuring Voxtral") from error

    if choose_device(None).type == "cuda":
        session.say("timing steps of the full shape on the GPU; some minutes")
        return await in_fresh_process(_on_gpu, session.is_quick)
    num_steps = NUM_QUICK_STEPS if session.is_quick else NUM_STEPS
    session.say("timing steps beside transformers; some minutes")
    figure = await in_fresh_process(_on_cpu, num_steps)
    if session.is_quick:
        return figure
    session.say("timing steps of the full shape in int8; a minute")
    return replace(figure, measures=(*figure.measures, *await in_fresh_process(_full_on_cpu, NUM_QUICK_STEPS)))


async def _on_cpu(num_steps: int) -> Figure:
    from voxtide.engines.voxtral import measure as steps

    measures: list[Measure] = []
    ours_ms: dict[str, float] = {}
    theirs_ms: dict[str, float] = {}
    notes: list[str] = []
    for kind in KINDS:
        bench = steps.Bench(steps.MEDIUM, device="cpu", weights=kind, num_streams=NUM_STREAMS, window=WINDOW)
        ours_ms[kind] = bench.steps(num_steps, num_streams=1).calm_ms
        batch_ms = bench.steps(num_steps).calm_ms
        measures.append(_ms(f"step of one stream, {kind}", ours_ms[kind], "one frame, one stream; 10th percentile"))
        measures.append(_ms(f"step of {NUM_STREAMS} streams, {kind}", batch_ms, "a frame of each; 10th percentile"))
        measures += _others(bench, kind, ours_ms[kind])
        del bench  # before the other side takes as much memory
        if kind == "int8":
            measures += _against("int8 against their bf16", theirs_ms.get("bf16"), ours_ms[kind], Target(">=", 2.0))
            continue
        floor_ms = 1000 * steps.floor_s(steps.MEDIUM, kind, num_steps)
        target = Target("<=", 1.15)
        measures.append(_ratio(f"step over the floor, {kind}", ours_ms[kind] / floor_ms, f"{floor_ms:.1f} ms", target))
        try:
            theirs_ms[kind] = 1000 * steps.reference_s(steps.MEDIUM, kind, num_steps)
        except VoxtideError as error:
            notes.append(str(error))
            continue
        measures.append(
            _ms(f"step of transformers, {kind}", theirs_ms[kind], "streaming generate, chunk to chunk; 10th percentile")
        )
        faster = Target(">=", 1.4) if kind == "bf16" else None
        measures += _against(f"{kind} against their {kind}", theirs_ms[kind], ours_ms[kind], faster)
        several = f"{NUM_STREAMS} streams against {NUM_STREAMS} of theirs in turn, {kind}"
        measures += _against(several, NUM_STREAMS * theirs_ms[kind], batch_ms, Target(">=", 6.0))
    return Figure(name="voxtral", measures=tuple(measures), notes=tuple(notes))


def _others(bench: Bench, kind: str, step_ms: float) -> list[Measure]:
    """Opening and flushing."""
    num_steps, took_s = bench.flush()
    open_share = 1000 * bench.open_s() / step_ms
    return [
        _ratio(f"opening a stream over a step, {kind}", open_share, "after the first", Target("<=", 1.0)),
        Measure(
            name=f"flush beyond the delay, {kind}",
            value=num_steps,
            unit="steps",
            target=Target("<=", 3),
            method=f"decoder steps of a flush over silence, less the delay's; {1000 * took_s:.0f} ms in all",
        ),
    ]


async def _full_on_cpu(num_steps: int) -> tuple[Measure, ...]:
    """The full shape, where it fits into memory: nothing where it does not."""
    from voxtide.engines.voxtral import measure as steps

    config = VoxtralConfig()
    if not steps.room(config, "cpu", 1):
        return ()
    bench = steps.Bench(config, device="cpu", weights="int8", num_streams=1, window=min(WINDOW, config.decoder.window))
    step_ms = bench.steps(num_steps).calm_ms
    method = f"step of one stream, 10th percentile, {step_ms:.0f} ms, over the {TOKEN_MS} ms of audio it takes"
    return (_ratio("real-time factor of the full shape, int8", step_ms / TOKEN_MS, method, None),)


async def _on_gpu(is_quick: bool) -> Figure:
    from voxtide.engines.voxtral import measure as steps

    config = VoxtralConfig()
    measures: list[Measure] = []
    lines: list[Line] = []
    details: dict[str, list[dict[str, float]]] = {}
    counts = GPU_COUNTS[:2] if is_quick else GPU_COUNTS
    most = next((count for count in reversed(counts) if steps.room(config, None, count)), 1)
    window = steps.room(config, None, most)
    bench = steps.Bench(config, device=None, weights=None, num_streams=most, window=window)
    num_steps = NUM_QUICK_STEPS if is_quick else 2 * NUM_STEPS
    for label, age_tokens in AGES_TOKENS.items():
        timed = [
            (count, bench.steps(num_steps, num_streams=count, age_tokens=age_tokens))
            for count in counts
            if count <= most
        ]
        for count, taken in timed:
            measures.append(_gpu_step(count, taken, label))
        held = max((count for count, taken in timed if taken.percentile_ms(95) < TOKEN_MS), default=0)
        target = Target(">=", 400) if label == "1 minute" else None
        measures.append(
            Measure(
                name=f"streams held, sessions of {label}",
                value=held,
                unit="streams",
                target=target,
                method=f"the most of {counts} with p95 < {TOKEN_MS} ms; window of {window} tokens",
            )
        )
        lines.append(Line(f"p95, {label}", [n for n, _ in timed], [it.percentile_ms(95) for _, it in timed]))
        details[label] = [
            {"streams": n, "mean_ms": it.mean_ms, "p95_ms": it.percentile_ms(95), "bytes": it.bytes_moved}
            for n, it in timed
        ]
    measures += _others(bench, bench.weights, measures[0].value)
    stream_mib = config.row_bytes(2, window) / 2**20
    measures.append(
        Measure(name="memory of a stream", value=stream_mib, unit="MiB", method=f"window of {window} tokens")
    )
    plot = Plot(
        name="voxtral-streams",
        title="A step of the full shape",
        x_label="streams",
        y_label="ms",
        lines=tuple(lines),
        y_limits=(float(TOKEN_MS),),
    )
    return Figure(name="voxtral", measures=tuple(measures), details=details, plots=(plot,))


def _gpu_step(count: int, taken: Steps, label: str) -> Measure:
    target = Target("<=", 3.2) if count == 1 and label == "1 minute" else None
    moved = f"moves {taken.bytes_moved / 1e9:.1f} GB at least: {taken.bytes_moved / taken.mean_ms / 1e9:.2f} TB/s"
    return Measure(
        name=f"step of {count} streams, {label} old",
        value=taken.mean_ms,
        unit="ms",
        target=target,
        method=f"mean; p95 {taken.percentile_ms(95):.2f} ms; {moved}",
    )


def _ms(name: str, value: float, method: str) -> Measure:
    return Measure(name=name, value=value, unit="ms", method=method)


def _ratio(name: str, value: float, method: str, target: Target | None) -> Measure:
    return Measure(name=name, value=value, unit="x", method=method, target=target)


def _against(name: str, theirs_ms: float | None, ours_ms: float, target: Target | None) -> list[Measure]:
    """How many times faster; nothing where the other side could not be measured."""
    if theirs_ms is None:
        return []
    return [_ratio(f"faster: {name}", theirs_ms / ours_ms, f"{theirs_ms:.1f} ms over {ours_ms:.1f} ms", target)]
