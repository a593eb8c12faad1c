"""A transcript as an HTTP answer. In: a request, a transcript, the model's name. Out: a body and its media type."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from voxtide.protocols.http.form import Form
from voxtide.protocols.http.request import TranscriptionRequest
from voxtide.protocols.messages import Message, write_message
from voxtide.transcript.writers import to_srt, to_vtt
from voxtide.types import EngineInfo, Segment, Transcript, Word

UNKNOWN_LANGUAGE = "und"
"""ISO 639-2's code for an unknown language, for answers that must name one."""

TRANSLATED_LANGUAGE = "english"
"""OpenAI's answer to a translation has the name of the text's language."""

_SEEKS_PER_S = 100
"""OpenAI's `seek` counts hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of an answer."""

    body: str
    media_type: str


def answer_of(request: TranscriptionRequest, transcript: Transcript, model: str) -> Answer:
    """The answer in the client's form. `model` is the name shown to clients."""
    if request.form is Form.MISTRAL:
        return _json(mistral_body(request, transcript, model))
    match request.response_format:
        case "text":
            return Answer(f"{transcript.text}\n", "text/plain; charset=utf-8")
        case "srt":
            return Answer(to_srt(transcript.segments), "text/plain; charset=utf-8")
        case "vtt":
            return Answer(to_vtt(transcript.segments), "text/vtt; charset=utf-8")
        case "verbose_json":
            return _json(_verbose_body(request, transcript))
        case "json":
            return _json({"text": transcript.text, "usage": _duration_usage(transcript)} | notices_field(transcript))


def mistral_body(request: TranscriptionRequest, transcript: Transcript, model: str) -> Message:
    """Mistral's answer, also used for the last event of its stream. `segments` holds what was requested."""
    return {
        "model": model,
        "text": transcript.text,
        "language": transcript.language or request.options.language,
        "segments": [mistral_segment(segment) for segment in _requested_segments(request, transcript)],
        "usage": {
            "prompt_audio_seconds": math.ceil(transcript.audio_s),  # its clients require whole seconds
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "total_tokens": 0,
        },
    } | notices_field(transcript)


def notices_field(transcript: Transcript) -> Message:
    """The field `notices`, which no vendor has: only if there are any, else the vendor's shape is kept."""
    notices = [{"code": notice.code, "message": notice.message} for notice in transcript.notices]
    return {"notices": notices} if notices else {}


def mistral_segment(segment: Segment | Word) -> Message:
    """One entry of `segments`: a segment, or a word if words were requested."""
    return {
        "type": "transcription_segment",
        "text": segment.text,
        "start": _rounded(segment.start_s),
        "end": _rounded(segment.end_s),
    }


def requested_parts(request: TranscriptionRequest, segment: Segment) -> Sequence[Segment | Word]:
    """The entries for a segment in Mistral's form, at the finest requested granularity: none, itself, or its words."""
    if "word" in request.granularities:
        return segment.words
    return (segment,) if request.granularities else ()


def _requested_segments(request: TranscriptionRequest, transcript: Transcript) -> list[Segment | Word]:
    return [part for segment in transcript.segments for part in requested_parts(request, segment)]


def _verbose_body(request: TranscriptionRequest, transcript: Transcript) -> Message:
    is_translated = request.options.task == "translate"
    spoken = transcript.language or request.options.language or UNKNOWN_LANGUAGE
    body: Message = {
        "task": request.options.task,
        "language": TRANSLATED_LANGUAGE if is_translated else spoken,
        "duration": _rounded(transcript.audio_s),
        "text": transcript.text,
        "usage": _duration_usage(transcript),
    }
    if request.granularities != {"word"}:
        body["segments"] = [_verbose_segment(number, it) for number, it in enumerate(transcript.segments)]
    if "word" in request.granularities:
        words = [word for segment in transcript.segments for word in segment.words]
        body["words"] = [
            {"word": word.text, "start": _rounded(word.start_s), "end": _rounded(word.end_s)} for word in words
        ]
    return body | notices_field(transcript)


def _verbose_segment(number: int, segment: Segment) -> Message:
    """A segment with every field that typed clients require. The two probabilities are placeholders (0)."""
    text = segment.text.encode()
    return {
        "id": number,
        "seek": int(segment.start_s * _SEEKS_PER_S),
        "start": _rounded(segment.start_s),
        "end": _rounded(segment.end_s),
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": round(len(text) / len(zlib.compress(text)), 3),
        "no_speech_prob": 0.0,
    }


def _duration_usage(transcript: Transcript) -> Message:
    return {"type": "duration", "seconds": math.ceil(transcript.audio_s)}


def _json(body: Message) -> Answer:
    return Answer(write_message(body), "application/json")


def _rounded(seconds: float) -> float:
    """Round to milliseconds, finer than any engine's times."""
    return round(seconds, 3)


def model_list(engine: EngineInfo, created_s: int) -> Message:
    """The body of `GET /v1/models`. `created_s` is in seconds since 1970."""
    return {"object": "list", "data": [model_card(engine, name, created_s) for name in model_names(engine)]}


def model_names(engine: EngineInfo) -> tuple[str, ...]:
    """All model names: the engine's own first, then its aliases."""
    return tuple(dict.fromkeys((engine.model, *engine.models)))


def model_card(engine: EngineInfo, name: str, created_s: int) -> Message:
    """One model: `id`, `object`, `created` and `owned_by` for OpenAI's SDK, the rest for Mistral's.

    The capability `context_bias`, whether the engine can use words to expect, is not part of Mistral's API.
    """
    return {
        "id": name,
        "object": "model",
        "created": created_s,
        "owned_by": "voxtide",
        "type": "base",
        "name": name,
        "aliases": [],
        "capabilities": {
            "audio": True,
            "audio_transcription": True,
            "audio_transcription_realtime": True,
            "context_bias": engine.can_use_vocabulary,
            "completion_chat": False,
            "completion_fim": False,
            "function_calling": False,
            "fine_tuning": False,
            "vision": False,
        },
    }
