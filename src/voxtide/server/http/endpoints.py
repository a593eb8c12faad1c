"""The HTTP endpoints for files, models and secrets. In: a server's services. Out: endpoints for its application."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voxtide.protocols.http.errors import Problem
from voxtide.protocols.http.form import form_of_headers
from voxtide.protocols.http.response import model_card, model_list, model_names
from voxtide.server.admission import Admission
from voxtide.server.app import Services
from voxtide.server.endpoints import Endpoint
from voxtide.server.http import openapi as schemas
from voxtide.server.http.secrets import SecretService
from voxtide.server.http.throttle import FileThrottle
from voxtide.server.http.transcriptions import TranscriptionService
from voxtide.types import EngineInfo

TRANSCRIPTIONS = "/v1/audio/transcriptions"


def http_endpoints(services: Services) -> list[Endpoint]:
    """All of them."""
    config = services.config
    engine_info = services.realtime.engine_info
    batch = TranscriptionService(
        supervisor=services.supervisor,
        config=config,
        admission=Admission(config.max_files),
        engine_info=engine_info,
        is_draining=lambda: services.realtime.is_draining,
        live_first=FileThrottle(num_live=lambda: services.realtime.num_sessions, late_s=services.realtime.late_s),
    )
    services.metrics.watch("voxtide_files_open", "Files under way.", lambda: batch.admission.num_taken)
    services.metrics.watch("voxtide_file_audio_seconds", "Audio of files.", lambda: batch.audio_s, is_count=True)
    models = ModelService(engine_info=engine_info, created_s=int(time.time()))
    minting = SecretService(tokens=services.tokens, engine_info=engine_info, now_s=lambda: int(time.time()))
    return [
        Endpoint(path=TRANSCRIPTIONS, method="POST", handler=batch.answer, operation=schemas.TRANSCRIBE),
        Endpoint(path="/v1/models", method="GET", handler=models.list, operation=schemas.LIST_MODELS),
        Endpoint(path="/v1/models/{model_id:path}", method="GET", handler=models.get, operation=schemas.GET_MODEL),
        Endpoint(
            path="/v1/client/sessions",
            method="POST",
            handler=minting.for_mistral,
            operation=schemas.CREATE_MISTRAL_SECRET,
        ),
        Endpoint(
            path="/v1/realtime/client_secrets",
            method="POST",
            handler=minting.for_openai,
            operation=schemas.CREATE_OPENAI_SECRET,
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelService:
    """What the endpoints work with.

    Attributes:
        engine_info: What the engine is, as of now.
        created_s: What models say of their making, in seconds since 1970: when the server began.
    """

    engine_info: Callable[[], EngineInfo]
    created_s: int

    async def list(self, request: Request) -> Response:
        """All of them."""
        return JSONResponse(model_list(self.engine_info(), self.created_s))

    async def get(self, request: Request) -> Response:
        """The one that the path names."""
        name = request.path_params["model_id"]
        if name in model_names(self.engine_info()):
            return JSONResponse(model_card(name, self.created_s))
        problem = Problem(
            status=404,
            code="model_not_found",
            message=f"there is no model {name[:80]!r}; see /v1/models",
            param="model",
        )
        form = form_of_headers(request.headers)
        return JSONResponse(problem.body_in(form), problem.status_in(form))
