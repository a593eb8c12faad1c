"""`POST /v1/audio/transcriptions`. In: an HTTP request. Out: its answer, whole or as events, in the client's form.

    body -> Upload -> BatchRequest -> [fetch] -> transcribe_file -> Answer | BatchEvents -> client

One request is one scope: place, file, stream and tasks are gone when it ends, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
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
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import EngineInfo, Transcript

_log = logging.getLogger("voxtide.server")

RETRY_AFTER_S = 5
"""What a client is told that finds no place: about as long as a short recording takes."""

IGNORED_HEADER = "x-voxtide-ignored"
"""Names the fields that had no effect."""

_MAX_IGNORED = 20
_SHOWABLE = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
"""Names of fields that a header can carry. Whoever sends others knows that they mean nothing."""


@dataclass(slots=True, kw_only=True)
class TranscriptionService:
    """What requests work with.

    Attributes:
        supervisor: Whose engine they use.
        config: Their bounds.
        admission: Their places.
        engine_info: What the engine can do, as of now.
        is_draining: Whether the server takes nobody in any more.
        live_first: Whom files make way for.
        audio_s: Seconds of audio transcribed so far.
    """

    supervisor: EngineSupervisor
    config: ServerConfig
    admission: Admission
    engine_info: Callable[[], EngineInfo]
    is_draining: Callable[[], bool]
    live_first: FileThrottle
    audio_s: float = 0.0

    async def answer(self, request: Request) -> Response:
        """The endpoint's handler."""
        return _TranscriptionResponse(self)


class _TranscriptionResponse(Response):
    """Does all of a request's work while it is being sent, so that its scope is the response's."""

    def __init__(self, service: TranscriptionService) -> None:
        super().__init__()
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        give_back = None if self._service.is_draining() else self._service.admission.take()
        if give_back is None:
            problem = problem_of(CapacityError("the server transcribes as many files as it may; try again later"))
            await _say(problem, form_of_headers(Request(scope).headers), scope, receive, send)
            return
        with contextlib.ExitStack() as closing, contextlib.suppress(ClientDisconnect):  # nobody is left to be told
            closing.callback(give_back)
            await _Conversation(self._service, scope, receive, send, closing).hold()


