"""What a graph needs of a step: it never synchronises, and runs the same operations for any slots and positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support import voxtral_checkpoint
from tests.support.paged_kernel import KERNEL, paged_kernel
from tests.support.voxtral_streams import Driven, places, run_together, tensors
from voxtide.engines.voxtral.batch_runner import BatchRunner
from voxtide.engines.voxtral.graphs import BATCH_SIZES, Buffers, GraphSteps, PlainSteps, batch_sizes, step_on_device
from voxtide.engines.voxtral.recogniser import VoxtralRecogniser
from voxtide.voxtral.attention import Masked, Paged
from voxtide.voxtral.config import SAMPLES_PER_TOKEN
from voxtide.voxtral.framing import window_samples
from voxtide.voxtral.loading import load
from voxtide.voxtral.model import VoxtralModel
from voxtide.voxtral.slots import Slots
from voxtide.voxtral.tokenizer import Vocabulary

pytestmark = pytest.mark.usefixtures("one_torch_thread")

_SYNCHRONISES = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select", "unique")
_SIZE = 4
NUMBERS = Vocabulary([f" {number}".encode() for number in range(200)])


class Trace(TorchDispatchMode):
    """Records every operation with the shapes of its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[str, tuple[tuple[int, ...], ...]]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [it for it in (*args, *(kwargs or {}).values()) if isinstance(it, torch.Tensor)]
        indices = [it for them in args[1:2] if isinstance(them, list | tuple) for it in them]
        by_mask = any(isinstance(it, torch.Tensor) and it.dtype == torch.bool for it in indices)
        name = f"{function.name()}::nonzero" if "index" in function.name() and by_mask else function.name()
        self.operations.append((name, tuple(tuple(tensor.shape) for tensor in tensors)))
        return function(*args, **(kwargs or {}))


