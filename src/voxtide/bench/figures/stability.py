"""Whether text that was told stays. In: live streams in real time. Out: words taken back, words changed.

- stable words retracted: words that a reader had seen as stable text (deltas, joined as they come) and that a later
  stable text, or the segments at the end, do not have.
- interim words changed: each word that interim text showed, with its place in the text, is counted once; the share of
  those that are not the final text's word at that place. Case and punctuation are no part of a word here.
"""

from __future__ import annotations

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.spoken import num_retracted, tell


async def measure(session: BenchSession) -> Figure:
    """Measure the streams that `words` measures."""
    num_gone = num_shown = num_changed = 0
    by_recording: dict[str, dict[str, int]] = {}
    errors: list[str] = []
    for recording, played in await session.paced():
        telling = tell(played.heard)
        num_gone += num_retracted(played.heard)
        num_shown += len(telling.interim)
        num_changed += len(telling.changes)
        by_recording[recording.name] = {"shown": len(telling.interim), "changed": len(telling.changes)}
        errors += [
            f"{recording.name}, word {place + 1}: {word} -> {final or '(nothing)'}"
            for place, word, final in telling.changes
        ]
    return Figure(
        name="stability",
        measures=(_retracted(num_gone), _changed(num_changed, num_shown)),
        errors=tuple(errors),
        details={"by_recording": by_recording},
    )


def _retracted(num_words: int) -> Measure:
    return Measure(
        name="stable words retracted",
        value=num_words,
        unit="words",
        target=Target("<=", 0),
        method="words seen in stable text that later stable text or the final segments lack",
    )


def _changed(num_changed: int, num_shown: int) -> Measure:
    return Measure(
        name="interim words changed",
        value=100 * num_changed / num_shown if num_shown else 0.0,
        unit="%",
        target=Target("<=", 5),
        method=f"{num_changed} of {num_shown} (place, word) pairs shown as interim are not in the final text",
    )
