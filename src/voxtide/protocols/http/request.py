"""Reads a transcription request. In: form fields, the engine's info. Out: a `TranscriptionRequest`, or a refusal.

Every field of both vendors is used, refused, or listed in `TranscriptionRequest.ignored`, which a response header
repeats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from voxtide.audio.media.tracks import TrackChoice, check_choice
from voxtide.errors import ConfigError
from voxtide.languages import language_code, unknown_language
from voxtide.protocols.fields import MAX_PHRASES, check_model, check_strings
from voxtide.protocols.http.form import Fields, Form, form_of
from voxtide.protocols.messages import RequestRefusedError
from voxtide.types import EngineInfo, StreamOptions, Task

ResponseFormat: TypeAlias = Literal["json", "text", "srt", "vtt", "verbose_json"]

RESPONSE_FORMATS: tuple[ResponseFormat, ...] = get_args(ResponseFormat)
GRANULARITIES = ("segment", "word")

MAX_URL_CHARS = 2_083
"""Mistral's limit."""

MAX_TEMPERATURE = 2.0

TRANSLATION_TARGET = "en"
"""The language of every translation, see `Task`."""

_SWITCH_WORDS = {"true": True, "1": True, "false": False, "0": False}
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{0,20})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest:
    """A requested transcription.

    Attributes:
        form: The vendor whose answer the client expects.
        options: Options of the engine's stream.
        response_format: The answer's shape in OpenAI's form; Mistral's has only one.
        is_streamed: Whether the answer is a stream of events.
        granularities: What to time; may be empty.
        prompt: A text with words to expect, of any length, if the engine can use it. Unlike `options.vocabulary` it may
            be cut.
        track: The audio track to transcribe, of a file with several; None for the source's choice.
        file_url: The audio's URL, unless a file was posted.
        ignored: Names of fields without effect.
    """

    form: Form
    options: StreamOptions
    response_format: ResponseFormat = "json"
    is_streamed: bool = False
    granularities: frozenset[str] = frozenset()
    prompt: str = ""
    track: TrackChoice | None = None
    file_url: str | None = None
    ignored: tuple[str, ...] = ()


def read_request(
    fields: Fields,
    headers: Mapping[str, str],
    engine: EngineInfo,
    *,
    has_file: bool,
    has_words: bool,
    task: Task = "transcribe",
) -> TranscriptionRequest:
    """Read a request.

    Args:
        fields: All fields but the file.
        headers: By lower-case name.
        engine: The engine's capabilities.
        has_file: Whether a file was posted.
        has_words: Whether the engine provides word times.
        task: What the endpoint does.

    Raises:
        RequestRefusedError: A field cannot be used.
    """
    form = form_of(fields, headers)
    if model := fields.one("model"):
        check_model(model, "model", engine)
    _refuse_unsupported(fields)
    if task == "translate" and (reason := engine.translation_refusal()):
        raise RequestRefusedError(reason, code="unsupported_option")
    temperature = _temperature(fields)
    prompt = fields.one("prompt") if engine.can_use_vocabulary else None
    used = _KNOWN - ({"prompt"} if prompt is None else set()) - ({"temperature"} if temperature else set())
    is_streamed = _switch(fields, "stream")
    return TranscriptionRequest(
        form=form,
        options=StreamOptions(
            language=_spoken_language(fields, engine, task),
            vocabulary=_vocabulary(fields, engine),
            interim=False,
            pace="fast",
            task=task,
        ),
        response_format=_response_format(fields, is_streamed=is_streamed),
        is_streamed=is_streamed,
        granularities=_granularities(fields, engine, has_words=has_words),
        prompt=prompt or "",
        track=_track(fields),
        file_url=_file_url(fields, has_file=has_file),
        ignored=tuple(name for name in fields.given_names if name not in used),
    )


_KNOWN = frozenset(
    {"model", "language", "languages", "response_format", "stream", "prompt", "keywords", "context_bias", "temperature"}
    | {"timestamp_granularities", "diarize", "file_url", "track"}
)
"""Fields that have an effect, or request what is done anyway."""


_UNSUPPORTED = {
    "file_id": "this server keeps no files; instead of a file_id post the file itself, or a file_url",
    "speaker_references": "this server does not distinguish speakers; leave speaker_references out",
    "known_speaker_names": "this server does not distinguish speakers; leave known_speaker_names out",
    "known_speaker_references": "this server does not distinguish speakers; leave known_speaker_references out",
    "turn_detection": "turns are reported in realtime sessions only; leave turn_detection out",
    "include": "this server gives no probabilities of words; leave include out",
}


