"""Live transcription of a microphone, a file or the demo recording.

    python examples/voxtral_realtime.py                            # microphone, until Ctrl-C
    python examples/voxtral_realtime.py --file talk.wav
    python examples/voxtral_realtime.py --demo

Audio is read in chunks of --chunk-duration milliseconds. Text is printed as soon as it is stable.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from importlib.resources import files

import voxtide
from voxtide.audio.pacing import paced
from voxtide.pipeline import Observer, run_stream


class Printer(Observer):
    """Prints stable text as it arrives, one line per segment."""

    is_at_line_start = True

    def on_event(self, event: voxtide.TranscriptEvent, wall_s: float) -> None:
        match event:
            case voxtide.Delta(text):
                print(text.lstrip() if self.is_at_line_start else text, end="", flush=True)
                self.is_at_line_start = False
            case voxtide.SegmentEnded():
                print(flush=True)
                self.is_at_line_start = True


def main() -> None:
    arguments = parse_arguments()
    try:
        asyncio.run(transcribe(arguments))
    except voxtide.VoxtideError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Transcribe a microphone, a file or a demo recording live.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--file", metavar="PATH", help="transcribe this file at real-time speed")
    source.add_argument("--demo", action="store_true", help="transcribe a recording included in voxtide")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="--file is raw 16-bit mono audio at this rate")
    parser.add_argument("--chunk-duration", type=int, default=80, metavar="MS", help="length of a chunk (default: 80)")
    parser.add_argument("--delay", type=int, metavar="MS", help="the model's look-ahead, if the engine supports it")
    parser.add_argument("--engine", default="moonshine", metavar="NAME", help="engine name (default: moonshine)")
    arguments = parser.parse_args()
    if arguments.sample_rate is not None and arguments.file is None:
        parser.error("--sample-rate needs --file; the microphone and the demo set their own rate")
    return arguments


async def transcribe(arguments: argparse.Namespace) -> None:
    async with (
        voxtide.open_engine(arguments.engine) as engine,
        source_of(arguments) as source,
        engine.open(voxtide.StreamOptions(delay_ms=arguments.delay, interim=False)) as stream,
    ):
        stop = asyncio.Event()  # Ctrl-C ends the audio; the remaining text is still printed
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        outcome = await run_stream(source, stream, [Printer()], stop=stop)
    if outcome.failure is not None:
        raise outcome.failure


def source_of(arguments: argparse.Namespace) -> voxtide.AudioSource:
    chunk_ms = arguments.chunk_duration
    if arguments.demo:
        return paced(voxtide.open_source(str(files("voxtide") / "data" / "beckett.wav"), chunk_ms=chunk_ms))
    if arguments.file is None:
        return voxtide.open_source("mic", chunk_ms=chunk_ms)
    encoding = None if arguments.sample_rate is None else "pcm_s16le"
    raw = {"encoding": encoding, "sample_rate_hz": arguments.sample_rate}
    return paced(voxtide.open_source(arguments.file, chunk_ms=chunk_ms, **raw))


if __name__ == "__main__":
    main()
