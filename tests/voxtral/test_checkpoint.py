"""Checkpoints: errors name the defect, and nothing is held twice."""

from __future__ import annotations

import json
import math
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.voxtral_driving import transcribe
from tests.support.voxtral_oracle import CPU, Model, mistral_tensors, write_hugging_face
from voxtide.errors import ConfigError, ModelCorruptError, ModelMissingError, VoxtideError
from voxtide.types import Samples
from voxtide.voxtral import names
from voxtide.voxtral.attention import Paged
from voxtide.voxtral.checkpoint import open_checkpoint
from voxtide.voxtral.config import VoxtralConfig
from voxtide.voxtral.loading import best_attention, load
from voxtide.voxtral.model import VoxtralModel

WEIGHTS = "consolidated.safetensors"
QUERY = "layers.1.attention.wq.weight"


@pytest.fixture
def copy(mistral_dir: Path, tmp_path: Path) -> Path:
    return shutil.copytree(mistral_dir, tmp_path / "copy")


def test_the_published_model_has_711_tensors() -> None:
    tensors = names.tensors(VoxtralConfig())
    assert len(tensors) == len({named.name for named in tensors}) == len({t.hugging_face for t in tensors}) == 711
    num_values = sum(torch.Size(named.shape).numel() for named in tensors)
    assert round(num_values * 2 / 1e9, 3) == 8.859  # GB in bf16


def test_tensors_lie_in_the_mapped_file(mistral_dir: Path, reference: Model) -> None:
    checkpoint = open_checkpoint(mistral_dir)
    theirs = mistral_tensors(reference)
    assert checkpoint.tensors.keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in checkpoint.tensors.items())
    assert len({tensor.untyped_storage().data_ptr() for tensor in checkpoint.tensors.values()}) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes there unless one asks for them")
def test_a_file_larger_than_the_memory_can_be_used(copy: Path) -> None:
    """A terabyte, nearly all of it a hole behind the tensors: neither read nor taken as memory."""
    with (copy / WEIGHTS).open("r+b") as file:
        file.truncate(1 << 40)
    model = load(copy, device=CPU, weights="fp32")
    assert model.decoder.embeddings.untyped_storage().nbytes() == 1 << 40


def test_the_embedding_is_not_copied_for_reading_rows(model: VoxtralModel) -> None:
    storage = model.decoder.embeddings.untyped_storage()
    assert storage.nbytes() > 2 * model.decoder.embeddings.nbytes  # the whole file


@pytest.mark.parametrize("max_shard_size", ["20KB", "100KB"])
def test_shards_are_one_model(max_shard_size: str, reference: Model, speech: Samples, tmp_path: Path) -> None:
    write_hugging_face(reference, tmp_path, max_shard_size=max_shard_size)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    model = load(tmp_path, device=CPU, weights="fp32")
    whole = load(write_hugging_face(reference, tmp_path / "whole"), device=CPU, weights="fp32")
    assert transcribe(model, [speech[:20_000]], 6) == transcribe(whole, [speech[:20_000]], 6)


def test_a_tensor_in_two_shards_is_refused(reference: Model, tmp_path: Path) -> None:
    write_hugging_face(reference, tmp_path, max_shard_size="100KB")
    first, second = sorted(tmp_path.glob("model-*.safetensors"))[:2]
    name, tensor = next(iter(load_file(first).items()))
    save_file({**load_file(second), name: tensor}, second)
    with pytest.raises(ModelCorruptError, match=f"{second.name}: tensor {name} occurs twice"):
        open_checkpoint(tmp_path)


def test_names_of_other_versions_are_known(hugging_face_dir: Path, tmp_path: Path) -> None:
    """Later versions of transformers save `model.language_model.…`, and the tied output layer."""
    shutil.copy(hugging_face_dir / "config.json", tmp_path)
    tensors = load_file(hugging_face_dir / "model.safetensors")
    renamed = {f"model.{name.replace('language_model.model.', 'language_model.')}": t for name, t in tensors.items()}
    renamed["lm_head.weight"] = renamed["model.language_model.embed_tokens.weight"].clone()
    save_file(renamed, tmp_path / "model.safetensors")
    assert open_checkpoint(tmp_path).tensors.keys() == open_checkpoint(hugging_face_dir).tensors.keys()


def test_both_formats_hold_one_config(mistral_dir: Path, hugging_face_dir: Path) -> None:
    assert open_checkpoint(mistral_dir).config == open_checkpoint(hugging_face_dir).config


Change = Callable[[dict[str, torch.Tensor]], Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(QUERY), f"tensor {QUERY} is missing"),
        (lambda t: t.update(more=torch.zeros(1)), r"tensor more \(1 in all\) belongs to no Voxtral model"),
        (lambda t: t.update({QUERY: t[QUERY][:-1]}), rf"tensor {QUERY} has shape \[95, 64\].* has \[96, 64\]"),
        (lambda t: t.update({QUERY: t[QUERY].int()}), f"tensor {QUERY} has type I32; only BF16"),
    ],
    ids=["missing", "extra", "misshapen", "of another type"],
)
def test_a_wrong_tensor_is_named(change: Change, message: str, copy: Path) -> None:
    tensors = load_file(copy / WEIGHTS)
    change(tensors)
    save_file(tensors, copy / WEIGHTS)
    with pytest.raises(ModelCorruptError, match=message):
        open_checkpoint(copy)


