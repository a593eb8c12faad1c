"""`POST /v1/audio/transcriptions` and `/translations`. In: an HTTP request. Out: the transcript, whole or as events.

    body -> Upload -> TranscriptionRequest -> [fetch] -> transcribe_file -> Answer | TranscriptionEvents -> client

A request owns its place, file, stream and tasks; all are released when it ends, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from voxtide.errors import AudioError, CapacityError, VoxtideError
from voxtide.pipeline import Observer
from voxtide.protocols.http.errors import Problem, problem_of
from voxtide.protocols.http.form import Fields, Form, form_of, form_of_headers
from voxtide.protocols.http.request import TranscriptionRequest, read_request
from voxtide.protocols.http.response import answer_of
from voxtide.protocols.http.sse import MEDIA_TYPE, TranscriptionEvents
from voxtide.protocols.messages import RequestRefusedError
from voxtide.server.admission import Admission
from voxtide.server.config import ServerConfig
from voxtide.server.http.fetch import fetch
from voxtide.server.http.job import transcribe_file
from voxtide.server.http.throttle import FileThrottle
from voxtide.server.http.upload import MAX_FORM_BYTES, Upload, read_upload
from voxtide.server.supervisor import EngineSupervisor
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import EngineInfo, Task, Transcript

_log = logging.getLogger("voxtide.server")

RETRY_AFTER_S = 5
"""Sent when no place is free: about the time that a short recording takes."""

IGNORED_HEADER = "x-voxtide-ignored"
"""Names the fields that had no effect."""

NOTICES_HEADER = "x-voxtide-notices"
"""The codes of the transcript's notices, for the formats without a field for them."""

_MAX_IGNORED = 20
_SAFE_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
"""Field names that are safe in a header; others are not reported."""


@dataclass(slots=True, kw_only=True)
class TranscriptionService:
    """The endpoint for files.

    Attributes:
        supervisor: Owns the engine.
        config: The server's settings.
        admission: Places for concurrent requests.
        engine_info: Returns the current engine's info.
        is_draining: Returns whether the server accepts no more requests.
        throttle: Pauses files in favour of live speech.
        audio_s: Audio transcribed so far, in seconds.
    """

    supervisor: EngineSupervisor
    config: ServerConfig
    admission: Admission
    engine_info: Callable[[], EngineInfo]
    is_draining: Callable[[], bool]
    throttle: FileThrottle
    audio_s: float = 0.0

    async def transcribe(self, request: Request) -> Response:
        """`POST /v1/audio/transcriptions`."""
        return _TranscriptionResponse(self, "transcribe")

    async def translate(self, request: Request) -> Response:
        """`POST /v1/audio/translations`: the text is English."""
        return _TranscriptionResponse(self, "translate")


class _TranscriptionResponse(Response):
    """Does all of a request's work in `__call__`, so that a disconnect cancels the work with the response."""

    def __init__(self, service: TranscriptionService, task: Task) -> None:
        super().__init__()
        self._service = service
        self._task = task

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        release = None if self._service.is_draining() else self._service.admission.take()
        if release is None:
            problem = problem_of(CapacityError("the server accepts no more files now; try again later"))
            await _send_problem(problem, form_of_headers(Request(scope).headers), scope, receive, send)
            return
        with contextlib.ExitStack() as closing, contextlib.suppress(ClientDisconnect):
            closing.callback(release)
            await _Transcription(self._service, self._task, scope, receive, send, closing).run()


