"""The server's log on stderr. In: log records. Out: a line each, for people or, as JSON, for programs.

Records carry fields (session, wire, address, code); never audio, text or a secret.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest are ours."""


class TextLines(logging.Formatter):
    """Time, level, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)} {record.levelname.lower():7} {record.getMessage()}"
        line = f"{line}  {told}" if told else line
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"time": _time(record), "level": record.levelname.lower(), "message": record.getMessage()}
        fields |= _fields(record)
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def log_to_stderr(*, is_json: bool) -> None:
    """Let the server's own log go to stderr, from `info` on, and the warnings of all others beside it in its form."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if is_json else TextLines())
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger("voxtide.server").setLevel(logging.INFO)


def _fields(record: logging.LogRecord) -> dict[str, str]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN_FIELDS}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
