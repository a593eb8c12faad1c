"""The HTTP part of a server. In: its services and endpoints. Out: an ASGI application. Sessions do not pass through it.

Every endpoint is rated, and asks for a key unless it is open; /openapi.json describes them all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voxtide.server.access import Access
from voxtide.server.config import ServerConfig
from voxtide.server.endpoints import Endpoint, Handler, json_content, openapi
from voxtide.server.handshake import Handshake, Refusal
from voxtide.server.metrics import CONTENT_TYPE, Metrics
from voxtide.server.realtime.sessions import RETRY_AFTER_S, SESSION_PATHS, Sessions
from voxtide.server.supervisor import EngineSupervisor
from voxtide.server.tokens import TokenStore

MAX_SHOWN = 200
"""Characters of a path that an error repeats."""

GOING_AWAY = Refusal(
    status=503, code="unavailable", message="the server is going away; try again later", retry_after_s=RETRY_AFTER_S
)
"""To requests that are not done when the time to drain is over."""

_HTTP_ERRORS = {
    404: ("not_found", "/openapi.json lists what is there"),
    405: ("method_not_allowed", "the header Allow names what this path takes"),
}
"""Code and remedy, by status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What endpoints work with."""

    config: ServerConfig
    supervisor: EngineSupervisor
    realtime: Sessions
    access: Access
    tokens: TokenStore
    metrics: Metrics


def create_app(services: Services, endpoints: Iterable[Endpoint] = (), *, version: str) -> Starlette:
    """The application: ours and the given `endpoints`, and the web page at / where there is one."""
    every = [*_own_endpoints(services), *endpoints]
    document = openapi(every, version=version)

    async def describe(request: Request) -> Response:
        return JSONResponse(document)

    every.append(Endpoint(path="/openapi.json", method="GET", handler=describe, is_open=True))
    routes = [Route(it.path, it.handler, methods=[it.method]) for it in every]
    routes += [Route(path, _door(services.realtime), methods=["GET", "POST"]) for path in SESSION_PATHS]
    open_paths = frozenset(it.path for it in every if it.is_open).union(SESSION_PATHS)  # sessions have rules of theirs
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_Gate, services=services, open_paths=open_paths)],
        exception_handlers={HTTPException: _say_http_error, Exception: _say_internal_error},
    )
    if services.config.web_dir is not None:
        app.router.default = _Elsewhere(PageFiles(directory=services.config.web_dir, html=True))
    return app


class _Elsewhere:
    """Paths that no endpoint has: the page's, but for those of the API. (A mount would hide its 405s.)"""

    def __init__(self, page: ASGIApp) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v1/"):
            raise HTTPException(404)
        await self._page(scope, receive, send)


def _own_endpoints(services: Services) -> Sequence[Endpoint]:
    async def live(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        reason = services.realtime.unready_reason()
        if reason is None:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "unready", "reason": reason}, status_code=503)

    async def metrics(request: Request) -> Response:
        return Response(services.metrics.exposition(), media_type=CONTENT_TYPE)

    status = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    return [
        Endpoint(
            path="/healthz",
            method="GET",
            handler=live,
            is_open=True,
            operation=_operation("Whether the process answers.", {"200": ("It does.", json_content(status))}),
        ),
        Endpoint(
            path="/readyz",
            method="GET",
            handler=ready,
            is_open=True,
            operation=_operation(
                "Whether a session can be opened, if there is room.",
                {"200": ("It can.", json_content(status)), "503": ("It cannot; says why.", json_content(status))},
            ),
        ),
        Endpoint(
            path="/metrics",
            method="GET",
            handler=metrics,
            is_open=True,
            operation=_operation(
                "Counts, for Prometheus.",
                {"200": ("The text format of Prometheus.", {"text/plain": {"schema": {"type": "string"}}})},
            ),
        ),
    ]


def _operation(summary: str, responses: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    told = {status: {"description": text, "content": content} for status, (text, content) in responses.items()}
    return {"summary": summary, "responses": told}


class _Gate:
    """Every HTTP request passes here: rates, keys, an id, the count of answers."""

    def __init__(self, app: ASGIApp, services: Services, open_paths: frozenset[str]) -> None:
        self._app = app
        self._services = services
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req-{uuid.uuid4().hex}"
        is_begun = False

        async def send_on(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
                route = scope.get("route")
                path = getattr(route, "path", "") or "other"
                self._services.metrics.on_request(path, message["status"])
            await send(message)

        refusal = self._refusal(Request(scope))
        answer = self._app if refusal is None else refusal_response(refusal)
        try:
            await answer(scope, receive, send_on)
        except asyncio.CancelledError:
            if not self._services.realtime.is_draining:
                raise
            if not is_begun:  # it did not end in the time there was; uvicorn would hang up, and log a traceback
                await refusal_response(GOING_AWAY)(scope, receive, send_on)

    def _refusal(self, request: Request) -> Refusal | None:
        if request.url.path in self._open_paths or not request.url.path.startswith("/v1/"):
            return None
        address = request.client.host if request.client else ""
        return self._services.access.check_request(request.headers, address)


def refusal_response(refusal: Refusal) -> Response:
    """The HTTP answer of a refusal."""
    return Response(refusal.body, refusal.status, dict(refusal.headers))


def _door(realtime: Sessions) -> Handler:
    """Answers a plain request for a session: as the upgrade would be, where it were refused; else with what is missing.

    Browsers do not tell a page why a WebSocket was refused. The page asks again this way, with POST, because then they
    name the page as they do for a WebSocket.
    """

    async def answer(request: Request) -> Response:
        handshake = Handshake(
            path=request.url.path,
            query=request.query_params,
            headers=request.headers,
            address=request.client.host if request.client else "",
        )
        return refusal_response(realtime.refusal_of(handshake) or _no_upgrade(request.url.path))

    return answer


def _no_upgrade(path: str) -> Refusal:
    return Refusal(
        status=426,
        code="upgrade_required",
        message=f"sessions at {path} are WebSockets: connect with ws:// or wss://; if that is what you did, a proxy in "
        "between has taken the Upgrade header away",
    )


async def _say_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, remedy = _HTTP_ERRORS.get(error.status_code, ("bad_request", "see /openapi.json"))
    asked = f"{request.method} {request.url.path[:MAX_SHOWN]}"
    refused = Refusal(status=error.status_code, code=code, message=f"{asked}: {error.detail}; {remedy}")
    response = refusal_response(refused)
    response.headers.update(error.headers or {})
    return response


async def _say_internal_error(request: Request, error: Exception) -> Response:
    return refusal_response(Refusal(status=500, code="internal_error", message="internal error"))


HEADERS = {
    # The page's own policy stands in its head; that it is shown in no other site's frame can only be said here.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    # Each file is asked for again, and answered 304 where it is the same: no page of two versions of the server.
    "Cache-Control": "no-cache",
}
"""Of every file."""


class PageFiles(StaticFiles):
    """Files of one directory, with `HEADERS`; index.html at /."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """As Starlette has it."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response
