"""Secrets for browsers, in both vendors' forms. In: a JSON body. Out: which token is wanted, and the answer with it.

Knows no tokens: who mints one gives its value and when it expires.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from voxtide.protocols.fields import object_of, whole_number
from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.protocols.realtime.openai_settings import OpenAISettings
from voxtide.protocols.session_info import SessionInfo
from voxtide.types import EngineInfo

MIN_TTL_S, MAX_TTL_S = 10, 7200
"""OpenAI's range, which both forms have here."""

MISTRAL_TTL_S = 900
OPENAI_TTL_S = 600
"""What each service gives where nothing is asked for."""

MISTRAL_PREFIX, OPENAI_PREFIX = "rt_", "ek_"

_MAX_MODEL_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretWish:
    """The token that is wanted.

    Attributes:
        prefix: What its value begins with.
        ttl_s: Seconds it lives.
        model: The one model it is good for; None for any.
        session: The session's settings, echoed in OpenAI's form.
    """

    prefix: str
    ttl_s: int
    model: str | None
    session: OpenAISettings = OpenAISettings()


def read_mistral(body: Message, engine: EngineInfo) -> SecretWish:
    """The body of `POST /v1/client/sessions`.

    Raises:
        Refusal: A field cannot be used.
    """
    if body.get("purpose", "realtime") != "realtime":
        raise RequestRefusedError("purpose must be realtime", param="purpose")
    ttl_s = _seconds(body.get("ttl_seconds"), "ttl_seconds", default=MISTRAL_TTL_S)
    if body.get("model") is None:
        raise RequestRefusedError("model is missing", code="missing_required_parameter", param="model")
    return SecretWish(prefix=MISTRAL_PREFIX, ttl_s=ttl_s, model=_model(body["model"], "model", engine))


def read_openai(body: Message, engine: EngineInfo) -> SecretWish:
    """The body of `POST /v1/realtime/client_secrets`. The session's settings are checked as those of an update.

    Raises:
        Refusal: A field cannot be used.
    """
    session = object_of(body.get("session"), "session")
    settings, refusals = OpenAISettings.first(engine).updated(session, engine)
    if refusals:
        raise refusals[0]
    expiry = object_of(body.get("expires_after"), "expires_after")
    if expiry.get("anchor", "created_at") != "created_at":
        raise RequestRefusedError("expires_after.anchor must be created_at", param="expires_after.anchor")
    ttl_s = _seconds(expiry.get("seconds"), "expires_after.seconds", default=OPENAI_TTL_S)
    return SecretWish(prefix=OPENAI_PREFIX, ttl_s=ttl_s, model=_session_model(session, engine), session=settings)


def mistral_answer(value: str, expires_at_s: int) -> Message:
    """The answer, to be sent with status 201: its SDK takes no other."""
    expires_at = datetime.fromtimestamp(expires_at_s, UTC).isoformat().replace("+00:00", "Z")
    return {
        "object": "client.session",
        "purpose": "realtime",
        "expires_at": expires_at,
        "client_secret": {"value": value, "expires_at": expires_at},
    }


def openai_answer(value: str, wish: SecretWish, engine: EngineInfo, session: SessionInfo) -> Message:
    """The answer, with the session that the settings describe. `session` tells when the secret expires."""
    return {
        "value": value,
        "expires_at": session.expires_at_s,
        "session": wish.session.as_session(engine, session),
    }


def _seconds(value: object, name: str, *, default: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 60.0 is a whole number in JSON
    return whole_number(value, name, MIN_TTL_S, MAX_TTL_S, default=default)


def _session_model(session: Message, engine: EngineInfo) -> str | None:
    wishes = session
    for name in ("audio", "input", "transcription"):
        wishes = wishes.get(name) or {}
    name = "session.audio.input.transcription.model"
    return None if wishes.get("model") is None else _model(wishes["model"], name, engine)


def _model(value: object, name: str, engine: EngineInfo) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_MODEL_CHARS:
        raise RequestRefusedError(f"{name} must be a string of 1 to {_MAX_MODEL_CHARS} characters", param=name)
    if reason := engine.model_refusal(value):
        raise RequestRefusedError(reason, code="model_not_found", param=name, status=404)
    return value
