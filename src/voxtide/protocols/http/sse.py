"""A streamed answer. In: transcript events, the end, a failure. Out: server-sent events in the client's form.

Mistral's clients need an `event:` line in each and fail on [DONE]; OpenAI's read only `data:` and expect [DONE].
"""

from __future__ import annotations

from collections.abc import Iterator

from voxtide.protocols.http.errors import Problem
from voxtide.protocols.http.form import Form
from voxtide.protocols.http.request import TranscriptionRequest
from voxtide.protocols.http.response import mistral_body, mistral_segment, notices_field, requested_parts
from voxtide.protocols.messages import Message, write_message
from voxtide.transcript.events import Delta, LanguageDetected, SegmentEnded, TranscriptEvent
from voxtide.types import Transcript

MEDIA_TYPE = "text/event-stream"


class TranscriptionEvents:
    """One streamed answer. The methods return text that is ready to send."""

    def __init__(self, request: TranscriptionRequest, model: str) -> None:
        self._request = request
        self._model = model
        self._is_mistral = request.form is Form.MISTRAL
        self._has_text = False

    def on_event(self, event: TranscriptEvent) -> str:
        """The messages for an event; often none, which is ""."""
        return "".join(self._frame(name, fields) for name, fields in self._messages_for(event))

    def finish(self, transcript: Transcript) -> str:
        """The last message, with the whole text."""
        if self._is_mistral:
            return self._frame("transcription.done", mistral_body(self._request, transcript, self._model))
        done = {"text": transcript.text} | notices_field(transcript)
        return self._frame("transcript.text.done", done) + "data: [DONE]\n\n"

    def fail(self, problem: Problem) -> str:
        """The last message if transcription fails after the first was sent."""
        if self._is_mistral:
            return self._frame("error", {"error": {"message": problem.message, "code": problem.status}})
        return f"data: {write_message(problem.body_in(Form.OPENAI))}\n\n"

    def _messages_for(self, event: TranscriptEvent) -> Iterator[tuple[str, Message]]:
        match event:
            case Delta(text):
                yield from self._delta(text)
            case SegmentEnded(segment) if self._is_mistral:
                for part in requested_parts(self._request, segment):
                    yield "transcription.segment", mistral_segment(part)
            case LanguageDetected(language) if self._is_mistral:
                yield "transcription.language", {"audio_language": language}

    def _delta(self, text: str) -> Iterator[tuple[str, Message]]:
        """The joined deltas must equal the text, which has no leading whitespace."""
        if not self._has_text:
            text = text.lstrip()
        if not text:
            return
        self._has_text = True
        if self._is_mistral:
            yield "transcription.text.delta", {"text": text}
        else:
            yield "transcript.text.delta", {"delta": text}

    def _frame(self, name: str, fields: Message) -> str:
        name_line = f"event: {name}\n" if self._is_mistral else ""
        return f"{name_line}data: {write_message(fields | {'type': name})}\n\n"
