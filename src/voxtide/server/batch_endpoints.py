"""The HTTP endpoints for files, models and secrets. In: a server's services. Out: endpoints for its application."""

from __future__ import annotations

import time

from voxtide.server import batch_schemas as schemas
from voxtide.server.admission import Admission
from voxtide.server.app import Services
from voxtide.server.batch import BatchService
from voxtide.server.batch_model_routes import ModelService
from voxtide.server.endpoints import Endpoint
from voxtide.server.live_first import LiveFirst
from voxtide.server.secrets_routes import SecretService

TRANSCRIPTIONS = "/v1/audio/transcriptions"


def http_endpoints(services: Services) -> list[Endpoint]:
    """All of them."""
    config = services.config.batch
    facts = services.realtime.engine_facts
    batch = BatchService(
        supervisor=services.supervisor,
        config=config,
        admission=Admission(config.capacity),
        facts=facts,
        is_draining=lambda: services.realtime.is_draining,
        live_first=LiveFirst(num_live=lambda: services.realtime.num_sessions, late_s=services.realtime.late_s),
    )
    services.metrics.watch("voxtide_files_open", "Files under way.", lambda: batch.admission.num_taken)
    services.metrics.watch("voxtide_file_audio_seconds", "Audio of files.", lambda: batch.audio_s, is_count=True)
    models = ModelService(facts=facts, created_s=int(time.time()))
    minting = SecretService(tokens=services.tokens, facts=facts, now_s=lambda: int(time.time()))
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
