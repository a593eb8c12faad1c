"""Speech with rare names. In: the package's files. Out: sentences with their samples, and other names.

Synthetic, by two voices of flite. See data/README.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import numpy as np

from voxtide.audio.opening import open_source
from voxtide.types import SAMPLE_RATE_HZ, Samples

VOICES = ("slt", "rms")


@dataclass(frozen=True, slots=True)
class NamedSentence:
    """A sentence with one rare name, read by one voice."""

    name: str
    text: str
    samples: Samples


def other_names() -> tuple[str, ...]:
    """A hundred rare names that no sentence and no recording has."""
    return tuple(_entries()["others"])


async def load_sentences(voice: str) -> tuple[NamedSentence, ...]:
    """The sentences as read by one of `VOICES`."""
    samples = await _decoded(f"names_{voice}.ogg")
    sentences = []
    for entry in _entries()["sentences"]:
        start, end = (round(at_s * SAMPLE_RATE_HZ) for at_s in entry["spans_s"][voice])
        sentences.append(NamedSentence(entry["name"], entry["text"], samples[start:end]))
    return tuple(sentences)


def _entries() -> dict[str, Any]:
    entries: dict[str, Any] = json.loads((files("voxtide") / "bench" / "data" / "names.json").read_text("utf-8"))
    return entries


async def _decoded(name: str) -> Samples:
    with as_file(files("voxtide") / "bench" / "data" / name) as path:
        async with open_source(str(path)) as source:
            return np.concatenate([chunk async for chunk in source])