class _Conversation:
    """One request that has a place."""

    def __init__(
        self, service: TranscriptionService, scope: Scope, receive: Receive, send: Send, closing: contextlib.ExitStack
    ) -> None:
        self._service = service
        self._request = Request(scope, receive)
        self._send = send
        self._closing = closing
        self._form = form_of_headers(self._request.headers)
        self._is_begun = False

    async def hold(self) -> None:
        """Read, work, answer. What goes wrong is told, in the client's form."""
        try:
            upload = await self._read()
            await _unless_disconnected(self._work(upload), self._request.receive)
        except (VoxtideError, RequestRefusedError) as error:
            await self._tell_failure(problem_of(error))
        except (ClientDisconnect, asyncio.CancelledError):
            raise
        except Exception as error:
            _log.exception("a file could not be transcribed", extra={"event": "file_failed"})
            await self._tell_failure(problem_of(error))

    async def _tell_failure(self, problem: Problem) -> None:
        if not self._is_begun:
            await _say(problem, self._form, self._request.scope, self._request.receive, self._send)

    async def _read(self) -> Upload:
        try:
            async with asyncio.timeout(self._service.config.max_upload_s):
                upload = await read_upload(self._request, max_bytes=self._service.config.max_upload_bytes)
        except TimeoutError:
            raise RequestRefusedError(
                f"the upload took longer than {self._service.config.max_upload_s:g} s",
                code="upload_too_slow",
                status=408,
            ) from None
        self._closing.callback(upload.close)
        return upload

    async def _work(self, upload: Upload) -> None:
        fields = Fields(upload.items)
        self._form = form_of(fields, self._request.headers)
        info = self._service.supervisor.info
        wish = read_request(
            fields,
            self._request.headers,
            self._service.engine_info(),
            has_file=upload.file is not None,
            has_words=info.word_times != "none",
        )
        file = upload.file if upload.file is not None else await self._fetched(wish.file_url or "")
        if wish.is_streamed:
            await self._stream(wish, file, upload.file_name, info.model)
        else:
            transcript = await self._transcribe(wish, file, upload.file_name)
            answer = answer_of(wish, transcript, info.model)
            response = Response(answer.body, headers=_ignored_header(wish), media_type=answer.media_type)
            self._is_begun = True
            await response(self._request.scope, self._request.receive, self._send)

    async def _fetched(self, url: str) -> IO[bytes]:
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
        self, wish: TranscriptionRequest, file: IO[bytes], file_name: str, observers: Iterable[Observer] = ()
    ) -> Transcript:
        started_at_s = asyncio.get_running_loop().time()
        transcript = await transcribe_file(
            self._service.supervisor,
            file,
            wish.options,
            tuple(observers),
            file_name=file_name or urlsplit(wish.file_url or "").path,
            max_audio_s=self._service.config.max_file_audio_s,
            live_first=self._service.live_first,
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

    async def _stream(self, wish: TranscriptionRequest, file: IO[bytes], file_name: str, model: str) -> None:
        """Send events as they come. Until file and stream are open, a failure is an ordinary answer."""
        teller = _EventStream(TranscriptionEvents(wish, model))
        working = asyncio.create_task(self._transcribe(wish, file, file_name, [teller]))
        working.add_done_callback(lambda _: teller.end())
        try:
            while (pieces := await teller.told()) is not None:
                await self._send_events(wish, pieces)
            transcript = await working
            await self._send_events(wish, teller.events.finish(transcript), is_last=True)
        except (VoxtideError, RequestRefusedError) as error:
            if not self._is_begun:
                raise
            await self._send_events(wish, teller.events.fail(problem_of(error)), is_last=True)
        finally:
            working.cancel()
            await asyncio.wait({working})

    async def _send_events(self, wish: TranscriptionRequest, text: str, *, is_last: bool = False) -> None:
        try:
            async with asyncio.timeout(self._service.config.max_events_unread_s):
                await self._begin_events(wish)
                await self._send({"type": "http.response.body", "body": text.encode(), "more_body": not is_last})
        except TimeoutError:
            raise ClientDisconnect from None  # it has not gone, but it does not read: for us the same

    async def _begin_events(self, wish: TranscriptionRequest) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        headers = {"cache-control": "no-cache"} | _ignored_header(wish)
        start = Response(headers=headers, media_type=MEDIA_TYPE)
        del start.headers["content-length"]
        await self._send({"type": "http.response.start", "status": 200, "headers": start.raw_headers})


class _EventStream(Observer):
    """Holds events until they are sent. Its bound is the transcript's length, which the run holds anyway."""

    def __init__(self, events: TranscriptionEvents) -> None:
        self.events = events
        self._pieces: list[str] = []
        self._has_news = asyncio.Event()
        self._is_ended = False

    def on_started(self) -> None:
        self._has_news.set()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if piece := self.events.on_event(event):
            self._pieces.append(piece)
            self._has_news.set()

    def end(self) -> None:
        self._is_ended = True
        self._has_news.set()

    async def told(self) -> str | None:
        """All that was told since the last call, perhaps nothing; None when no more comes."""
        await self._has_news.wait()
        if not self._pieces and self._is_ended:
            return None
        text = "".join(self._pieces)
        self._pieces.clear()
        if not self._is_ended:
            self._has_news.clear()
        return text


async def _unless_disconnected(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Do the work; give it up when the client goes."""
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
        _log.info("a client went away; its file was given up", extra={"event": "file_given_up"})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say(problem: Problem, form: Form, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if problem.status in (429, 503) else None
    await JSONResponse(problem.body_in(form), problem.status_in(form), headers)(scope, receive, send)


def _ignored_header(wish: TranscriptionRequest) -> dict[str, str]:
    names = [name for name in wish.ignored if _SHOWABLE.fullmatch(name)][:_MAX_IGNORED]
    return {IGNORED_HEADER: ", ".join(names)} if names else {}
