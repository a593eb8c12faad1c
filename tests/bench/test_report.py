"""The exact report and the JSON document."""

from __future__ import annotations

import json

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.report import document, lines_of

FIGURE = Figure(
    name="flush",
    measures=(
        Measure(
            name="flush, p50",
            value=12.3456789,
            unit="ms",
            target=Target("<=", 20),
            method="from flush to Flushed",
            data="latencies_ms",
            percent=50,
        ),
        Measure(name="streams", value=7, unit="streams", target=Target(">=", 12), method="at once"),
        Measure(name="longest", value=0.0123, unit="", method="of all"),
    ),
    notes=("on a busy machine",),
    errors=("a: b -> c",),
    details={"latencies_ms": [1 / 3]},
    plots=(Plot(name="p", title="t", x_label="x", y_label="y", lines=(Line("a", [1.0], [1 / 3]),), y_limits=(20.0,)),),
    definition="From a flush to its answer.",
)


def test_each_measure_is_a_line_with_target_and_method() -> None:
    assert lines_of(FIGURE, is_verbose=False) == [
        "flush",
        "  met     flush, p50                                      12.3 ms  <= 20     from flush to Flushed",
        "  MISSED  streams                                       7 streams  >= 12     at once",
        "          longest                                          0.0123            of all",
        "  note: on a busy machine",
    ]


def test_lines_that_a_terminal_has_no_room_for_are_wrapped() -> None:
    assert lines_of(FIGURE, is_verbose=False, max_columns=90) == [
        "flush",
        "  met     flush, p50                                      12.3 ms  <= 20",
        "          from flush to Flushed",
        "  MISSED  streams                                       7 streams  >= 12     at once",
        "          longest                                          0.0123            of all",
        "  note: on a busy machine",
    ]
    narrow = lines_of(FIGURE, is_verbose=True, max_columns=16)
    assert narrow[-3:] == ["  note: on a", "    busy machine", "    a: b -> c"]


def test_errors_are_listed_if_verbose() -> None:
    assert lines_of(FIGURE, is_verbose=True)[-1] == "    a: b -> c"


def test_the_document_is_json_and_complete() -> None:
    whole = document([FIGURE], failures={"hour": "no room"}, about={"is_quick": True})
    again = json.loads(json.dumps(whole))
    assert again == whole
    assert again["is_quick"] is True and again["failures"] == {"hour": "no room"}
    flush = again["figures"]["flush"]
    assert flush["details"] == {"latencies_ms": [0.333333]}
    assert flush["measures"][0] == {
        "name": "flush, p50",
        "value": 12.3457,
        "unit": "ms",
        "target": {"sign": "<=", "limit": 20},
        "is_met": True,
        "suspended": None,
        "method": "from flush to Flushed",
        "data": "latencies_ms",
        "percent": 50,
    }
    assert flush["measures"][2]["target"] is None
    assert flush["definition"] == "From a flush to its answer."
    assert flush["plots"][0]["lines"] == [{"label": "a", "x": [1], "y": [0.333333], "low": [], "high": []}]
