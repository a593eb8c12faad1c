"""A posted form. In: a request's body, as a stream. Out: its fields, and its file on disk. All sizes are bounded.

The file is kept in memory up to 1 MB, then in a temporary file that is deleted with the request.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from voxtide.protocols.http.form import MAX_FIELDS
from voxtide.protocols.messages import RequestRefusedError

MAX_FORM_BYTES = 1024 * 1024
"""Limit of a form without a file, and of each field that is not a file."""

BODY_TIMEOUT_S = 30.0
"""How long a client may send nothing in the middle of a body."""

_FILE = "file"


@dataclass(frozen=True, slots=True)
class Upload:
    """A posted form. `close` deletes the file.

    Attributes:
        items: The fields that are not files, in order.
        file: The posted file, at its beginning, or None.
        file_name: The client's name for the file, or "".
    """

    items: list[tuple[str, str]]
    file: IO[bytes] | None = None
    file_name: str = ""

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


async def read_upload(request: Request, *, max_bytes: int) -> Upload:
    """Read the whole body.

    Raises:
        RequestRefusedError: Not a form, an invalid one, or more than `max_bytes`.
        ClientDisconnect: The client disconnected.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_multipart(request, max_bytes)
    if kind == "application/x-www-form-urlencoded":
        return Upload(await _read_urlencoded(request, min(max_bytes, MAX_FORM_BYTES)))
    raise RequestRefusedError(
        "send a form: multipart/form-data with a file, or application/x-www-form-urlencoded with a file_url",
        code="unsupported_media_type",
        status=415,
    )


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Read a small body.

    Raises:
        RequestRefusedError: More than `max_bytes`.
    """
    return b"".join([chunk async for chunk in _bounded(request, max_bytes)])


async def _read_multipart(request: Request, max_bytes: int) -> Upload:
    body = _bounded(request, max_bytes)
    parser = MultiPartParser(request.headers, body, max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FORM_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestRefusedError(f"the form cannot be read: {error.message}", code="invalid_form") from None
    finally:
        await body.aclose()
    items = form.multi_items()
    posted = next((value for _, value in items if isinstance(value, UploadFile)), None)
    upload = Upload(
        items=[(name, value) for name, value in items if isinstance(value, str)],
        file=None if posted is None else posted.file,
        file_name="" if posted is None else posted.filename or "",
    )
    with contextlib.ExitStack() as closing:
        closing.callback(upload.close)
        _check_file(items)
        closing.pop_all()
    return upload


def _check_file(items: list[tuple[str, UploadFile | str]]) -> None:
    for name, value in items:
        if (name == _FILE) != isinstance(value, UploadFile):
            reason = "must be a file: a part with a filename" if name == _FILE else "must be text, not a file"
            raise RequestRefusedError(f"{name[:80]} {reason}", param=name[:80])


async def _read_urlencoded(request: Request, max_bytes: int) -> list[tuple[str, str]]:
    body = await read_body(request, max_bytes=max_bytes)
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise RequestRefusedError(f"the form cannot be read: {error}", code="invalid_form") from None


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise too_big(max_bytes)
    num_bytes = 0
    body = request.stream()
    while chunk := await _next_chunk(body):
        num_bytes += len(chunk)
        if num_bytes > max_bytes:
            raise too_big(max_bytes)
        yield chunk


async def _next_chunk(body: AsyncIterator[bytes]) -> bytes:
    """The next bytes of the body; b"" at its end."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await anext(body, b"")
    except TimeoutError:
        raise RequestRefusedError(
            f"the upload stopped for {BODY_TIMEOUT_S:g} s", code="upload_too_slow", status=408
        ) from None


def too_big(max_bytes: int) -> RequestRefusedError:
    """The error for a body or file of more than `max_bytes`."""
    return RequestRefusedError(
        f"the server accepts {max_bytes} bytes at most here; send a shorter or a compressed recording",
        code="upload_too_big",
        status=413,
    )
