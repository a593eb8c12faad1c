"""Client secrets for browsers, in both vendors' forms. In: a JSON body. Out: a `SecretRequest`, and the answer.

Creates no tokens: the caller passes a token's value and expiry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from voxtide.protocols.fields import check_model, object_of, whole_number
from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.openai_settings import OpenAISettings
from voxtide.protocols.session_info import SessionInfo
from voxtide.types import EngineInfo

MIN_TTL_S, MAX_TTL_S = 10, 7200
"""Lifetime of a token. OpenAI's range, used for both forms; Mistral's lies within it."""

MISTRAL_TTL_S = 900
OPENAI_TTL_S = 600
"""Each service's default lifetime."""

MISTRAL_PREFIX, OPENAI_PREFIX = "rt_", "ek_"

_MAX_MODEL_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRequest:
    """A requested token.

    Attributes:
        prefix: The beginning of its value.
        ttl_s: Its lifetime in seconds.
        model: The only model it is valid for; None for any.
        session: The session's settings, returned in OpenAI's form.
    """

    prefix: str
    ttl_s: int
    model: str | None
    session: OpenAISettings = OpenAISettings()


def read_mistral(body: Message, engine: EngineInfo) -> SecretRequest:
    """Parse the body of `POST /v1/client/sessions`.

    Raises:
        RequestRefusedError: A field cannot be used.
    """
    if body.get("purpose", "realtime") != "realtime":
        raise RequestRefusedError("purpose must be realtime", param="purpose")
    ttl_s = _seconds(body.get("ttl_seconds"), "ttl_seconds", default=MISTRAL_TTL_S)
    if body.get("model") is None:
        raise RequestRefusedError("model is missing", code="missing_required_parameter", param="model")
    return SecretRequest(prefix=MISTRAL_PREFIX, ttl_s=ttl_s, model=_model(body["model"], "model", engine))


def read_openai(body: Message, engine: EngineInfo) -> SecretRequest:
    """Parse the body of `POST /v1/realtime/client_secrets`. Session settings are checked as in `session.update`.

    Raises:
        RequestRefusedError: A field cannot be used.
    """
    session = object_of(body.get("session"), "session")
    settings, refusals = OpenAISettings.initial(engine).updated(session, engine)
    if refusals:
        raise refusals[0]
    expiry = object_of(body.get("expires_after"), "expires_after")
    if expiry.get("anchor", "created_at") != "created_at":
        raise RequestRefusedError("expires_after.anchor must be created_at", param="expires_after.anchor")
    ttl_s = _seconds(expiry.get("seconds"), "expires_after.seconds", default=OPENAI_TTL_S)
    return SecretRequest(prefix=OPENAI_PREFIX, ttl_s=ttl_s, model=_session_model(session, engine), session=settings)


def mistral_answer(value: str, expires_at_s: int) -> Message:
    """The answer. Mistral's SDK requires status 201."""
    expires_at = datetime.fromtimestamp(expires_at_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "object": "client.session",
        "purpose": "realtime",
        "expires_at": expires_at,
        "client_secret": {"value": value, "expires_at": expires_at},
    }


def openai_answer(value: str, request: SecretRequest, engine: EngineInfo, session: SessionInfo) -> Message:
    """The answer, with the session's settings. `session.expires_at_s` is the secret's expiry."""
    return {
        "value": value,
        "expires_at": session.expires_at_s,
        "session": request.session.as_session(engine, session),
    }


def _seconds(value: object, name: str, *, default: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON does not distinguish 60.0 from 60
    return whole_number(value, name, MIN_TTL_S, MAX_TTL_S, default=default)


def _session_model(session: Message, engine: EngineInfo) -> str | None:
    fields = session
    for name in ("audio", "input", "transcription"):
        fields = fields.get(name) or {}
    name = "session.audio.input.transcription.model"
    return None if fields.get("model") is None else _model(fields["model"], name, engine)


def _model(value: object, name: str, engine: EngineInfo) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_MODEL_CHARS:
        raise RequestRefusedError(f"{name} must be a string of 1 to {_MAX_MODEL_CHARS} characters", param=name)
    check_model(value, name, engine)
    return value
