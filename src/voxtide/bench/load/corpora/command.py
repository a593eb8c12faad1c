"""`scripts/corpora`. In: names of corpora. Out: their directories on stdout, progress on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from voxtide.bench.load.corpora.layouts import left_out_line, utterances_in
from voxtide.bench.load.corpora.packages import CORPORA, corpora_directory, fetch
from voxtide.errors import VoxtideError


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the named corpora, or list all. Returns 0, or 1 if one failed."""
    options = _parser().parse_args(arguments)
    root = options.into or corpora_directory()
    if not options.names:
        for corpus in CORPORA.values():
            state = "fetched" if (root / corpus.name).is_dir() else f"{corpus.size_mb:g} MB"
            sys.stdout.write(f"{corpus.name}  {state:>8}  {corpus.description}\n")
        return 0
    num_failed = 0
    for name in CORPORA if "all" in options.names else dict.fromkeys(options.names):
        try:
            home = fetch(CORPORA[name], root, archives_in=options.archives, progress=_progress)
            found, left_out = utterances_in(home)
        except VoxtideError as error:
            _progress(f"error: {error}")
            num_failed += 1
            continue
        num_words = sum(len(it.text.split()) for it in found)
        _progress(f"{name}: {len(found)} utterances, {num_words} words")
        if left_out:
            _progress(f"{name}: {left_out_line(left_out, len(found))}")
        sys.stdout.write(f"{home}\n")
    return int(num_failed > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/corpora",
        description="Fetch speech with known text for the bench. Without names, list what there is.",
        epilog="apt-get fetches the archives from your Debian mirrors, without root. Use a corpus with: voxtide bench "
        "talks --corpus NAME. The bench also takes a directory of your own.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", type=_name, help=f"all, or some of {', '.join(CORPORA)}")
    parser.add_argument("--into", type=Path, metavar="DIR", help=f"keep them here (default: {corpora_directory()})")
    parser.add_argument("--archives", type=Path, metavar="DIR", help="the .deb files are here; fetch nothing")
    return parser


def _name(text: str) -> str:
    if text not in CORPORA and text != "all":
        raise argparse.ArgumentTypeError(f"there is no corpus {text!r}; choose from all, {', '.join(CORPORA)}")
    return text


def _progress(line: str) -> None:
    sys.stderr.write(f"corpora: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