def _refuse_unsupported(fields: Fields) -> None:
    for name, reason in _UNSUPPORTED.items():
        if fields.all(name):
            raise RequestRefusedError(reason, code="unsupported_option", param=name)
    if _switch(fields, "diarize"):
        raise RequestRefusedError(
            "this server does not distinguish speakers; leave diarize out", code="unsupported_option", param="diarize"
        )


def _spoken_language(fields: Fields, engine: EngineInfo, task: Task) -> str | None:
    """The language of the speech; None if the engine decides.

    A translation's `en` is its target, since English speech needs none: as the spoken language it would make a model
    transcribe what it should translate.
    """
    language = _language(fields, engine)
    return None if task == "translate" and language == TRANSLATION_TARGET else language


def _language(fields: Fields, engine: EngineInfo) -> str | None:
    """The single requested language, else the server's default, else the engine's only one. With several the engine
    decides."""
    names = [("language", value) for value in (fields.one("language"),) if value]
    names += [("languages", value) for value in fields.all("languages")]
    codes = list(dict.fromkeys(_language_of(value, name, engine) for name, value in names))
    choices = codes or ([engine.default_language] if engine.default_language else engine.languages)
    return choices[0] if len(choices) == 1 else None


def _language_of(value: str, name: str, engine: EngineInfo) -> str:
    code = language_code(value)
    if code is None:
        raise RequestRefusedError(unknown_language(value), code="unsupported_language", param=name)
    if reason := engine.language_refusal(code):
        raise RequestRefusedError(reason, code="unsupported_language", param=name)
    return code


def _temperature(fields: Fields) -> float:
    value = fields.one("temperature")
    if value is None:
        return 0.0
    if not _DECIMAL.fullmatch(value) or float(value) > MAX_TEMPERATURE:
        raise RequestRefusedError(f"temperature must be a number from 0 to {MAX_TEMPERATURE:g}", param="temperature")
    return float(value)


def _vocabulary(fields: Fields, engine: EngineInfo) -> tuple[str, ...]:
    """Phrases to expect. Refused if the engine cannot use them, unlike a prompt, which many programs send always."""
    phrases: list[str] = []
    for name in ("keywords", "context_bias"):
        values = fields.all(name)
        check_strings(values, name, MAX_PHRASES, num_chars=sum(map(len, phrases)))
        if values and (reason := engine.vocabulary_refusal()):
            raise RequestRefusedError(reason, code="unsupported_option", param=name)
        phrases += values
    return tuple(phrases)


def _response_format(fields: Fields, *, is_streamed: bool) -> ResponseFormat:
    value = fields.one("response_format") or "json"
    if value == "diarized_json":
        raise RequestRefusedError(
            "this server does not distinguish speakers; choose verbose_json instead of diarized_json",
            code="unsupported_option",
            param="response_format",
        )
    for name in RESPONSE_FORMATS:
        if value == name:
            if is_streamed and name not in ("json", "text"):
                raise RequestRefusedError(
                    f"{name} cannot be streamed; leave out stream, or response_format",
                    code="unsupported_option",
                    param="response_format",
                )
            return name
    raise RequestRefusedError(f"response_format must be one of {', '.join(RESPONSE_FORMATS)}", param="response_format")


def _granularities(fields: Fields, engine: EngineInfo, *, has_words: bool) -> frozenset[str]:
    values = frozenset(fields.all("timestamp_granularities"))
    if not values <= set(GRANULARITIES):
        raise RequestRefusedError(
            f"timestamp_granularities must be one or both of {', '.join(GRANULARITIES)}",
            param="timestamp_granularities",
        )
    if "word" in values and not has_words:
        raise RequestRefusedError(
            f"{engine.model} does not provide word times; request segment",
            code="unsupported_option",
            param="timestamp_granularities",
        )
    return values


def _track(fields: Fields) -> TrackChoice | None:
    value = fields.one("track")
    try:
        return None if value is None else check_choice(value)
    except ConfigError as error:
        raise RequestRefusedError(str(error), param="track") from None


def _file_url(fields: Fields, *, has_file: bool) -> str | None:
    url = fields.one("file_url")
    if has_file == (url is not None):
        reason = "file and file_url were both given" if has_file else "there is neither a file nor a file_url"
        raise RequestRefusedError(f"{reason}; give one of them", code="missing_required_parameter", param="file")
    if url is not None and len(url) > MAX_URL_CHARS:
        raise RequestRefusedError(f"file_url may have {MAX_URL_CHARS} characters", param="file_url")
    return url


def _switch(fields: Fields, name: str) -> bool:
    value = fields.one(name)
    if value is None:
        return False
    word = _SWITCH_WORDS.get(value.lower())
    if word is None:
        raise RequestRefusedError(f"{name} must be true or false", param=name)
    return word
