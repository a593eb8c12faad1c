"""Reading documents: what a run wrote comes back; anything else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bench_documents import of_measure, rich, written
from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.reports import document
from voxtide.bench.reports.document import read_run, run_of
from voxtide.bench.reports.values import clean
from voxtide.errors import ConfigError


def test_a_document_comes_back() -> None:
    results = run_of(rich())
    assert (results.subject, results.failures) == ("moonshine (moonshine-tiny-en)", {"hour": "stopped by Ctrl-C"})
    figure = results.figures[0]
    assert [(it.value, it.is_met) for it in figure.measures] == [(12.3, True), (61, False), (7, None)]
    assert figure.measures[1].target == Target("<=", 60)
    assert figure.plots[1].lines[0].high == (2, 3) and figure.plots[1].x_names == ("clean", "10 dB")
    assert len(figure.errors) == 2 and figure.definition.startswith("Latency of words.")


def test_a_document_of_an_older_run_has_no_format_and_no_plots() -> None:
    old = rich()
    del old["format"], old["figures"]["words"]["plots"], old["figures"]["words"]["measures"][0]["data"]
    assert run_of(old).figures[0].plots == ()


def test_the_document_may_end_the_output_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "output"
    path.write_text(f"words\n  met  p50\n{json.dumps(rich())}\n", "utf-8")
    assert read_run(path).figures[0].name == "words"


def test_a_noisy_machine_and_its_verdicts() -> None:
    whole = rich()
    whole["noise"] = {"limit_cores": 0.1, "others_cores": {"words": 1.234, "cost": 0.1}, "is_noisy": True}
    whole["figures"]["words"]["measures"][1] |= {"is_met": None, "suspended": "noisy machine"}
    run = run_of(whole)
    assert (run.noisy, run.noisy_cores) == ({"words": 1.234}, 0.1)
    assert [(it.is_met, it.suspended) for it in run.figures[0].measures[:2]] == [(True, ""), (None, "noisy machine")]


def test_text_loses_its_control_characters() -> None:
    results = run_of(of_measure(name="a\x1b[31m\u202e\ud800b", value=1.0))
    assert results.figures[0].measures[0].name == "a\ufffd[31m\ufffd\ufffdb"


def test_text_loses_what_is_invisible_or_changes_the_order() -> None:
    harmful = (
        "\x00\t\r\x7f\x85\u00ad\u034f\u061c\u115f\u180e\u200b\u200e\u2028\u2029\u2060\u2066\u206f\u2800\u3164\ufeff"
    )
    harmful += "\ufff9\ufdd0\uffff\U0001fffe\U000e0041"
    assert clean(harmful) == "\ufffd" * len(harmful)
    kept = "a\n é\u0301 \u0645\u06cc\u200c\u062e \U0001f468\u200d\U0001f469 \u06dd \u2764\ufe0f \ud55c"
    assert clean(kept) == kept


@given(st.text())
def test_clean_text_has_lines_only_where_it_had_line_feeds(text: str) -> None:
    assert len(clean(text)) == len(text) and clean(clean(text)) == clean(text)
    assert len(clean(f"x{text}x").splitlines()) == text.count("\n") + 1


def change(edit: Callable[[Any], object]) -> Any:
    whole = rich()
    edit(whole)
    return whole


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ([], "the file is not a JSON object"),
        ({"text": "a transcript"}, "it has no figures"),
        (change(lambda it: it.update(format=2)), "its format is 2, and this version of voxtide reads 1"),
        (
            change(lambda it: it.update(noise={"others_cores": {"words": "many"}})),
            "noise.others_cores.words is not a n",
        ),
        (change(lambda it: it.update(failures={"hour": 3})), "failures.hour is not text"),
        (change(lambda it: it.update(figures=[])), "figures is not a JSON object"),
        (change(lambda it: it["figures"].update(words=3)), "figures.words is not a JSON object"),
        (
            change(lambda it: it["figures"]["words"]["measures"][1].update(value="fast")),
            r"figures\.words\.measures\[1\]\.value is not a number",
        ),
        (change(lambda it: it["figures"]["words"]["measures"][1].update(is_met="yes")), "is_met is not true"),
        (change(lambda it: it["figures"]["words"]["measures"][1]["target"].update(sign="<")), "sign is neither"),
        (change(lambda it: it["figures"]["words"]["plots"][0]["lines"][0].update(x=[1])), "has 1 x, 60 y"),
    ],
)
def test_what_is_not_a_result_is_refused_by_name(whole: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(ConfigError, match=message) as refusal:
        read_run(path)
    assert str(refusal.value).startswith(f"{path} is not a result of the bench: ")


@pytest.mark.parametrize("content", ["", "{", '{"figures": NaN}', "\xff\xfe", "[" * 100_000])
def test_what_is_not_json_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not JSON; the bench writes"):
        read_run(path)


def test_a_document_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"figures": {}, "extra": ' + 900 * "[" + 900 * "]" + "}", "utf-8")
    try:
        read_run(path)
    except ConfigError as error:
        assert "nested too deeply" in str(error) or "not JSON" in str(error)


def many(of: str, number: int) -> Any:
    """A document with so many of something."""
    whole = rich()
    figure = whole["figures"]["words"]
    plot = figure["plots"][0]
    line = plot["lines"][0]
    few = {**figure, "plots": [], "measures": figure["measures"][:1] * 20}
    edits: dict[str, Callable[[], object]] = {
        "figures": lambda: whole.update(figures={f"f{i}": {**few, "measures": []} for i in range(number)}),
        "facts": lambda: whole.update(machine={f"f{i}": "x" for i in range(number)}),
        "failures": lambda: whole.update(failures={f"f{i}": "x" for i in range(number)}),
        "numbers of a figure": lambda: figure.update(measures=figure["measures"][:1] * number),
        "numbers": lambda: whole.update(figures={f"f{i}": few for i in range(number // 20)}),
        "notes": lambda: figure.update(notes=["x"] * number),
        "errors": lambda: figure.update(errors=["x"] * number),
        "plots": lambda: figure.update(plots=[plot] * number),
        "lines": lambda: plot.update(lines=[line] * number),
        "targets": lambda: plot.update(x_limits=[1.0] * number),
        "names of an axis": lambda: plot.update(x_names=["x"] * number),
        "points": lambda: line.update(x=[1.0] * number, y=[1.0] * number),
        "characters of a name": lambda: figure["measures"][0].update(name="x" * number),
        "characters of an entry": lambda: whole["failures"].update({"x" * number: "x"}),
        "characters of a label": lambda: line.update(label="x" * number),
        "characters of a method": lambda: figure["measures"][0].update(method="x" * number),
        "characters of a fact": lambda: whole.update(names=["x"] * (number // 5)),
    }
    edits[of]()
    return whole


@pytest.mark.parametrize(
    ("of", "limit", "message"),
    [
        ("figures", 100, "figures has 120 entries, and at most 100 can be read"),
        ("facts", 100, "machine has 120 entries, and at most 100 can be read"),
        ("failures", 100, "failures has 120 entries, and at most 100 can be read"),
        ("numbers of a figure", 100, "figures.words.measures has 120 entries, and at most 100 can be read"),
        ("numbers", 1000, "the file has 1020 numbers, and at most 1000 can be read"),
        ("notes", 100, "figures.words.notes has 120 entries, and at most 100 can be read"),
        ("errors", 100_000, "figures.words.errors has 100020 entries, and at most 100000 can be read"),
        ("plots", 50, "the file has 70 plots, and at most 50 can be read"),
        ("lines", 20, "figures.words.plots[0].lines has 40 entries, and at most 20 can be read"),
        ("targets", 20, "figures.words.plots[0].x_limits has 40 entries, and at most 20 can be read"),
        ("names of an axis", 100, "figures.words.plots[0].x_names has 120 entries, and at most 100 can be read"),
        ("points", 1000, "figures.words.plots[0].lines[0].x has 1020 entries, and at most 1000 can be read"),
        ("characters of a name", 500, "figures.words.measures[0].name has 520 characters, and at most 500 can be"),
        ("characters of an entry", 500, "a name in failures has 520 characters, and at most 500 can be read"),
        ("characters of a label", 500, "figures.words.plots[0].lines[0].label has 520 characters, and at most 500"),
        ("characters of a method", 10_000, "figures.words.measures[0].method has 10020 characters, and at most 10000"),
        ("characters of a fact", 10_000, "the file.names has 10020 characters, and at most 10000 can be read"),
    ],
)
def test_everything_has_a_limit(of: str, limit: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(many(of, limit)), "utf-8")
    read_run(path)
    path.write_text(json.dumps(many(of, limit + 20)), "utf-8")
    with pytest.raises(ConfigError) as refusal:
        read_run(path)
    assert str(refusal.value).startswith(f"{path} is not a result of the bench: {message}")


@pytest.mark.parametrize("data", [[1.0] * 6, {"words": 6, "errors": 6, "parts": [[1, 1]] * 6}])
def test_the_samples_behind_all_numbers_have_a_limit(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    measures = tuple(Measure(name=name, value=1, unit="ms", method="", data="d") for name in "ab")
    whole = written(Figure(name="f", measures=measures, details={"d": data}))
    monkeypatch.setattr(document, "MAX_SAMPLES", 12)
    run_of(whole)
    monkeypatch.setattr(document, "MAX_SAMPLES", 11)
    with pytest.raises(ConfigError, match="the file has 12 samples behind its numbers, and at most 11 can be read"):
        run_of(whole)


def test_files_that_are_missing_or_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"a\.json cannot be read: No such file"):
        read_run(tmp_path / "a.json")
    (tmp_path / "b.json").write_text(json.dumps(rich()), "utf-8")
    monkeypatch.setattr(document, "MAX_FILE_BYTES", 100)
    with pytest.raises(ConfigError, match="larger than 0 MiB"):
        read_run(tmp_path / "b.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["measures", "plots", "x", "name", "unit"]), inner),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(["figures", "machine", "engine", "noise", "failures", "not_measured", "began"]), JSON
    )
)
def test_any_json_is_read_or_refused(whole: dict[str, Any]) -> None:
    try:
        run_of(whole)
    except ConfigError as error:
        assert "\n" not in str(error)
