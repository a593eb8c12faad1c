#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["pocketsphinx==5.1.1"]
# ///
"""Aligns each word of the benchmark's recordings with the audio. In: recordings.json. Out: word_times.json beside it.

No voxtide engine uses the aligner's acoustic model, so no engine is measured against itself. The aligner is not a
dependency of voxtide: `uv run scripts/align_words.py` installs it for one run.
"""

from __future__ import annotations

import json
import re
import sys
import wave
from pathlib import Path

from pocketsphinx import Decoder

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "voxtide"
DATA = PACKAGE / "bench" / "data"
FRAMES_PER_S = 100
METHOD = "forced alignment of the text with the en-us acoustic model of pocketsphinx 5.1.1, in steps of 10 ms"


def main() -> None:
    recordings = json.loads((DATA / "recordings.json").read_text("utf-8"))
    times = {recording["name"]: align(PACKAGE / recording["file"], recording["text"]) for recording in recordings}
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(words)}" for name, words in times.items())
    text = f'{{\n  "method": {json.dumps(METHOD)},\n  "words": {{\n{lines}\n  }}\n}}\n'
    (DATA / "word_times.json").write_text(text, "utf-8")
    print(f"{sum(map(len, times.values()))} words in {len(times)} recordings")


def align(path: Path, text: str) -> list[tuple[str, float, float]]:
    """Returns each word of the text with its start and end [s]."""
    words = re.sub(r"[^a-z' ]", "", text.lower().replace("-", " ")).split()
    # Wide beams prune no path: the recordings are short and the text is correct.
    decoder = Decoder(samprate=16000, bestpath=False, loglevel="FATAL", beam=1e-100, pbeam=1e-100, wbeam=1e-80)
    with wave.open(str(path)) as file:
        audio = file.readframes(file.getnframes())
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(audio, full_utt=True)
    decoder.end_utt()
    aligned = [
        (without_variant(segment.word), segment.start_frame / FRAMES_PER_S, (segment.end_frame + 1) / FRAMES_PER_S)
        for segment in decoder.seg()
        if segment.word[0] not in "<[("  # silence and noise
    ]
    if [word for word, _, _ in aligned] != words:
        sys.exit(f"{path.name} could not be aligned with its text")
    return aligned


def without_variant(word: str) -> str:
    """Removes the pronunciation number: "the(2)" becomes "the"."""
    return re.sub(r"\(\d+\)$", "", word)


if __name__ == "__main__":
    main()
