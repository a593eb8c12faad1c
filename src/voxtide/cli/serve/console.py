"""What `serve` prints. In: settings, an engine; log records. Out: addresses and runnable examples; log lines."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from datetime import UTC, datetime
from importlib.resources import files

from voxtide.server.config import ServerConfig
from voxtide.types import EngineInfo

_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
"""Wildcard addresses, and the loopback address to print instead."""

_EXAMPLE = """\
{imports}, asyncio, wave

async def main():
    with wave.open({sample!r}) as recording:
        audio = recording.readframes(-1)
    async with voxtide.connect({http!r}{key}) as connection:
        await connection.send_audio(audio)
        print(await connection.flush_audio())

asyncio.run(main())
"""

_PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes of every record; the others are our fields."""


class TextLines(logging.Formatter):
    """Time, level, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"
        line = f"{line}  {fields}" if fields else line
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage()}
        fields |= _fields(record)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def startup_text(config: ServerConfig, info: EngineInfo, *, port: int) -> str:
    """The addresses, and examples to copy."""
    host = _ANY.get(config.host, f"[{config.host}]" if ":" in config.host else config.host)
    http = f"{config.scheme}://{host}:{port}"
    ws = f"{'wss' if config.scheme == 'https' else 'ws'}://{host}:{port}"
    rows = [
        ("Mistral realtime", f"{ws}/v1/audio/transcriptions/realtime"),
        ("OpenAI, vLLM realtime", f"{ws}/v1/realtime"),
        ("files", f"{http}/v1/audio/transcriptions"),
        ("health, metrics, API", f"{http}/readyz  {http}/metrics  {http}/openapi.json"),
    ]
    if config.web_dir is not None:
        rows.insert(0, ("web page", f"{http}/"))
    return "\n".join(
        [
            f"voxtide serves {info.name} ({info.model}), up to {config.capacity} sessions at once",
            *(f"  {name:21}  {address}" for name, address in rows),
            *_try_it(config, http),
        ]
    )


def log_to_stderr(*, is_json: bool) -> None:
    """Send the server's log from INFO on, and the warnings of all other loggers, to stderr in one format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if is_json else TextLines())
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger("voxtide.server").setLevel(logging.INFO)


def _try_it(config: ServerConfig, http: str) -> list[str]:
    sample = str(files("voxtide") / "data" / "beckett.wav")
    header, argument, imports, where = "", "", "import voxtide", ""
    if config.keys:
        header, argument = ' -H "Authorization: Bearer $KEY"', ', api_key=os.environ["KEY"]'
        imports, where = "import os, voxtide", ", with one of the keys in $KEY"
    trust = []
    if config.tls_certificate is not None:
        path = shlex.quote(str(config.tls_certificate.absolute()))
        trust = [f"  export CURL_CA_BUNDLE={path} SSL_CERT_FILE={path}  # only for a self-signed certificate"]
    example = _EXAMPLE.format(imports=imports, sample=sample, http=http, key=argument)
    return [
        f"Try it{where}:",
        *trust,
        f'  curl {http}/v1/audio/transcriptions{header} -F "file=@{sample}" -F model=any',
        f"  {sys.executable} - <<'END'",
        *(f"{line}" for line in example.splitlines()),  # not indented: it is Python
        "END",
    ]


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN_FIELDS}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
