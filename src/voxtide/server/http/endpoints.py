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
TRANSLATIONS = "/v1/audio/translations"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelService:
    """The endpoints for models.

    Attributes:
        engine_info: Returns the current engine's info.
        created_s: The models' creation time in the answers: the server's start, in seconds since 1970.
    """

    engine_info: Callable[[], EngineInfo]
    created_s: int

    async def list(self, request: Request) -> Response:
        """`GET /v1/models`."""
        return JSONResponse(model_list(self.engine_info(), self.created_s))

    async def get(self, request: Request) -> Response:
        """`GET /v1/models/{model_id}`."""
        name = request.path_params["model_id"]
        engine = self.engine_info()
        if name in model_names(engine):
            return JSONResponse(model_card(engine, name, self.created_s))
        problem = Problem(
            status=404,
            code="model_not_found",
            message=f"there is no model {name[:80]!r}; see /v1/models",
            param="model",
        )
        form = form_of_headers(request.headers)
        return JSONResponse(problem.body_in(form), problem.status_in(form))


def http_endpoints(services: Services) -> list[Endpoint]:
    """All endpoints of this package."""
    sessions, engine_info = services.sessions, services.sessions.engine_info
    files = TranscriptionService(
        supervisor=services.supervisor,
        config=services.config,
        admission=Admission(services.config.max_files),
        engine_info=engine_info,
        is_draining=lambda: sessions.is_draining,
        throttle=FileThrottle(num_live=lambda: sessions.num_sessions, late_s=sessions.late_s),
    )
    services.metrics.watch("voxtide_files_open", "Files being transcribed.", lambda: files.admission.num_taken)
    services.metrics.watch(
        "voxtide_file_audio_seconds", "Audio of transcribed files.", lambda: files.audio_s, is_count=True
    )
    models = ModelService(engine_info=engine_info, created_s=int(time.time()))
    secrets = SecretService(tokens=services.tokens, engine_info=engine_info, now_s=lambda: int(time.time()))
    return [
        Endpoint(path=TRANSCRIPTIONS, method="POST", handler=files.transcribe, operation=schemas.TRANSCRIBE),
        Endpoint(path=TRANSLATIONS, method="POST", handler=files.translate, operation=schemas.TRANSLATE),
        Endpoint(path="/v1/models", method="GET", handler=models.list, operation=schemas.LIST_MODELS),
        Endpoint(path="/v1/models/{model_id:path}", method="GET", handler=models.get, operation=schemas.GET_MODEL),
        Endpoint(
            path="/v1/client/sessions",
            method="POST",
            handler=secrets.for_mistral,
            operation=schemas.CREATE_MISTRAL_SECRET,
        ),
        Endpoint(
            path="/v1/realtime/client_secrets",
            method="POST",
            handler=secrets.for_openai,
            operation=schemas.CREATE_OPENAI_SECRET,
        ),
    ]
