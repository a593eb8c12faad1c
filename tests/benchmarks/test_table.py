"""The table has the newest comparable results, and says where voxtide loses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.audio import TALKS
from benchmarks.command import RESULTS
from benchmarks.table import COLUMNS, losses, markdown, newest
from tests.support.source_tree import ROOT
from voxtide.errors import ConfigError

TWO = [{"name": f"talk {number}", "duration_s": 90.25, "utterances": 25} for number in (1, 2)]


def result(peer: str, *, wer: float = 5.0, date: str = "2026-11-30", **changes: Any) -> dict[str, Any]:
    latency = {"p50": 300, "p95": 1500, "num": 9}
    figures = {
        "wer_percent": wer,
        "word_to_first_ms": latency,
        "word_to_final_ms": latency,
        "start_to_first_ms": latency,
        "end_to_final_ms": latency,
        "interim_changed_percent": None,
        "cpu_s_per_audio_s": 0.123,
        "num_cut_off": 0,
    }
    return {
        "peer": peer,
        "version": "1.0",
        "model": "base",
        "date": f"{date}T10:00:00+00:00",
        "machine": {"other_cores": 0.0, "cores": 2},
        "audio": {"name": TALKS, "talks": TWO},
        "failure": None,
        "figures": figures,
    } | changes


def write(directory: Path, *results: dict[str, Any]) -> None:
    """Names do not count: neither do they in the results of older runs, which have no time."""
    for number, it in enumerate(results):
        (directory / f"{number}.json").write_text(json.dumps(it), "utf-8")


def test_the_newest_quiet_result_of_each_peer_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        result("other", wer=3.0, date="2026-11-02"),
        result("other", wer=4.0, date="2026-11-01"),
        result("other", wer=6.0) | {"date": "2026-11-02T09:59:59+00:00"},
        result("other", wer=1.0, date="2026-11-03", machine={"other_cores": 0.11, "cores": 2}),
        result("other", wer=2.0, date="2026-11-04", audio={"name": "prompts-en", "talks": []}),
        result("voxtide", machine={"other_cores": 0.39, "cores": 8}),
        result("unmeasured", machine={"other_cores": None, "cores": 2}),
    )
    assert [(it["peer"], it["figures"]["wer_percent"]) for it in newest(tmp_path, TALKS)] == [
        ("other", 3.0),
        ("voxtide", 5.0),
    ]


def test_a_table_has_a_row_for_each_peer_and_says_where_voxtide_loses() -> None:
    behind = result("slow", wer=4.0)
    behind["figures"]["num_cut_off"] = 1
    broken = result("broken", failure="the adapter died; its last lines:\n  x", figures={})
    lines = markdown([behind, broken, result("voxtide"), result("voxtide-whisper", wer=4.5)]).splitlines()
    assert lines[0].startswith("| peer | version | model | WER % |")
    assert lines[2] == "| slow | 1.0 | base | 4.0 | 300 | 300 | 300 | 300 | 1,500 | - | 0.12 | 2026-11-30 |"
    assert lines[3] == "| broken | 1.0 | base | - | - | - | - | - | - | - | - | 2026-11-30 |"
    assert lines[7:] == [
        "- broken failed: the adapter died; its last lines:",
        "- slow was cut off in 1 of 2 talks: it fell behind",
        "- voxtide loses in WER % to slow: 4.5 against 4.0",
    ]


def test_results_of_different_talks_are_never_in_one_table(tmp_path: Path) -> None:
    one = {"name": TALKS, "talks": TWO[:1]}
    longer = {"name": TALKS, "talks": [TWO[0] | {"duration_s": 90.5}]}
    write(
        tmp_path,
        result("other", wer=1.0, date="2026-11-29", audio=one),
        result("voxtide", wer=3.0),
        result("voxtide", wer=4.0, audio=one),
        result("voxtide", wer=2.0, audio=longer),
        result("other", wer=5.0),
    )
    lines = markdown(newest(tmp_path, TALKS)).splitlines()
    assert "different talks" in lines[0]
    shown = [line for line in lines if line.startswith(("**", "| other", "| voxtide", "- voxtide loses"))]
    assert [" ".join(line.split()[:8]) for line in shown] == [
        "**talks: 2 talks, 180 s**",
        "| other | 1.0 | base | 5.0",
        "| voxtide | 1.0 | base | 3.0",
        "**talks: 1 talk, 90 s**",
        "| voxtide | 1.0 | base | 2.0",
        "**talks: 1 talk, 90 s**",
        "| other | 1.0 | base | 1.0",
        "| voxtide | 1.0 | base | 4.0",
        "- voxtide loses in WER % to other:",
    ]


def test_equal_is_no_loss_and_without_ours_there_is_none() -> None:
    assert list(losses([result("other"), result("voxtide")])) == []
    assert list(losses([result("other")])) == []


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match=r"notes\.json is no result of benchmarks/run"):
        newest(tmp_path, TALKS)


def test_the_readme_has_the_table_of_the_committed_results() -> None:
    assert markdown(newest(RESULTS, TALKS)) in (ROOT / "benchmarks" / "README.md").read_text("utf-8")


def test_the_readme_explains_every_column_and_peer() -> None:
    from benchmarks.peers import PEERS

    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    assert [name for name in PEERS if f"`{name}`" not in text] == []
    assert [it.heading for it in COLUMNS if it.heading.removesuffix(" p50").removesuffix(" p95") not in text] == []
