"""Tokens for browsers. In: an HTTP request of a client with a key. Out: a token that opens realtime sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from voxtide.errors import VoxtideError
from voxtide.protocols.http.client_secrets import (
    SecretRequest,
    mistral_answer,
    openai_answer,
    read_mistral,
    read_openai,
)
from voxtide.protocols.http.errors import problem_of
from voxtide.protocols.http.form import Form
from voxtide.protocols.messages import Message, RequestRefusedError, read_message
from voxtide.protocols.session_info import SessionInfo
from voxtide.server.http.upload import read_body
from voxtide.server.tokens import AccessToken, TokenStore
from voxtide.types import EngineInfo

MAX_BODY_BYTES = 64 * 1024
"""Enough for a session's settings with a thousand vocabulary phrases."""

_NO_STORE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretService:
    """The endpoints for tokens.

    Attributes:
        tokens: Mints the tokens.
        engine_info: Returns the current engine's info.
        now_s: Returns the time, in whole seconds since 1970.
    """

    tokens: TokenStore
    engine_info: Callable[[], EngineInfo]
    now_s: Callable[[], int]

    async def for_mistral(self, request: Request) -> Response:
        """`POST /v1/client/sessions`."""
        try:
            requested = read_mistral(await _json_body(request), self.engine_info())
            token = self._mint(requested)
        except (RequestRefusedError, VoxtideError) as error:
            return _refused(error, Form.MISTRAL)
        return JSONResponse(mistral_answer(token.value, token.expires_at_s), 201, _NO_STORE)

    async def for_openai(self, request: Request) -> Response:
        """`POST /v1/realtime/client_secrets`."""
        try:
            requested = read_openai(await _json_body(request), self.engine_info())
            token = self._mint(requested)
        except (RequestRefusedError, VoxtideError) as error:
            return _refused(error, Form.OPENAI)
        session = SessionInfo(
            session_id=f"sess_{secrets.token_hex(12)}", opened_at_s=self.now_s(), expires_at_s=token.expires_at_s
        )
        return JSONResponse(openai_answer(token.value, requested, self.engine_info(), session), headers=_NO_STORE)

    def _mint(self, requested: SecretRequest) -> AccessToken:
        return self.tokens.mint(prefix=requested.prefix, ttl_s=requested.ttl_s, model=requested.model)


async def _json_body(request: Request) -> Message:
    """The JSON object in the body; an empty body is an empty object."""
    try:
        body = await read_body(request, max_bytes=MAX_BODY_BYTES)
    except ClientDisconnect:
        body = b""  # the answer cannot be delivered anyway
    return read_message(body) if body else {}


def _refused(error: Exception, form: Form) -> Response:
    problem = problem_of(error)
    headers = {"Retry-After": "60"} if problem.status == 503 else None
    return JSONResponse(problem.body_in(form), problem.status_in(form), headers)
