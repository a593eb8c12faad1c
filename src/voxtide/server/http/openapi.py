"""The OpenAPI operations for files, models and secrets. In: nothing. Out: operation objects. Data, no behaviour."""

from __future__ import annotations

from typing import Any, TypeAlias

from voxtide.protocols.fields import MAX_PHRASES, MAX_STRING_CHARS, MAX_STRINGS_CHARS
from voxtide.protocols.http.client_secrets import MAX_TTL_S, MIN_TTL_S, MISTRAL_TTL_S, OPENAI_TTL_S
from voxtide.protocols.http.request import (
    GRANULARITIES,
    MAX_URL_CHARS,
    RESPONSE_FORMATS,
)

Schema: TypeAlias = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
NULLABLE_STRING: Schema = {"type": ["string", "null"]}


def _object(required: Schema, optional: Schema | None = None, **more: Any) -> Schema:
    return {"type": "object", "properties": required | (optional or {}), "required": sorted(required), **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _answer(description: str, content: dict[str, Schema], headers: dict[str, str] | None = None) -> Schema:
    answer: Schema = {"description": description, "content": {kind: {"schema": it} for kind, it in content.items()}}
    if headers:
        answer["headers"] = {name: {"description": text, "schema": STRING} for name, text in headers.items()}
    return answer


_TEXT_BEFORE = {"text": STRING | {"description": "Of the audio before a file broke off; if any."}}
_OPENAI_ERROR = _object(
    {
        "error": _object(
            {"message": STRING, "type": STRING, "param": NULLABLE_STRING, "code": NULLABLE_STRING}, _TEXT_BEFORE
        )
    }
)
_MISTRAL_ERROR = _object(
    {
        "object": {"const": "error"},
        "message": STRING,
        "type": STRING,
        "param": NULLABLE_STRING,
        "code": NULLABLE_STRING,
    },
    _TEXT_BEFORE,
)
_DETAIL_ERROR = _object({"detail": _list(_object({"type": STRING, "loc": _list(STRING), "msg": STRING}))})
_ERROR: Schema = {"anyOf": [_OPENAI_ERROR, _MISTRAL_ERROR]}


def _errors(*statuses: int) -> dict[str, Schema]:
    return {
        str(status): _answer(
            _STATUSES[status],
            {"application/json": _DETAIL_ERROR if status == 422 else _ERROR},
            {"Retry-After": "Seconds to wait."} if status in (429, 503) else None,
        )
        for status in statuses
    }


_STATUSES = {
    400: "An option is not supported, or the audio cannot be read.",
    401: "The API key is missing or wrong.",
    404: "There is no such model.",
    408: "The upload took too long, or stopped.",
    413: "The file or its audio is too long.",
    415: "Not a form.",
    422: "A field is missing or malformed, in Mistral's form.",
    429: "Too many requests.",
    500: "The server failed.",
    502: "A gateway cannot reach its upstream server.",
    503: "The server is full, or its engine is being restarted.",
}

_NO_SPEAKERS = "Refused: speakers are not distinguished."
_SWITCH: Schema = {"type": "string", "enum": ["true", "false"]}
_PHRASES = _list({"type": "string", "minLength": 1, "maxLength": MAX_STRING_CHARS}, maxItems=MAX_PHRASES)

_FIELDS: dict[str, Schema] = {
    "model": STRING | {"description": "Any name; the server has one model."},
    "language": STRING
    | {
        "description": "Of the speech: a code or tag, such as fr or fr-CA, or a name, such as French or français. "
        "English is the target of a translation, which detects the language of the speech."
    },
    "languages": _list(STRING, description="Hints. One is used as the language; with several the engine chooses."),
    "stream": _SWITCH | {"description": "Answer with server-sent events."},
    "temperature": {"type": "number", "minimum": 0, "maximum": 2, "description": "No effect: decoding is greedy."},
    "prompt": STRING
    | {"description": "Vocabulary, if the engine supports it; else no effect. Of a long one the end is used."},
    "keywords": _PHRASES
    | {"description": f"Vocabulary, {MAX_STRINGS_CHARS} characters in all; refused if the engine does not support it."},
    "context_bias": _PHRASES | {"description": "The same, as Mistral calls it. Both count together."},
    "track": STRING
    | {
        "description": "Of a file with several audio tracks: a number from 1, a language, or mix for all. Of no vendor."
    },
    "response_format": {"type": "string", "enum": list(RESPONSE_FORMATS), "description": "OpenAI's form only."},
    "timestamp_granularities": _list({"type": "string", "enum": list(GRANULARITIES)}),
    "chunking_strategy": STRING | {"description": "No effect: speech is always detected."},
    "diarize": {"type": "string", "enum": ["false"], "description": _NO_SPEAKERS},
}

_FILE_URL: Schema = {
    "type": "string",
    "format": "uri",
    "minLength": 1,
    "maxLength": MAX_URL_CHARS,
    "description": "A public http or https address, instead of a file.",
}
_FILE: Schema = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
    "description": "Any audio or video FFmpeg can read.",
}

