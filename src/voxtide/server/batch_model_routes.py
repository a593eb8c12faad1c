"""`GET /v1/models` and one of them. In: an HTTP request. Out: cards that both vendors' SDKs read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voxtide.protocols.batch_errors import Problem
from voxtide.protocols.batch_form import form_of_headers
from voxtide.protocols.batch_models import model_card, model_list, model_names
from voxtide.protocols.facts import EngineFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelService:
    """What the endpoints work with.

    Attributes:
        facts: What the engine is, as of now.
        created_s: What models say of their making, in seconds since 1970: when the server began.
    """

    facts: Callable[[], EngineFacts]
    created_s: int

    async def list(self, request: Request) -> Response:
        """All of them."""
        return JSONResponse(model_list(self.facts(), self.created_s))

    async def get(self, request: Request) -> Response:
        """The one that the path names."""
        name = request.path_params["model_id"]
        if name in model_names(self.facts()):
            return JSONResponse(model_card(name, self.created_s))
        problem = Problem(
            status=404,
            code="model_not_found",
            message=f"there is no model {name[:80]!r}; see /v1/models",
            param="model",
        )
        form = form_of_headers(request.headers)
        return JSONResponse(problem.body_in(form), problem.status_in(form))
