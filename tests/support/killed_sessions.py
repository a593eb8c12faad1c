"""Live sessions that end by kill -9. In: a format and a moment. Out: the words that were final, and those in the file.

The session reads scripted speech from a pipe in real time. An observer after all others logs each final word, so the
log has what a user can have seen.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from tests.support.spoken import pcm, spoken
from tests.support.waiting import wait_for_process

FORMATS = ("txt", "srt", "vtt", "json", "jsonl")

WORDS = [f"{letter}{number}" for number in range(10) for letter in "abcd"]
SENTENCES = [" ".join(WORDS[at : at + 5]) for at in range(0, len(WORDS), 5)]
"""20 s of speech with pauses; all words differ, so that a missing one is found."""

LOGGED = """\
import os, sys
log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
from voxtide.cli.transcribe import command
from voxtide.pipeline import Observer, run_stream
from voxtide.transcript.events import Delta
class Log(Observer):
    def on_event(self, event, wall_s):
        if isinstance(event, Delta):
            os.write(log, event.text.encode())
async def logged(source, stream, observers, **options):
    return await run_stream(source, stream, (*observers, Log()), **options)
command.run_stream = logged
from voxtide.cli import main
main()
"""
"""The program with a log of the final words, whose path is its first argument."""


@dataclass(frozen=True)
class Killed:
    """The final words of a killed session, and the words in its partial file."""

    final: list[str]
    kept: list[str]

    @property
    def missing(self) -> list[str]:
        """Final words that are not in the file."""
        return [word for word in self.final if word not in self.kept]


def kill_session(directory: Path, doc_format: str, after_s: float) -> Killed:
    """Kill a session `after_s` after its first final word. Asserts that the file is a valid document."""
    log, partial = directory / "log", directory / f"notes.voxtide-partial.{doc_format}"
    command = [sys.executable, "-c", LOGGED, log, "transcribe", "-e", "scripted", "-", "--pace", "real"]
    command += ["--encoding", "pcm_s16le", "--output", directory / f"notes.{doc_format}"]
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        speaker = Thread(target=_speak, args=(process,))
        speaker.start()
        wait_for_process(process, lambda: log.exists() and log.stat().st_size > 0)
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.kill()
        speaker.join()
    return Killed(log.read_text("utf-8").split(), words_of(partial.read_text("utf-8"), doc_format))


def _speak(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(pcm(spoken(*SENTENCES)))


def words_of(text: str, doc_format: str) -> list[str]:
    """The words of a document."""
    match doc_format:
        case "json":
            document = json.loads(text)
            assert document["text"].split() == " ".join(segment["text"] for segment in document["segments"]).split()
            return str(document["text"]).split()
        case "jsonl":
            records = [json.loads(line) for line in text.splitlines()]
            return "".join(record["text"] for record in records if record["type"] == "delta").split()
        case "srt":
            cues = text.split("\n\n")
            assert all(re.match(rf"{number}\n[\d:,]+ --> [\d:,]+\n\S", cue) for number, cue in enumerate(cues, 1))
            return [word for cue in cues for word in cue.split("\n", 2)[2].split()]
        case "vtt":
            header, *cues = text.split("\n\n")
            assert header.strip() == "WEBVTT"
            assert all(re.match(r"[\d:.]+ --> [\d:.]+\n\S", cue) for cue in cues)
            return [word for cue in cues for word in cue.split("\n", 1)[1].split()]
        case _:
            return text.split()