_TIMED = {"start": NUMBER, "end": NUMBER}
_NOTICES = {"notices": _list(_object({"code": STRING, "message": STRING}), description="About the file; if any.")}
_DURATION_USAGE = _object({"type": {"const": "duration"}, "seconds": INTEGER})
_MISTRAL_BODY = _object(
    {
        "model": STRING,
        "text": STRING,
        "language": NULLABLE_STRING,
        "segments": _list(_object({"type": {"const": "transcription_segment"}, "text": STRING, **_TIMED})),
        "usage": _object(
            {
                "prompt_audio_seconds": INTEGER,
                "prompt_tokens": INTEGER,
                "completion_tokens": INTEGER,
                "total_tokens": INTEGER,
            }
        ),
    },
    _NOTICES,
)
_VERBOSE_SEGMENT = _object(
    {
        "id": INTEGER,
        "seek": INTEGER,
        "text": STRING,
        "tokens": _list(INTEGER, maxItems=0),
        "temperature": {"const": 0},
        "avg_logprob": {"const": 0, "description": "Not measured."},
        "compression_ratio": NUMBER,
        "no_speech_prob": {"const": 0, "description": "Not measured."},
        **_TIMED,
    }
)
_VERBOSE_BODY = _object(
    {
        "task": {"enum": ["transcribe", "translate"]},
        "language": STRING,
        "duration": NUMBER,
        "text": STRING,
        "usage": _DURATION_USAGE,
    },
    {"segments": _list(_VERBOSE_SEGMENT), "words": _list(_object({"word": STRING, **_TIMED})), **_NOTICES},
)
_JSON_BODY = _object({"text": STRING, "usage": _DURATION_USAGE}, _NOTICES)
_EVENT = _object(
    {"data": STRING | {"description": "JSON with its type; in OpenAI's form the last one is [DONE]."}},
    {"event": STRING | {"description": "The type again, in Mistral's form."}},
    description="One event of the stream.",
)

TRANSCRIBE: Schema = {
    "operationId": "createTranscription",
    "summary": "Transcribe a file, in OpenAI's form or in Mistral's.",
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _object({"file": _FILE}, _FIELDS)},
            "application/x-www-form-urlencoded": {"schema": _object({"file_url": _FILE_URL}, _FIELDS)},
        },
    },
    "responses": {
        "200": _answer(
            "The transcript.",
            {
                "application/json": {"anyOf": [_MISTRAL_BODY, _VERBOSE_BODY, _JSON_BODY]},
                "text/plain": STRING,
                "text/vtt": STRING,
                "text/event-stream": _EVENT,
            },
            {"x-voxtide-ignored": "Fields that had no effect.", "x-voxtide-notices": "The codes of `notices`."},
        ),
        **_errors(400, 401, 404, 408, 413, 415, 422, 429, 500, 502, 503),
    },
}

TRANSLATE: Schema = TRANSCRIBE | {
    "operationId": "createTranslation",
    "summary": "Translate a file into English. Refused if the engine cannot.",
}

_CARD = _object(
    {
        "id": STRING,
        "object": {"const": "model"},
        "created": INTEGER,
        "owned_by": STRING,
        "type": {"const": "base"},
        "name": STRING,
        "aliases": _list(STRING),
        "capabilities": {"type": "object", "additionalProperties": {"type": "boolean"}},
    }
)

LIST_MODELS: Schema = {
    "operationId": "listModels",
    "summary": "List the models.",
    "responses": {
        "200": _answer("The list.", {"application/json": _object({"object": {"const": "list"}, "data": _list(_CARD)})}),
        **_errors(401, 429),
    },
}

GET_MODEL: Schema = {
    "operationId": "getModel",
    "summary": "Get a model.",
    "parameters": [{"name": "model_id", "in": "path", "required": True, "schema": STRING | {"minLength": 1}}],
    "responses": {"200": _answer("The model.", {"application/json": _CARD}), **_errors(401, 404, 429)},
}


def _ttl(default: int) -> Schema:
    return {"type": ["integer", "null"], "minimum": MIN_TTL_S, "maximum": MAX_TTL_S, "default": default}


def _json_body(schema: Schema, *, is_required: bool) -> Schema:
    return {"required": is_required, "content": {"application/json": {"schema": schema}}}


_MODEL_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_DATE: Schema = {"type": "string", "format": "date-time"}

CREATE_MISTRAL_SECRET: Schema = {
    "operationId": "createClientSession",
    "summary": "A token for a browser's realtime session, in Mistral's form.",
    "requestBody": _json_body(
        _object(
            {"model": _MODEL_NAME},
            {"purpose": {"type": "string", "enum": ["realtime"]}, "ttl_seconds": _ttl(MISTRAL_TTL_S)},
        ),
        is_required=True,
    ),
    "responses": {
        "201": _answer(
            "The token; it is not shown again.",
            {
                "application/json": _object(
                    {
                        "object": {"const": "client.session"},
                        "purpose": {"const": "realtime"},
                        "expires_at": _DATE,
                        "client_secret": _object({"value": STRING, "expires_at": _DATE}),
                    }
                )
            },
        ),
        **_errors(400, 401, 404, 408, 413, 422, 429, 503),
    },
}

_SESSION = _object(
    {},
    {
        "type": {"type": "string", "enum": ["transcription"]},
        "audio": _object(
            {},
            {
                "input": _object(
                    {},
                    {
                        "format": _object({"type": {"enum": ["audio/pcm", "audio/pcmu", "audio/pcma"]}}),
                        "transcription": _object({}, {"model": _MODEL_NAME}),
                    },
                )
            },
        ),
    },
)

CREATE_OPENAI_SECRET: Schema = {
    "operationId": "createRealtimeClientSecret",
    "summary": "A token for a browser's realtime session, in OpenAI's form.",
    "requestBody": _json_body(
        _object(
            {},
            {
                "session": _SESSION,
                "expires_after": _object(
                    {}, {"anchor": {"type": "string", "enum": ["created_at"]}, "seconds": _ttl(OPENAI_TTL_S)}
                ),
            },
        ),
        is_required=False,
    ),
    "responses": {
        "200": _answer(
            "The token, not shown again, and the session that the settings describe.",
            {"application/json": _object({"value": STRING, "expires_at": INTEGER, "session": {"type": "object"}})},
        ),
        **_errors(400, 401, 404, 408, 413, 429, 503),
    },
}
