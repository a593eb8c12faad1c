"""HTTP endpoints as data. In: endpoints. Out: their OpenAPI document. Knows no sockets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path.

    Attributes:
        path: The path with {name} parameters; {name:path} may contain slashes.
        method: GET, POST, ...
        handler: Handles a request.
        operation: The OpenAPI operation object: summary, parameters, requestBody, responses.
        is_open: Whether it needs no API key.
    """

    path: str
    method: Literal["GET", "POST", "DELETE"]
    handler: Handler
    operation: dict[str, Any] = field(default_factory=dict)
    is_open: bool = False


def openapi(endpoints: Iterable[Endpoint], *, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these endpoints."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        security: list[dict[str, list[str]]] = [] if endpoint.is_open else [{"key": []}, {}]
        operation = {"security": security, **endpoint.operation}
        path = re.sub(r":\w+}", "}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "voxtide", "version": version},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def json_content(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI content object of JSON."""
    return {"application/json": {"schema": schema}}
