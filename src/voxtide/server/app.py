"""The HTTP application. In: services, endpoints. Out: an ASGI application. WebSocket sessions do not pass through it.

Every endpoint is rate-limited and needs an API key unless it is open; /openapi.json describes them all.
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

MAX_PATH_CHARS = 200
"""Characters of a path that an error message repeats."""

GOING_AWAY_REFUSAL = Refusal(
    status=503, code="unavailable", message="the server is going away; try again later", retry_after_s=RETRY_AFTER_S
)
"""Sent to requests that have not finished when draining times out."""

_HTTP_ERRORS = {
    404: ("not_found", "see /openapi.json for the paths"),
    405: ("method_not_allowed", "see the header Allow for the methods"),
}
"""Code and remedy, by status."""

PAGE_HEADERS = {
    # The rest of the page's policy is in its <head>; frame-ancestors works only in a header.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    # Revalidate every file (304 if unchanged), so that a page never mixes two versions.
    "Cache-Control": "no-cache",
}
"""Sent with every file of the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the endpoints use."""

    config: ServerConfig
    supervisor: EngineSupervisor
    sessions: Sessions
    access: Access
    tokens: TokenStore
    metrics: Metrics


class PageFiles(StaticFiles):
    """The page's directory, with `PAGE_HEADERS`; index.html at /."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file of the page, with `PAGE_HEADERS`."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(PAGE_HEADERS)
        return response


class _PageOutsideApi:
    """The page for paths without an endpoint, except the API's. (A mount would hide the API's 405s.)"""

    def __init__(self, page: ASGIApp) -> None:
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v1/"):
            raise HTTPException(404)
        await self._page(scope, receive, send)


class _RequestMiddleware:
    """Checks access, adds common headers and counts responses, for every HTTP request."""

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

        async def send_counted(message: Message) -> None:
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

        refusal = self._refusal_of(Request(scope))
        response = self._app if refusal is None else refusal_response(refusal)
        try:
            await response(scope, receive, send_counted)
        except asyncio.CancelledError:
            if not self._services.sessions.is_draining:
                raise
            if not is_begun:  # draining timed out; uvicorn would drop the connection and log a traceback
                await refusal_response(GOING_AWAY_REFUSAL)(scope, receive, send_counted)

    def _refusal_of(self, request: Request) -> Refusal | None:
        if request.url.path in self._open_paths or not request.url.path.startswith("/v1/"):
            return None
        return self._services.access.check_request(request.headers, _address_of(request))


def create_app(services: Services, endpoints: Iterable[Endpoint] = (), *, version: str) -> Starlette:
    """The application: health, metrics, the given `endpoints`, and the web page at / if configured."""
    all_endpoints = [*_own_endpoints(services), *endpoints]
    document = openapi(all_endpoints, version=version)

    async def describe(request: Request) -> Response:
        return JSONResponse(document)

    all_endpoints.append(Endpoint(path="/openapi.json", method="GET", handler=describe, is_open=True))
    routes = [Route(it.path, it.handler, methods=[it.method]) for it in all_endpoints]
    routes += [Route(path, _explain_session(services.sessions), methods=["GET", "POST"]) for path in SESSION_PATHS]
    open_paths = frozenset(it.path for it in all_endpoints if it.is_open).union(
        SESSION_PATHS
    )  # `Sessions` checks its own
    app = Starlette(
        routes=routes,
        middleware=[Middleware(_RequestMiddleware, services=services, open_paths=open_paths)],
        exception_handlers={HTTPException: _http_error, Exception: _internal_error},
    )
    if services.config.web_dir is not None:
        app.router.default = _PageOutsideApi(PageFiles(directory=services.config.web_dir, html=True))
    return app


def refusal_response(refusal: Refusal) -> Response:
    """The HTTP response of a refusal."""
    return Response(refusal.body, refusal.status, dict(refusal.headers))


def _own_endpoints(services: Services) -> Sequence[Endpoint]:
    async def live(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        reason = services.sessions.unready_reason()
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
                "Whether a session can be opened, apart from capacity.",
                {
                    "200": ("It can.", json_content(status)),
                    "503": ("It cannot, with the reason.", json_content(status)),
                },
            ),
        ),
        Endpoint(
            path="/metrics",
            method="GET",
            handler=metrics,
            is_open=True,
            operation=_operation(
                "Metrics for Prometheus.",
                {"200": ("Prometheus' text format.", {"text/plain": {"schema": {"type": "string"}}})},
            ),
        ),
    ]


def _operation(summary: str, responses: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    described = {status: {"description": text, "content": content} for status, (text, content) in responses.items()}
    return {"summary": summary, "responses": described}


def _explain_session(sessions: Sessions) -> Handler:
    """Answers a plain request to a session's path with the refusal an upgrade would get, else with 426.

    Browsers hide from a page why a WebSocket was refused. The page then repeats the request with POST, because browsers
    send the page's origin with POST as they do with a WebSocket.
    """

    async def answer(request: Request) -> Response:
        handshake = Handshake(
            path=request.url.path,
            query=request.query_params,
            headers=request.headers,
            address=_address_of(request),
        )
        return refusal_response(sessions.refusal_of(handshake) or _upgrade_required(request.url.path))

    return answer


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def _upgrade_required(path: str) -> Refusal:
    return Refusal(
        status=426,
        code="upgrade_required",
        message=f"sessions at {path} are WebSockets: connect with ws:// or wss://; if you did, a proxy in between "
        "removed the Upgrade header",
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, remedy = _HTTP_ERRORS.get(error.status_code, ("bad_request", "see /openapi.json"))
    requested = f"{request.method} {request.url.path[:MAX_PATH_CHARS]}"
    refusal = Refusal(status=error.status_code, code=code, message=f"{requested}: {error.detail}; {remedy}")
    response = refusal_response(refusal)
    response.headers.update(error.headers or {})
    return response


async def _internal_error(request: Request, error: Exception) -> Response:
    return refusal_response(Refusal(status=500, code="internal_error", message="internal error"))
