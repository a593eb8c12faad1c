"""Names and help texts of the options that only `serve` has. In: nothing. Out: types for the command in `app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Language: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--language",
        "-l",
        metavar="NAME",
        help="Language of sessions and files that name none, such as fr or French. Default: the engine's choice.",
    ),
]
Host: TypeAlias = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for the whole network.")
]
Port: TypeAlias = Annotated[
    int, typer.Option("--port", "-p", metavar="N", min=0, max=65535, help="Port to listen on; 0 for any free one.")
]
Capacity: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--capacity",
        metavar="N",
        min=1,
        help="Concurrent sessions. Default: the result of --calibrate, else four per core.",
    ),
]
Streams: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--streams",
        metavar="N",
        min=1,
        help="Concurrent streams of the engine. Default: enough for --capacity and --max-files, and some to spare.",
    ),
]
Calibrate: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--calibrate", help="Measure how many live streams this machine sustains, store the number, and exit."
    ),
]
KeysFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--keys-file", metavar="PATH", help="File of API keys that clients may use, one per line."),
]
Origins: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--origin", metavar="URL", help="Another web site whose pages may connect, or * for any; repeatable."),
]
TlsCertificate: TypeAlias = Annotated[
    Path | None, typer.Option("--tls-cert", metavar="PATH", help="Certificate chain (PEM), for https and wss.")
]
TlsKey: TypeAlias = Annotated[Path | None, typer.Option("--tls-key", metavar="PATH", help="Its private key (PEM).")]
MaxMessageBytes: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-message-bytes",
        metavar="N",
        min=1,
        help="Longest message of a session. Default: what its protocol needs.",
    ),
]
PingInterval: TypeAlias = Annotated[
    float, typer.Option("--ping-interval", metavar="S", min=0.1, help="Ping the client of a session every S seconds.")
]
PongWait: TypeAlias = Annotated[
    float,
    typer.Option(
        "--pong-wait", metavar="S", min=0.1, help="Disconnect a client that sends nothing for S seconds after a ping."
    ),
]
MaxUnread: TypeAlias = Annotated[
    float,
    typer.Option(
        "--max-unread", metavar="S", min=0.1, help="Disconnect a client that leaves messages unread for S seconds."
    ),
]
CloseWait: TypeAlias = Annotated[
    float,
    typer.Option(
        "--close-wait", metavar="S", min=0.1, help="Disconnect a client that does not answer a close within S seconds."
    ),
]
MaxAudioAhead: TypeAlias = Annotated[
    float,
    typer.Option(
        "--max-audio-ahead",
        metavar="S",
        min=0,
        help="Close a session whose audio is more than S seconds ahead of real time (0 = no limit).",
    ),
]
MaxSession: TypeAlias = Annotated[
    float, typer.Option("--max-session", metavar="S", min=0, help="Close a session after S seconds (0 = no limit).")
]
MaxIdle: TypeAlias = Annotated[
    float,
    typer.Option(
        "--max-idle", metavar="S", min=0, help="Close a session after S seconds without a message (0 = never)."
    ),
]
MaxFiles: TypeAlias = Annotated[
    int, typer.Option("--max-files", metavar="N", min=1, help="Concurrent files; each takes space on disk.")
]
MaxUpload: TypeAlias = Annotated[
    int, typer.Option("--max-upload-mb", metavar="MB", min=1, help="Largest file that may be uploaded or fetched.")
]
MaxFileAudio: TypeAlias = Annotated[
    float, typer.Option("--max-file-audio", metavar="S", min=1, help="Longest audio of a file, in seconds.")
]
FetchPrivate: TypeAlias = Annotated[
    bool,
    typer.Option("--fetch-private", help="Allow file_url to fetch from your own network, not only from public hosts."),
]
Drain: TypeAlias = Annotated[
    float,
    typer.Option("--drain", metavar="S", min=0.1, help="When the server stops, let sessions finish for S seconds."),
]
RequestsPerMinute: TypeAlias = Annotated[
    int,
    typer.Option("--requests-per-minute", metavar="N", min=0, help="HTTP requests from one address (0 = no limit)."),
]
SessionsPerMinute: TypeAlias = Annotated[
    int,
    typer.Option("--sessions-per-minute", metavar="N", min=0, help="Sessions opened from one address (0 = no limit)."),
]
LogFormat: TypeAlias = Annotated[
    Literal["text", "json"], typer.Option("--log-format", help="Format of the log on stderr, one line per event.")
]
