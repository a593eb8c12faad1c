"""What a run found, in files. In: figures as they are measured. Out: a JSON document and plots, rewritten after each.

A file is replaced by one rename, so a run that is killed leaves the document of its finished figures. It leaves no
page: that is written at the end, and an older run's is removed at the beginning.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import ENOTDIR
from itertools import count
from pathlib import Path
from typing import Any

from voxtide.bench.figure import Figure
from voxtide.bench.machine import describe_machine
from voxtide.bench.report import document
from voxtide.bench.reports.html import html_report
from voxtide.bench.reports.plots import draw
from voxtide.bench.reports.replacing import replace_file
from voxtide.errors import MissingExtraError

RESULTS_FILE = "results.json"
REPORT_FILE = "report.html"
DEFAULT_DIRECTORY = Path("bench-results")
"""Below the current directory: the place of a run's results if no file and no directory is named."""

MIN_NOISY_CORES, NOISY_SHARE = 0.10, 0.05
"""Other programs that keep more than this many cores busy, and more than this share of all cores, make a machine
noisy: on two cores that were kept busy by 0.1, p95 latencies already differ by more than 5 % between two runs."""


@dataclass(slots=True, kw_only=True)
class Results:
    """What has been found so far.

    Attributes:
        about: What was requested, for the document.
        began: When the run began.
        machine: The machine, see machine.py.
        engine: The engine's facts, once it is open.
        figures: The finished figures.
        failures: Why something failed, by what.
        not_measured: Why something was not measured, by figure or area.
        others: Cores that other programs kept busy, by figure.
    """

    about: Mapping[str, Any]
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    machine: dict[str, str | int | None] = field(default_factory=describe_machine)
    engine: dict[str, Any] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)
    is_complete: bool = False

    @property
    def noisy_cores(self) -> float:
        """Other programs that keep more cores busy than this suspend the verdicts on times."""
        return max(MIN_NOISY_CORES, NOISY_SHARE * int(self.machine["cores"] or 1))

    @property
    def noisy(self) -> dict[str, float]:
        """The figures measured on a noisy machine, with the cores that other programs kept busy."""
        return {name: cores for name, cores in self.others.items() if cores > self.noisy_cores}

    def document(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        about = {
            "began": self.began.isoformat(timespec="seconds"),
            "took_s": (datetime.now(UTC) - self.began).total_seconds(),
            "is_complete": self.is_complete,
            "machine": self.machine,
            "engine": self.engine,
            **self.about,
            "not_measured": self.not_measured,
            "noise": {"limit_cores": self.noisy_cores, "others_cores": self.others, "is_noisy": bool(self.noisy)},
        }
        return document(self.figures, failures=self.failures, about=about)


def default_path(began: datetime, engine: str, plan: str) -> Path:
    """A new dated file for a run for which none was named; another run may have begun in the same second.

    It is made at once, so that no other run takes it. If that fails, so does writing to it, which is reported.
    """
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        path = DEFAULT_DIRECTORY / f"{began:%Y-%m-%d-%H%M%S}-{engine}-{plan}{suffix}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        except FileExistsError:
            if path.is_file():
                continue
        except OSError:
            pass
        break
    return path


class ResultFiles:
    """The files of a run."""

    def __init__(self, json_paths: list[Path], directory: Path | None, note: Callable[[str], None]) -> None:
        """Take the document's paths, and the directory for plots; None draws none. `note` prints a remark."""
        self.json_paths = json_paths
        self._directory = directory
        self._note = note
        self._has_plots = True

    def begin(self, results: Results) -> None:
        """Write the first documents, and remove an older run's page, which would be taken for this one's.

        Raises:
            OSError: A file cannot be written or removed.
        """
        self.write(results)
        if self._directory is not None:
            (self._directory / REPORT_FILE).unlink(missing_ok=True)

    def write(self, results: Results) -> None:
        """Replace the documents.

        Raises:
            OSError: A file cannot be written.
        """
        text = json.dumps(results.document()) + "\n"
        for path in self.json_paths:
            _write(path, text)

    def draw(self, figure: Figure) -> None:
        """Draw a figure's plots. Without matplotlib this is noted once.

        Raises:
            OSError: A file cannot be written.
        """
        if self._directory is None or not self._has_plots:
            return
        try:
            for path in draw(figure.plots, self._directory):
                self._note(f"drew {path}")
        except MissingExtraError as error:
            self._has_plots = False
            self._note(f"no plots: {error}")

    def write_page(self, results: Results) -> Path | None:
        """Write the HTML report beside the plots. Returns its path, None without a directory.

        Raises:
            ConfigError: The results have something that it cannot show, such as a number that is not finite.
            OSError: The file cannot be written.
        """
        if self._directory is None:
            return None
        path = self._directory / REPORT_FILE
        _write(path, html_report(results.document()))
        return path


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path.parent)) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    replace_file(path, text)