@pytest.fixture(
    scope="module", params=[Masked(), Paged(), Paged(has_key_starts=True)], ids=["masked", "paged", "paged-starts"]
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VoxtralModel:
    """With the attention of a GPU: one shape for all slots."""
    directory = voxtral_checkpoint.write(tmp_path_factory.mktemp("tones"), voxtral_checkpoint.tone_tensors())
    return load(Path(directory), device=torch.device("cpu"), weights="fp32", attention=request.param)


@pytest.fixture(autouse=True)
def _kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU has no paged kernel."""
    monkeypatch.setattr(KERNEL, paged_kernel)


@pytest.fixture
def slots(model: VoxtralModel) -> Iterator[Slots]:
    slots = model.new_slots(_SIZE)
    for slot in range(_SIZE):
        model.open(slots, slot, 6)
    return slots


def step(model: VoxtralModel, slots: Slots, kind: str, batch: list[int], buffers: Buffers) -> Callable[[], None]:
    padded = slots.batch(batch, size=_SIZE)
    buffers.device[f"{kind}_index"].copy_(padded.index)
    reach = (model.encoder_reach if kind == "encode" else model.decoder_reach)(slots, slots.batch([0]), 1)
    return step_on_device(model, slots, buffers, kind, reach)


def synchronising(operations: list[tuple[str, tuple[tuple[int, ...], ...]]]) -> set[str]:
    """The operations that wait for the device."""
    return {name for name, _ in operations if name.split("::")[-1].split(".")[0] in _SYNCHRONISES}


@torch.no_grad()  # inference mode would hide the parts of composite operations
def traced(run: Callable[[], None]) -> list[tuple[str, tuple[tuple[int, ...], ...]]]:
    with Trace() as trace:
        run()
    return trace.operations


@pytest.mark.parametrize("kind", ["encode", "decode"])
def test_a_step_never_synchronises(model: VoxtralModel, slots: Slots, kind: str) -> None:
    buffers = Buffers.of(_SIZE, slots.num_slots, model.device)
    operations = traced(step(model, slots, kind, [0, 2], buffers))
    assert len(operations) > 20
    assert synchronising(operations) == set()


@pytest.mark.parametrize(
    "read",
    [lambda x: x.item(), lambda x: bool(x), lambda x: x.nonzero(), lambda x: x[x > 0]],
    ids=["item", "bool", "nonzero", "mask"],
)
def test_the_trace_finds_operations_that_synchronise(read: Callable[[torch.Tensor], object]) -> None:
    assert synchronising(traced(lambda: read(torch.ones(1)) and None))


@pytest.mark.parametrize("kind", ["encode", "decode"])
def test_the_operations_do_not_depend_on_the_slots(model: VoxtralModel, slots: Slots, kind: str) -> None:
    buffers = Buffers.of(_SIZE, slots.num_slots, model.device)
    first = traced(step(model, slots, kind, [0, 1, 2, 3], buffers))
    other = slots.batch([1, 3])
    model.encode(slots, other, torch.zeros(2, window_samples(5)))
    for _ in range(5):
        model.decode(slots, other, torch.full((2,), 32), torch.zeros(2, 2))
    assert traced(step(model, slots, kind, [3], buffers)) == first


def test_padding_changes_no_stream(model: VoxtralModel, slots: Slots) -> None:
    """A capture warms up with padding only: every entry is the scratch slot."""
    buffers = Buffers.of(_SIZE, slots.num_slots, model.device)
    before = [tensor[:_SIZE].clone() for tensor in slots._state_tensors]
    keys = [tensor[: slots.decoder_ring.first_cell(_SIZE)].clone() for tensor in slots.decoder_ring.keys]
    for kind in ("encode", "decode"):
        with torch.inference_mode():
            step(model, slots, kind, [], buffers)()
    assert all(torch.equal(tensor[:_SIZE], old) for tensor, old in zip(slots._state_tensors, before, strict=True))
    assert all(torch.equal(now[: len(old)], old) for now, old in zip(slots.decoder_ring.keys, keys, strict=True))


def test_a_padded_batch_decodes_as_a_plain_one(model: VoxtralModel, slots: Slots) -> None:
    buffers = Buffers.of(_SIZE, slots.num_slots, model.device)
    window = torch.from_numpy(voxtral_checkpoint.tones(3, 5)[None, : window_samples(1)])
    plain = model.new_slots(1)
    model.open(plain, 0, 6)
    model.encode(plain, plain.batch([0]), window)
    decoded = model.decode(plain, plain.batch([0]), torch.tensor([-1]), torch.zeros(1, 2))
    buffers.put("window", window.numpy(), 0.0)
    with torch.inference_mode():
        step(model, slots, "encode", [2], buffers)()
        slots.count_encoded(slots.batch([2]), 1)
        step(model, slots, "decode", [2], buffers)()
    assert int(buffers.device["tokens"][0]) == int(decoded.tokens[0])
    assert float(buffers.device["margins"][0]) == pytest.approx(float(decoded.pad_margins[0]), abs=1e-4)


@pytest.fixture
def _graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CUDA, a graph runs the function it was captured from."""
    event = SimpleNamespace(record=lambda: None, synchronize=lambda: None)
    monkeypatch.setattr(torch.cuda, "Event", lambda: event)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
    replay = torch.inference_mode()
    monkeypatch.setattr(GraphSteps, "_captured", lambda self, run: SimpleNamespace(replay=replay(run)))


@pytest.mark.usefixtures("_graphs")
def test_graph_steps_emit_what_plain_steps_emit(model: VoxtralModel) -> None:
    """With and without padding, while some streams wait."""
    texts, counts = [], []
    speech = voxtral_checkpoint.speak("to be that is the question.")
    for make in (PlainSteps, GraphSteps):
        runner = BatchRunner(model, 5, make_steps=make)
        streams = [Driven(VoxtralRecogniser(runner, NUMBERS, delay_tokens=6), runner) for _ in range(4)]
        for number, stream in enumerate(streams):
            stream.feed(voxtral_checkpoint.speak("to be or not")[: 9000 + 7000 * number])
            stream.flush()
        for start in range(1, 4):
            for number, stream in enumerate(streams):
                if start % (5 - number):
                    stream.recogniser.feed(speech[start * SAMPLES_PER_TOKEN :][: 2 * SAMPLES_PER_TOKEN])
            run_together(*streams)
        for stream in streams:
            stream.finish()
        texts.append([stream.events for stream in streams])
        counts.append((runner._slots.num_encoded, runner._slots.num_decoded))
    assert texts[0] == texts[1]
    assert any(stream for stream in texts[0])
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("_graphs")
def test_captured_tensors_keep_their_addresses(model: VoxtralModel) -> None:
    """A real graph would use the old addresses."""
    runner = BatchRunner(model, 3, make_steps=GraphSteps)
    stream = Driven(VoxtralRecogniser(runner, NUMBERS, delay_tokens=6), runner)
    kept = tensors()
    before = places(kept)
    for _ in range(2):
        stream.feed(voxtral_checkpoint.speak("to be"))
        stream.flush()
    assert stream.text
    assert places(tensors()) == before


@pytest.mark.parametrize("num_slots", [1, 3, 64, 65, 400])
def test_every_number_of_streams_has_a_batch(num_slots: int) -> None:
    sizes = batch_sizes(num_slots)
    assert sizes[-1] == num_slots
    assert list(sizes) == sorted(set(sizes))
    assert set(sizes[:-1]) <= set(BATCH_SIZES)
