"""Names and help texts of options. In: nothing. Out: types for the commands in `app`.

Those that only `serve` has are in serve/options.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Sources: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", show_default=False, help="A file, a URL, - for stdin, or mic for a microphone."),
]
Engine: TypeAlias = Annotated[
    str,
    typer.Option(
        "--engine",
        "-e",
        metavar="NAME",
        help="Engine: moonshine, whisper, voxtral or scripted (for tests). auto: as for transcribe.",
    ),
]
AnyEngine: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--engine",
        "-e",
        metavar="NAME",
        help="Engine: moonshine, whisper, voxtral or scripted (for tests) on this machine; remote or vllm on a server. "
        "Default: auto, which is remote with --server, else the engine of --model, else moonshine for English or "
        "without --language, else whisper.",
    ),
]
ServerAddress: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Transcribe on this server, such as http://localhost:8000. Default for remote: Mistral's service.",
    ),
]
ApiKey: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        help="The server's API key. Other users may see it in the process list: set VOXTIDE_API_KEY instead, or "
        "MISTRAL_API_KEY for Mistral's own service.",
    ),
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME", help="A model of the engine (see: voxtide models list), or a directory."
    ),
]
Language: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--language",
        "-l",
        metavar="NAME",
        help="Language of the speech, such as fr, fr-FR, French or français. Default: the engine's choice.",
    ),
]
Task: TypeAlias = Annotated[
    Literal["transcribe", "translate"],
    typer.Option("--task", help="translate: into English, with a Whisper model of many languages."),
]
DelayMs: TypeAlias = Annotated[
    int | None,
    typer.Option("--delay-ms", metavar="MS", help="Look-ahead of the model, for engines with a choice."),
]
Vocabulary: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--vocabulary",
        metavar="WORD|FILE",
        help="A word or phrase to expect, or a text file of them, one per line; repeatable. For moonshine and whisper, "
        "and for servers that support it.",
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, max=1024, help="Compute threads. Default: chosen by the engine."),
]
Device: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="whisper: cpu, cuda, cuda:1 or auto; default: cpu. voxtral: cuda, cuda:1, mps or cpu; default: the best.",
    ),
]
ComputeType: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--compute-type",
        metavar="KIND",
        help="whisper: int8, float16, float32 and others of CTranslate2. Default: int8 on a CPU, float16 on a GPU.",
    ),
]
Weights: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights", metavar="KIND", help="voxtral: bf16, fp16, fp32 or int8. Default: chosen for the device."
    ),
]
WindowMinutes: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--window-minutes",
        metavar="M",
        help="voxtral: context of a stream; a shorter one takes less memory. Default: the model's own.",
    ),
]
InterimEveryMs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--interim-every-ms", metavar="MS", help="voxtral: interval between interim texts. Default: no interim text."
    ),
]
Format: TypeAlias = Annotated[
    Literal["live", "txt", "srt", "vtt", "json", "jsonl"] | None,
    typer.Option(
        "--format",
        "-f",
        help="live: text while it is spoken. jsonl: events as they occur. The others are written at the end, or for a "
        "live source as text becomes final. Default: the suffix of --output; without it, live on a terminal and txt in "
        "a pipe.",
    ),
]
Output: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write to this file, or - for stdout. With several sources, or if it ends in /, a directory of files. "
        "Text of a live source is on disk as soon as it is final.",
    ),
]
LineLength: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--line-length",
        metavar="N",
        min=8,
        max=200,
        help="srt, vtt: columns of a line; a Chinese, Japanese or Korean character takes two. Default: 42.",
    ),
]
MaxLines: TypeAlias = Annotated[
    int | None, typer.Option("--max-lines", metavar="N", min=1, max=10, help="srt, vtt: lines of a cue. Default: 2.")
]
Append: TypeAlias = Annotated[
    bool, typer.Option("--append", help="Add the text to the file of --output (txt and jsonl) instead of replacing it.")
]
Force: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Let a live source replace the file of --output; other sources always do.")
]
Pace: TypeAlias = Annotated[
    Literal["real", "fast"] | None,
    typer.Option(
        "--pace",
        help="real: at the speed of speech. fast: as fast as possible. "
        "Default: real for a microphone and for the live view on a terminal, else fast.",
    ),
]
Interim: TypeAlias = Annotated[bool, typer.Option("--interim/--no-interim", help="Show text that may still change.")]
FlushAtPauses: TypeAlias = Annotated[
    bool, typer.Option("--flush-at-pauses", help="Make the text final at once when the speaker pauses.")
]
Metrics: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--metrics", help="Show latencies and the real-time factor, in the live view and at the end on stderr."
    ),
]
ChunkMs: TypeAlias = Annotated[
    int, typer.Option("--chunk-ms", metavar="MS", help="Length of the audio chunks fed to the engine.")
]
Microphone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--microphone",
        metavar="NAME",
        help="Its number or a part of its name; see: voxtide devices. Default: the system's.",
    ),
]
Encoding: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Raw audio: pcm_s16le, pcm_s32le, pcm_f16le, pcm_f32le, pcm_mulaw or pcm_alaw. "
        "Default: detected from the first bytes.",
    ),
]
SampleRate: TypeAlias = Annotated[
    int | None, typer.Option("--sample-rate", metavar="HZ", help="Sample rate of raw audio. Default: 16000.")
]
Channels: TypeAlias = Annotated[
    int | None, typer.Option("--channels", metavar="N", help="Channels of raw audio. Default: 1.")
]
Track: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="N|LANG|mix",
        help="Audio track of a film: its number, its language, or mix for all. Default: the file's default track, or "
        "if that is silent, the one with sound.",
    ),
]

Recording: TypeAlias = Annotated[
    Literal["beckett", "two_cities"], typer.Option("--recording", help="beckett: 10 seconds. two_cities: 44 seconds.")
]
DemoPace: TypeAlias = Annotated[
    Literal["real", "fast"], typer.Option("--pace", help="real: at the speed of speech. fast: as fast as possible.")
]
Compared: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="SOURCE", show_default=False, help="A file or a URL. Default: the recording of demo."),
]
Chunk: TypeAlias = Annotated[
    str,
    typer.Option(
        "--chunk",
        metavar="S,S,...",
        help="Lengths of chunks in seconds, 0.5 to 60, at most 8. The first is shown beside the stream.",
    ),
]
Reference: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        metavar="FILE",
        help="The spoken text, to count errors. Default: the text file of the source's name, such as talk.txt.",
    ),
]
Words: TypeAlias = Annotated[bool, typer.Option("--words", help="List when each word was spoken, shown and final.")]
JsonPath: TypeAlias = Annotated[
    Path | None, typer.Option("--json", metavar="PATH", help="Write everything measured to this file.")
]
PlotPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.svg", help="Draw when the words are shown and final. Needs the extra bench."),
]
All: TypeAlias = Annotated[bool, typer.Option("--all", help="List what is not installed, too.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Meter: TypeAlias = Annotated[bool, typer.Option("--meter", help="Show the level of a microphone until Ctrl-C.")]
Debug: TypeAlias = Annotated[bool, typer.Option("--debug", help="Log details, and the traceback of an error.")]