def test_a_tensor_that_is_cut_off_is_named(copy: Path) -> None:
    header, numbers = read(copy / WEIGHTS)
    last = max((name for name in header if name != "__metadata__"), key=lambda name: header[name]["data_offsets"][1])
    write(copy / WEIGHTS, header, numbers[:-10])
    with pytest.raises(ModelCorruptError, match=f"tensor {last} is cut off"):
        open_checkpoint(copy)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"dtype": "F32", "shape": [96, 64], "data_offsets": [-8, 96 * 64 * 4 - 8]},
        {"dtype": "F32", "shape": [96, 64], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": "no", "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [96.0, 64], "data_offsets": [0, 96 * 64 * 4]},
        {"dtype": "F32", "shape": [-96, -64], "data_offsets": [0, 96 * 64 * 4]},
        {"dtype": "F32", "shape": [96, 64], "data_offsets": ["0", "4"]},
        {"dtype": ["F32"], "shape": [96, 64], "data_offsets": [0, 4]},
    ],
)
def test_a_wrong_header_is_refused(entry: object, copy: Path) -> None:
    header, numbers = read(copy / WEIGHTS)
    write(copy / WEIGHTS, {**header, QUERY: entry}, numbers)
    with pytest.raises(ModelCorruptError, match=f"tensor {QUERY} "):
        open_checkpoint(copy)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", struct.pack("<Q", 10**9) + b"{}", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 2) + b"{x"],
)
def test_a_file_that_is_no_safetensors_is_refused(content: bytes, copy: Path) -> None:
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(ModelCorruptError, match=WEIGHTS):
        open_checkpoint(copy)


def test_unaligned_numbers_are_read(copy: Path) -> None:
    header, numbers = read(copy / WEIGHTS)
    text = json.dumps(header).encode()
    text += b" " * ((1 - len(text)) % 8)  # so that they begin one byte beside a multiple of eight
    (copy / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + numbers)
    again = open_checkpoint(copy).tensors
    assert torch.equal(again["norm.weight"], open_checkpoint(copy).tensors["norm.weight"])
    assert again["norm.weight"].mean() > 0.5


@pytest.mark.parametrize("there", [(), ("params.json",), ("config.json",), (WEIGHTS,)])
def test_a_directory_without_a_model_is_refused(there: tuple[str, ...], tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).write_text("{}", "utf-8")
    with pytest.raises(ModelMissingError, match="holds no Voxtral Realtime model: it needs params.json"):
        open_checkpoint(tmp_path)


def test_a_missing_shard_is_named(reference: Model, tmp_path: Path) -> None:
    write_hugging_face(reference, tmp_path, max_shard_size="100KB")
    shard = sorted(tmp_path.glob("model-*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(ModelCorruptError, match=f"names {shard.name}, which is not there"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.pop("dim"), "dim = None; it must be a number"),
        (lambda p: p.update(n_layers="many"), "n_layers = 'many'"),
        (lambda p: p.update(n_heads=0), "num_heads = 0, not 1 to 100000"),
        (lambda p: p.update(vocab_size=1000), "vocab_size = 1000, but 1000 tokens are no text"),
        (lambda p: p.update(n_layers=10**9), "num_layers = 1000000000, not 1 to 100000"),
        (lambda p: p.update(n_layers=math.inf), "n_layers = inf; it must be a number"),
        (lambda p: p.update(rope_theta=math.nan), "rope_theta = nan; it must be a number"),
        (lambda p: p.update(rope_theta=0), "rope_theta = 0.0, not more than 0"),
        (lambda p: p.update(norm_eps=[]), r"norm_eps = \[\]; it must be a number"),
        (
            lambda p: p["multimodal"]["whisper_model_args"]["encoder_args"].update(audio_encoding_args=5),
            "no section 'audio",
        ),
        (lambda p: p.update(n_heads=3), "3 heads over 2 key heads"),
        (lambda p: p.pop("multimodal"), "no section 'multimodal'; is it a Voxtral Realtime model"),
        (lambda p: p.update(dim=65), "has shape"),
    ],
)
def test_a_wrong_field_is_named(change: Callable[[dict[str, Any]], Any], message: str, copy: Path) -> None:
    params = json.loads((copy / "params.json").read_text("utf-8"))
    change(params)
    (copy / "params.json").write_text(json.dumps(params), "utf-8")
    with pytest.raises(VoxtideError, match=message):
        open_checkpoint(copy)


def test_weights_a_device_cannot_hold_are_refused(mistral_dir: Path) -> None:
    with pytest.raises(ConfigError, match="weights of int8 run on a CPU only"):
        load(mistral_dir, device=torch.device("meta"), weights="int8")
    with pytest.raises(ConfigError, match="weights of fp16 do not run on a CPU"):
        load(mistral_dir, device=CPU, weights="fp16")


def test_each_device_attends_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.voxtral.loading.working_paged", lambda *_: Paged())  # tried on the GPU itself
    ways = {
        (device, dtype): type(best_attention(torch.device(device), dtype)).__name__
        for device in ("cpu", "cuda", "mps")
        for dtype in (torch.bfloat16, torch.float32)
    }
    assert ways == {
        ("cpu", torch.bfloat16): "EachSlot",
        ("cpu", torch.float32): "EachSlot",
        ("cuda", torch.bfloat16): "Paged",
        ("cuda", torch.float32): "Masked",
        ("mps", torch.bfloat16): "Masked",
        ("mps", torch.float32): "Masked",
    }


def read(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path: Path, header: dict[str, Any], numbers: bytes) -> None:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)