class _Transcription:
    """One admitted request."""

    def __init__(
        self,
        service: TranscriptionService,
        task: Task,
        scope: Scope,
        receive: Receive,
        send: Send,
        closing: contextlib.ExitStack,
    ) -> None:
        self._service = service
        self._task = task
        self._request = Request(scope, receive)
        self._send = send
        self._closing = closing
        self._form = form_of_headers(self._request.headers)
        self._text = _TextSoFar()
        self._is_begun = False

    async def run(self) -> None:
        """Read the request, transcribe, answer. Errors are answered in the client's form."""
        try:
            upload = await self._read()
            await _until_disconnected(self._answer(upload), self._request.receive)
        except (VoxtideError, RequestRefusedError) as error:
            text = self._text.assembler.transcript().text if isinstance(error, AudioError) else ""
            await self._answer_problem(replace(problem_of(error), text=text))
        except (ClientDisconnect, asyncio.CancelledError):
            raise
        except Exception as error:
            _log.exception("a file could not be transcribed", extra={"event": "file_failed"})
            await self._answer_problem(problem_of(error))

    async def _answer_problem(self, problem: Problem) -> None:
        if not self._is_begun:
            await _send_problem(problem, self._form, self._request.scope, self._request.receive, self._send)

    async def _read(self) -> Upload:
        config = self._service.config
        try:
            async with asyncio.timeout(config.max_upload_s):
                upload = await read_upload(self._request, max_bytes=config.max_upload_bytes)
        except TimeoutError:
            raise RequestRefusedError(
                f"the upload took longer than {config.max_upload_s:g} s", code="upload_too_slow", status=408
            ) from None
        self._closing.callback(upload.close)
        return upload

    async def _answer(self, upload: Upload) -> None:
        fields = Fields(upload.items)
        self._form = form_of(fields, self._request.headers)
        info = self._service.supervisor.info
        requested = read_request(
            fields,
            self._request.headers,
            self._service.engine_info(),
            has_file=upload.file is not None,
            has_words=info.word_times != "none",
            task=self._task,
        )
        file = upload.file if upload.file is not None else await self._fetch(requested.file_url or "")
        if requested.is_streamed:
            await self._stream(requested, file, upload.file_name, info.model)
        else:
            transcript = await self._transcribe(requested, file, upload.file_name)
            answer = answer_of(requested, transcript, info.model)
            headers = _ignored_header(requested) | _notices_header(transcript)
            response = Response(answer.body, headers=headers, media_type=answer.media_type)
            self._is_begun = True
            await response(self._request.scope, self._request.receive, self._send)

    async def _fetch(self, url: str) -> IO[bytes]:
        config = self._service.config
        if not config.can_fetch:
            raise RequestRefusedError(
                "this server fetches no files; post the file itself", code="file_url_refused", param="file_url"
            )
        file = SpooledTemporaryFile(max_size=MAX_FORM_BYTES)  # noqa: SIM115  # closed with the request
        self._closing.callback(file.close)
        try:
            async with asyncio.timeout(config.max_upload_s):
                await fetch(url, file, max_bytes=config.max_upload_bytes, is_private_allowed=config.can_fetch_private)
        except TimeoutError:
            raise AudioError(f"fetching file_url took longer than {config.max_upload_s:g} s") from None
        return file

    async def _transcribe(
        self, requested: TranscriptionRequest, file: IO[bytes], file_name: str, observers: Iterable[Observer] = ()
    ) -> Transcript:
        started_at_s = asyncio.get_running_loop().time()
        transcript = await transcribe_file(
            self._service.supervisor,
            file,
            requested.options,
            (*observers, self._text),
            prompt=requested.prompt,
            track=requested.track,
            file_name=file_name or urlsplit(requested.file_url or "").path,
            max_audio_s=self._service.config.max_file_audio_s,
            throttle=self._service.throttle,
        )
        self._service.audio_s += transcript.audio_s
        took_s = asyncio.get_running_loop().time() - started_at_s
        _log.info(
            "a file of %.1f s was transcribed in %.1f s",
            transcript.audio_s,
            took_s,
            extra={"event": "file_transcribed"},
        )
        return transcript

    async def _stream(self, requested: TranscriptionRequest, file: IO[bytes], file_name: str, model: str) -> None:
        """Send events as they come. Until file and stream are open, an error is answered with its HTTP status."""
        stream = _EventStream(TranscriptionEvents(requested, model))
        working = asyncio.create_task(self._transcribe(requested, file, file_name, [stream]))
        working.add_done_callback(lambda _: stream.end())
        try:
            while (pieces := await stream.receive()) is not None:
                await self._send_events(requested, pieces)
            transcript = await working
            await self._send_events(requested, stream.events.finish(transcript), is_last=True)
        except (VoxtideError, RequestRefusedError) as error:
            if not self._is_begun:
                raise
            await self._send_events(requested, stream.events.fail(problem_of(error)), is_last=True)
        finally:
            working.cancel()
            await asyncio.wait({working})

    async def _send_events(self, requested: TranscriptionRequest, text: str, *, is_last: bool = False) -> None:
        try:
            async with asyncio.timeout(self._service.config.max_events_unread_s):
                await self._begin_events(requested)
                await self._send({"type": "http.response.body", "body": text.encode(), "more_body": not is_last})
        except TimeoutError:
            raise ClientDisconnect from None  # a client that does not read is treated as disconnected

    async def _begin_events(self, requested: TranscriptionRequest) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        headers = {"cache-control": "no-cache"} | _ignored_header(requested)
        start = Response(headers=headers, media_type=MEDIA_TYPE)
        del start.headers["content-length"]
        await self._send({"type": "http.response.start", "status": 200, "headers": start.raw_headers})


class _TextSoFar(Observer):
    """Keeps the text for the error of a file that breaks off: hours of audio may precede the damage."""

    def __init__(self) -> None:
        self.assembler = Assembler()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self.assembler.add(event)


class _EventStream(Observer):
    """Buffers events until they are sent. Bounded by the transcript's length, which the run holds anyway."""

    def __init__(self, events: TranscriptionEvents) -> None:
        self.events = events
        self._pieces: list[str] = []
        self._is_ready = asyncio.Event()
        self._is_ended = False

    def on_started(self) -> None:
        self._is_ready.set()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if piece := self.events.on_event(event):
            self._pieces.append(piece)
            self._is_ready.set()

    def end(self) -> None:
        self._is_ended = True
        self._is_ready.set()

    async def receive(self) -> str | None:
        """All events since the last call, perhaps none ("" at the start of the stream); None at its end."""
        await self._is_ready.wait()
        if not self._pieces and self._is_ended:
            return None
        text = "".join(self._pieces)
        self._pieces.clear()
        if not self._is_ended:
            self._is_ready.clear()
        return text


async def _until_disconnected(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do the work; cancel it if the client disconnects."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_done = working.done()
        working.cancel()
        watching.cancel()
        await asyncio.wait({working, watching})
    if is_done:
        working.result()
    else:
        _log.info("a client disconnected; its file was cancelled", extra={"event": "file_given_up"})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_problem(problem: Problem, form: Form, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if problem.status in (429, 503) else None
    await JSONResponse(problem.body_in(form), problem.status_in(form), headers)(scope, receive, send)


def _notices_header(transcript: Transcript) -> dict[str, str]:
    codes = dict.fromkeys(notice.code for notice in transcript.notices)
    return {NOTICES_HEADER: ", ".join(codes)} if codes else {}


def _ignored_header(requested: TranscriptionRequest) -> dict[str, str]:
    names = [name for name in requested.ignored if _SAFE_NAME.fullmatch(name)][:_MAX_IGNORED]
    return {IGNORED_HEADER: ", ".join(names)} if names else {}
