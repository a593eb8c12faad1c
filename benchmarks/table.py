"""The table of results. In: result files. Out: Markdown: the newest quiet result of each peer, and where voxtide loses.

Only results of the same talks are compared, each set of talks in a table of its own, and only those of a quiet machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from voxtide.bench.results import MIN_NOISY_CORES, NOISY_SHARE
from voxtide.errors import ConfigError

OURS = "voxtide"
"""Peers whose name begins so are ours."""


@dataclass(frozen=True, slots=True)
class Column:
    """A figure: its heading, where it is in a result, and its decimals. Less is better in all of them."""

    heading: str
    path: tuple[str, ...]
    num_decimals: int = 0


COLUMNS = (
    Column("WER %", ("wer_percent",), 1),
    Column("word to first text p50", ("word_to_first_ms", "p50")),
    Column("word to final p50", ("word_to_final_ms", "p50")),
    Column("start to first text p50", ("start_to_first_ms", "p50")),
    Column("end to final p50", ("end_to_final_ms", "p50")),
    Column("end to final p95", ("end_to_final_ms", "p95")),
    Column("interim changed %", ("interim_changed_percent",)),
    Column("processor s per s", ("cpu_s_per_audio_s",), 2),
)
"""Latencies are in ms."""


def newest(directory: Path, audio: str) -> list[dict[str, Any]]:
    """The newest result of each peer for each set of talks of an audio; the longest set first, then by peer.

    Raises:
        ConfigError: A file is no result.
    """
    results: dict[tuple[float, str, str], dict[str, Any]] = {}
    for path in sorted(directory.glob("*.json")):
        try:
            result = json.loads(path.read_text("utf-8"))
            if result["audio"]["name"] == audio and is_quiet(result):
                key = -_duration_s(result), _talks(result), result["peer"]
                results[key] = max(results.get(key, result), result, key=_began)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is no result of benchmarks/run: {error!r}; move it away") from error
    return [results[key] for key in sorted(results)]


def _talks(result: dict[str, Any]) -> str:
    """What distinguishes sets of talks: the names, lengths and numbers of utterances."""
    return json.dumps(result["audio"]["talks"], sort_keys=True)


def _duration_s(result: dict[str, Any]) -> float:
    return sum(float(talk["duration_s"]) for talk in result["audio"]["talks"])


def _began(result: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(result["date"])


def is_quiet(result: dict[str, Any]) -> bool:
    """Whether other programs used so little that the result can be compared; as in the bench."""
    machine = result["machine"]
    others = machine["other_cores"]
    return others is not None and others <= max(MIN_NOISY_CORES, NOISY_SHARE * int(machine["cores"] or 1))


def markdown(results: Sequence[dict[str, Any]]) -> str:
    """A table for each set of talks, with a line for each figure in which a peer is better than all of ours."""
    if not results:
        return "No result of a quiet machine yet.\n"
    sets = [list(group) for _, group in groupby(results, _talks)]
    if len(sets) == 1:
        return _table(sets[0])
    remark = "These results are of different talks: compare within a table only.\n"
    return "\n".join([remark, *(f"{_played(group[0])}\n\n{_table(group)}" for group in sets)])


def _played(result: dict[str, Any]) -> str:
    """What was played, as the heading of a table."""
    talks = result["audio"]["talks"]
    return f"**{result['audio']['name']}: {len(talks)} talk{'s' * (len(talks) != 1)}, {_duration_s(result):.0f} s**"


def _table(results: Sequence[dict[str, Any]]) -> str:
    """The table of results of the same talks, and its notes."""
    head = ["peer", "version", "model", *(column.heading for column in COLUMNS), "measured"]
    rows = [
        [it["peer"], it["version"], it["model"], *(cell(it, column) for column in COLUMNS), it["date"][:10]]
        for it in results
    ]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    notes = [f"{it['peer']} failed: {it['failure'].splitlines()[0]}" for it in results if it["failure"]]
    notes += [
        f"{it['peer']} was cut off in {num} of {len(it['audio']['talks'])} talks: it fell behind"
        for it in results
        if not it["failure"] and (num := it["figures"]["num_cut_off"])
    ]
    lost = list(losses(results))
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), *(f"- voxtide loses {it}" for it in lost)]) + "\n"


def losses(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Each figure in which a peer is better than the best of ours."""
    for column in COLUMNS:
        values = {it["peer"]: value for it in results if (value := _value(it, column)) is not None}
        ours = [value for name, value in values.items() if name.startswith(OURS)]
        best = min(values, key=values.__getitem__, default="")
        if ours and not best.startswith(OURS) and values[best] < min(ours):
            decimals = column.num_decimals
            yield f"in {column.heading} to {best}: {min(ours):.{decimals}f} against {values[best]:.{decimals}f}"


def _value(result: dict[str, Any], column: Column) -> float | None:
    """A figure of a result; None if there is none."""
    found: Any = result["figures"]
    for key in column.path:
        found = found and found.get(key)  # a failed peer has no figures
    return float(found) if isinstance(found, int | float) else None


def cell(result: dict[str, Any], column: Column) -> str:
    """A figure of a result as text."""
    value = _value(result, column)
    return "-" if value is None else f"{value:,.{column.num_decimals}f}"
