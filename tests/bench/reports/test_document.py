"""Reading documents: what a run wrote comes back; anything else is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bench_documents import of_measure, rich
from voxtide.bench.figure import Target
from voxtide.bench.reports import document
from voxtide.bench.reports.document import read_run, run_of
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
    assert run.noisy == ("words: other programs kept 1.23 cores busy, over 0.10",)
    assert [(it.is_met, it.suspended) for it in run.figures[0].measures[:2]] == [(True, ""), (None, "noisy machine")]


def test_text_loses_its_control_characters() -> None:
    results = run_of(of_measure(name="a\x1b[31m\u202e\ud800b", value=1.0))
    assert results.figures[0].measures[0].name == "a\ufffd[31m\ufffd\ufffdb"


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
