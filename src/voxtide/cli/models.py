"""The commands `models list|pull|verify|path`. In: names. Out: lines on stdout, progress on stderr, an exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress

from voxtide.cli.failures import Exit, exit_code, print_error, print_note, reporting
from voxtide.config import Settings
from voxtide.engines.whisper.library import HUB_SIZES_MB, fetch_from_hub, hub_name
from voxtide.errors import ConfigError, ModelDownloadError, UnknownModelError, VoxtideError
from voxtide.models import ModelState, ModelStatus, ModelStore, PullProgress

models_app = typer.Typer(
    name="models", help="Pull, verify and locate models.", no_args_is_help=True, rich_markup_mode=None
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", show_default=False, help="A name from voxtide models list.")
]

PulledNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        help="A name from voxtide models list, or a Whisper model of the hub: a size such as small or a repository.",
    ),
]

Name = Annotated[
    str | None, typer.Argument(metavar="NAME", show_default=False, help="A name from voxtide models list.")
]


def open_store() -> ModelStore:
    """The store that the environment selects."""
    return ModelStore.from_settings(Settings.from_environment(os.environ))


class PullView:
    """Shows pulls on stderr: a bar on a terminal, else a line for every 10 %. Use it in `with`; it is a `Progress`."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._is_bar = console.is_terminal and not console.is_dumb_terminal
        self._printed: set[tuple[str, str]] = set()
        self._tasks: dict[str, TaskID] = {}
        self._bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            redirect_stdout=False,  # results belong on stdout
            disable=not self._is_bar,
        )

    def __enter__(self) -> PullView:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._bar.stop()

    def __call__(self, progress: PullProgress) -> None:
        """Show the progress of a pull."""
        if progress.phase == "waiting":
            self._print_once(progress.model, "waiting for another process that pulls it")
        elif self._is_bar:
            self._move(progress)
        else:
            tenths = 10 * progress.done_bytes // progress.total_bytes
            self._print_once(progress.model, f"{10 * tenths} % of {decimal(progress.total_bytes)}")

    def _move(self, progress: PullProgress) -> None:
        self._bar.start()  # draws nothing until there is a pull; idempotent
        if progress.model not in self._tasks:
            self._tasks[progress.model] = self._bar.add_task(progress.model)
        task = self._tasks[progress.model]
        self._bar.update(task, completed=progress.done_bytes, total=progress.total_bytes)

    def _print_once(self, model: str, text: str) -> None:
        if (model, text) not in self._printed:
            self._printed.add((model, text))
            print_note(f"{model}: {text}")


@models_app.command("list", short_help="Show every model and its state.")
def list_models(
    is_json: Annotated[bool, typer.Option("--json", help="Print a JSON array for programs.")] = False,
) -> None:
    """Show every model and its state: absent, partial, ready or corrupt."""
    with reporting():
        store = open_store()
        statuses = store.list()
        typer.echo(
            json.dumps([_record(store, status) for status in statuses], indent=2) if is_json else _table(statuses)
        )


@models_app.command("pull")
def pull_models(
    names: PulledNames = None,
    is_all: Annotated[bool, typer.Option("--all", help="Pull every model.")] = False,
    is_forced: Annotated[bool, typer.Option("--force", help="Discard the local copy and fetch it again.")] = False,
) -> None:
    """Fetch models into the cache. A stopped pull resumes; a ready model is left alone."""
    if is_all == bool(names):
        raise typer.BadParameter("name the models to pull, or pass --all without names")
    with reporting():
        store = open_store()
        wanted = _pullable(store, names) if names else [status.model.name for status in store.list()]
        raise typer.Exit(_each(wanted, lambda name: _pull(store, name, is_forced=is_forced)))


@models_app.command("verify", short_help="Check the hash of every file.")
def verify_models(
    names: Names = None,
) -> None:
    """Check the hash of every file of the named models, or of all that were pulled."""
    with reporting():
        store = open_store()
        pulled = {ModelState.READY, ModelState.CORRUPT}
        wanted = _known(store, names or ()) or [status.model.name for status in store.list() if status.state in pulled]
        if not wanted:
            print_note(f"no model has been pulled into {store.root}")
        raise typer.Exit(_each(wanted, lambda name: f"{name}: ok, {store.verify(name)}"))


@models_app.command("path", short_help="Print the directory of a model, or of all.")
def show_path(name: Name = None) -> None:
    """Print the directory of a ready model; without a name, the directory of all models."""
    with reporting():
        store = open_store()
        typer.echo(store.root if name is None else store.path(name))


def _pull(store: ModelStore, name: str, *, is_forced: bool) -> str:
    if not _is_listed(store, name) and (on_hub := hub_name(name)):
        return f"{name}: {_pull_from_hub(store, on_hub, is_forced=is_forced)}"
    with PullView() as view:
        return f"{name}: {store.pull(name, view, is_forced=is_forced)}"


def _pull_from_hub(store: ModelStore, name: str, *, is_forced: bool) -> Path:
    """Fetch a Whisper model into the cache of the hub's own library, which shows no progress."""
    if is_forced:
        raise ConfigError(f"--force is for the models of voxtide models list; the hub's library checks {name!r} itself")
    size = f"about {HUB_SIZES_MB[name]} MB " if name in HUB_SIZES_MB else ""
    announce = partial(print_note, f"{name}: fetching {size}from the Hugging Face hub")
    return fetch_from_hub(name, is_offline=store.is_offline, on_start=announce)


def _is_listed(store: ModelStore, name: str) -> bool:
    return any(status.model.name == name for status in store.list())


def _pullable(store: ModelStore, names: Iterable[str]) -> list[str]:
    """As `_known`, with Whisper's models on the hub."""
    try:
        return [name if hub_name(name) else store.model(name).name for name in dict.fromkeys(names)]
    except UnknownModelError as error:
        sizes = ", ".join(HUB_SIZES_MB)
        raise UnknownModelError(f"{error}, a Whisper model of the hub ({sizes}) or OWNER/NAME there") from None


def _known(store: ModelStore, names: Iterable[str]) -> list[str]:
    """The names without duplicates; an unknown one is refused before any work starts."""
    return [store.model(name).name for name in dict.fromkeys(names)]


def _each(names: Sequence[str], do: Callable[[str], str]) -> Exit:
    """Call `do` for each name, also after failures; returns the code of the worst failure."""
    code = Exit.DONE
    for name in names:
        try:
            typer.echo(do(name))
        except KeyboardInterrupt:
            print_note(f"stopped; the part of {name} that was fetched is kept, and the same command resumes it")
            raise
        except VoxtideError as error:
            print_error(error)
            code = max(code, Exit.FAILED if isinstance(error, ModelDownloadError) else exit_code(error))
    return code


def _record(store: ModelStore, status: ModelStatus) -> dict[str, object]:
    model, is_ready = status.model, status.state is ModelState.READY
    return {
        "name": model.name,
        "state": status.state,
        "path": str(store.path(model.name)) if is_ready else None,
        "size_bytes": model.size_bytes,
        "engine": model.engine,
        "languages": model.languages,
        "licence": model.licence,
        "description": model.description,
    }


def _table(statuses: Iterable[ModelStatus]) -> str:
    """Aligned columns, the same on a terminal and in a pipe."""
    rows = [("NAME", "STATE", "SIZE", "ENGINE", "LANGUAGES", "LICENCE", "DESCRIPTION")]
    for status in statuses:
        model = status.model
        languages = " ".join(model.languages) or "any"
        row = (model.name, status.state, decimal(model.size_bytes), model.engine, languages, model.licence)
        rows.append((*row, model.description))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
