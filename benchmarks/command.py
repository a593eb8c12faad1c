"""`benchmarks/run`. In: names of peers. Out: a JSON file for each, a summary on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks.audio import TALKS, PeerTalk, load_talks
from benchmarks.peers import HOME, PEERS, command, version
from benchmarks.playing import play_peer
from benchmarks.ruler import figures, final_text
from benchmarks.table import COLUMNS, cell, is_quiet, markdown, newest
from voxtide.bench.load.process import OtherPrograms
from voxtide.bench.machine import describe_machine, without_home
from voxtide.errors import ConfigError, VoxtideError

RESULTS = HOME / "results"
ALL = "all"
UNKNOWN = "unknown"
"""The version of a peer whose requirements do not name it. It is not played."""

DIRECTORIES = re.compile(r"(?<![\w.~/-])(?!//)~?/(?:[^\s'\":,;()/]+/)*(?=[^\s/])")
"""The directories of an absolute path, with the slash after them. What follows the colon of a web address is none."""

MAX_TALKS = 20
"""More than an hour of talk for each peer, in real time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the named peers in turn, or print the table. Returns 0; 1 if one failed; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    label = _label(options)
    try:
        if options.table:
            sys.stdout.write(markdown(newest(options.results, label)))
            return 0
        return asyncio.run(_measure_all(options, label))
    except VoxtideError as error:
        _progress(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _progress("stopped; finished peers have their results")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description="Measure live transcription of voxtide and its peers with the same audio and the same ruler.",
        epilog=f"Peers: {', '.join(PEERS)}. Leave the machine idle meanwhile. The figures: benchmarks/README.md.",
    )
    parser.add_argument("names", nargs="*", metavar="PEER", type=_peer_name, help=f"one or more peers, or {ALL}")
    parser.add_argument("--audio", default=TALKS, metavar="FILE", help="a recording with its text in a .txt beside it")
    parser.add_argument("--corpus", metavar="NAME", help="talks of a corpus of scripts/corpora, or of a directory")
    parser.add_argument("--talks", type=_num_talks, default=2, metavar="N", help="play N talks (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="(default: benchmarks/results)")
    parser.add_argument("--table", action="store_true", help="print the newest results as a table; measure nothing")
    return parser


def _label(options: argparse.Namespace) -> str:
    """The name of what is played: of a file or directory, without its path."""
    return Path(os.path.abspath(options.corpus or options.audio)).name


def _peer_name(text: str) -> str:
    if text not in PEERS and text != ALL:
        raise argparse.ArgumentTypeError(f"there is no peer {text!r}; choose from {ALL}, {', '.join(PEERS)}")
    return text


def _num_talks(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MAX_TALKS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_TALKS}")
    return int(text)


async def _measure_all(options: argparse.Namespace, label: str) -> int:
    names = list(PEERS) if ALL in options.names else list(dict.fromkeys(options.names))
    if not names:
        _progress(f"error: name a peer: {ALL}, {', '.join(PEERS)}")
        return 1
    _check_writable(options.results)
    talks = await load_talks(options.audio, options.corpus, options.talks)
    num_failed = 0
    for name in names:
        result = await measure(name, label, talks) | {"command": _command_line(options, names, label)}
        num_failed += result["failure"] is not None
        record = result | {"failure": result["failure"] and _without_directories(result["failure"])}
        try:
            saved = f"  {_save(record, options.results)}"
        except OSError as error:
            num_failed += 1
            _progress(f"error: {options.results} no longer takes results: {error}; this one is on stdout: save it")
            saved = json.dumps(record)
        sys.stdout.write("\n".join([*_summary(result), saved]) + "\n")  # the user sees the directories in a failure
        sys.stdout.flush()
    return int(num_failed > 0)


async def measure(name: str, label: str, talks: Sequence[PeerTalk]) -> dict[str, Any]:
    """Play all talks into a peer. A peer that fails has a result too, without figures."""
    peer = PEERS[name]
    machine: dict[str, Any] = describe_machine()
    others = OtherPrograms()
    found: dict[str, Any] | None = None
    failure, texts, measured = None, [], UNKNOWN
    began = datetime.now(UTC)
    try:
        measured = version(peer) or str(machine["voxtide"])  # before the plays: it must not cost a measurement
        arguments = await asyncio.to_thread(command, peer, _progress)
        others = OtherPrograms()
        plays = []
        for talk in talks:
            _progress(f"{name}: playing {talk.name} in real time, {talk.duration_s:.0f} s")
            plays.append(await play_peer(arguments, talk.samples))
        found = figures(talks, plays)
        texts = [final_text(play.events) for play in plays]
    except VoxtideError as error:
        failure = str(error)
    return {
        "peer": name,
        "package": peer.package,
        "version": measured,
        "model": peer.model,
        "summary": peer.summary,
        "date": began.isoformat(timespec="seconds"),
        "machine": machine | {"other_cores": others.num_cores},
        "audio": {
            "name": label,
            "talks": [{"name": it.name, "duration_s": it.duration_s, "utterances": len(it.spans)} for it in talks],
        },
        "failure": failure,
        "figures": found or {},
        "texts": texts,
    }


def _command_line(options: argparse.Namespace, names: Sequence[str], label: str) -> str:
    """The command for a result, which is passed on: names of files without the user's directories."""
    played = ["--corpus" if options.corpus else "--audio", label]
    return shlex.join(["benchmarks/run", *names, *played, "--talks", str(options.talks)])


def _without_directories(text: str) -> str:
    """A text for a result: of each absolute path, only the name."""
    return DIRECTORIES.sub("", without_home(text))


def _check_writable(directory: Path) -> None:
    """Make the directory and write a file in it, before hours of playing.

    Raises:
        ConfigError: That failed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory) as file:
            file.write(b"\n")
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"results cannot be written to {directory}: {reason}; choose another by --results") from error


def _save(result: dict[str, Any], directory: Path) -> Path:
    """Write a result into a new file: its name has the time, and a number if another run took the same second.

    Raises:
        OSError: It cannot be written; there is no part of it.
    """
    began = datetime.fromisoformat(result["date"])
    stem = f"{began:%Y-%m-%d-%H%M%S}-{result['peer']}-{result['audio']['name']}"
    for number in count(1):
        path = directory / f"{stem}{f'-{number}' if number > 1 else ''}.json"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(result, indent=1) + "\n")
            break
        except FileExistsError:
            continue
        except OSError:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
    return path


def _summary(result: dict[str, Any]) -> list[str]:
    lines = [f"{result['peer']}: {result['summary']}, model {result['model']}"]
    if result["failure"]:
        return [*lines, f"  FAILED  {result['failure']}"]
    lines += [f"  {column.heading}: {cell(result, column)}" for column in COLUMNS]
    if result["figures"]["num_cut_off"]:
        lines.append(f"  cut off in {result['figures']['num_cut_off']} talks: it fell behind")
    if not is_quiet(result):
        cores = result["machine"]["other_cores"]
        reason = "too short to see other programs" if cores is None else f"other programs kept {cores:.2f} cores busy"
        lines.append(f"  not comparable: {reason}")
    return lines


def _progress(line: str) -> None:
    sys.stderr.write(f"benchmarks: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
