"""Streaming against chunks: record some seconds, send them, wait. The same recording, model and machine.

    python examples/streaming_vs_chunked.py --demo                 # each text of both ways at the moment it appears
    python examples/streaming_vs_chunked.py --compare talk.wav     # a table; without a file, of the demo recording

`voxtide compare` does the same with a view side by side, more options, JSON and plots.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from importlib.resources import files
from pathlib import Path

import voxtide
from voxtide.bench.compare.chunked import parse_lengths
from voxtide.bench.compare.comparison import Comparison
from voxtide.bench.compare.reference import reference_of, text_beside
from voxtide.bench.compare.report import lines_of
from voxtide.bench.compare.ways import FAST, MAX_AUDIO_S, Way, chunked_way, read_samples, streaming_way, warm_up
from voxtide.pipeline import Observer

DEMO = str(files("voxtide") / "data" / "beckett.wav")


class Log(Observer):
    """Prints final text of the stream as it comes, and of the chunks when it would arrive on the same clock."""

    def __init__(self, chunked: Way) -> None:
        self.chunked = chunked
        self.waiting = [chunk for chunk in chunked.chunks if chunk.text]
        self.now_s = 0.0

    def on_chunk(self, chunk: voxtide.Samples, audio_s: float, wall_s: float) -> None:
        self.now_s = audio_s
        self.print_arrived()

    def on_event(self, event: voxtide.TranscriptEvent, wall_s: float) -> None:
        if isinstance(event, voxtide.Delta) and any(map(str.isalnum, event.text)):
            print(f"{self.now_s:6.1f} s  {'streaming':<15} {event.text.strip()}", flush=True)

    def print_arrived(self) -> None:
        while self.waiting and self.waiting[0].arrived_s <= self.now_s:
            chunk = self.waiting.pop(0)
            print(f"{chunk.arrived_s:6.1f} s  {self.chunked.name:<15} {chunk.text}", flush=True)


def main() -> None:
    arguments = parse_arguments()
    try:
        asyncio.run(compare(arguments))
    except voxtide.VoxtideError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of stdout has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare streaming with chunks.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--demo", action="store_true", help="print each text of both ways at the moment it appears")
    what.add_argument(
        "--compare", nargs="?", const=DEMO, metavar="FILE", help="print a table (default: the recording of --demo)"
    )
    parser.add_argument("--chunk", metavar="S,S,...", help="lengths of chunks (default: 3, for --compare 1,3,5,10)")
    parser.add_argument("--engine", default="moonshine", metavar="NAME", help="engine name (default: moonshine)")
    return parser.parse_args()


async def compare(arguments: argparse.Namespace) -> None:
    path = DEMO if arguments.demo else arguments.compare
    lengths_s = parse_lengths(arguments.chunk or ("3" if arguments.demo else "1,3,5,10"))
    async with voxtide.open_source(path) as source:
        samples, has_more = await read_samples(source)
    if has_more:
        print(f"only the first {MAX_AUDIO_S:.0f} s are compared", file=sys.stderr)
    async with voxtide.open_engine(arguments.engine) as engine:
        await warm_up(engine, samples, None)
        ways = [await chunked_way(engine, samples, length_s, None, lambda audio_s: None) for length_s in lengths_s]
        log = Log(ways[0])
        ways.append(await streaming_way(engine, samples, None, observers=[log] if arguments.demo else []))
        if arguments.demo:
            log.now_s = float("inf")  # the recording is over
            log.print_arrived()
            return
        reference = await reference_of(engine, samples, FAST, text_beside(Path(path)))
        audio_s = len(samples) / voxtide.SAMPLE_RATE_HZ
        print("\n".join(lines_of(Comparison(path, audio_s, engine.info, reference, ways))), flush=True)


if __name__ == "__main__":
    main()
