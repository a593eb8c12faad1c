"""Form fields of a transcription request. In: names and values as posted. Out: fields by name, the vendor's form.

OpenAI and Mistral share `POST /v1/audio/transcriptions`. Fields mean the same in both forms; the form decides the shape
of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from voxtide.protocols.messages import RequestRefusedError


class Form(StrEnum):
    """The vendor whose answer the client expects."""

    OPENAI = "openai"
    MISTRAL = "mistral"


MAX_FIELDS = 4_000
"""Limit of one request: a thousand phrases to expect in each of their two fields, and all other fields."""

_OPENAI_ONLY = frozenset(
    {"response_format", "prompt", "include", "languages", "keywords", "chunking_strategy"}
    | {"known_speaker_names", "known_speaker_references"}
)
_MISTRAL_ONLY = frozenset({"diarize", "context_bias", "speaker_references", "file_url", "file_id", "turn_detection"})


class Fields:
    """Values by field. `name[]`, OpenAI's form of a list, is `name`. Empty values are ignored."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        self.has_brackets = False
        for name, value in items:
            self.has_brackets = self.has_brackets or name.endswith("]")
            values = self._values.setdefault(name.removesuffix("[]"), [])
            if value:
                values.append(value)

    @property
    def names(self) -> frozenset[str]:
        """All names up to their first bracket: `chunking_strategy[type]` is `chunking_strategy`."""
        return frozenset(name.partition("[")[0] for name in self._values)

    @property
    def given_names(self) -> list[str]:
        """Names with a value, in the order received, including text in brackets."""
        return [name for name, values in self._values.items() if values]

    def all(self, name: str) -> Sequence[str]:
        """The values of a list field."""
        return self._values.get(name, [])

    def one(self, name: str) -> str | None:
        """The value of a single field, or None.

        Raises:
            RequestRefusedError: It was given more than once.
        """
        values = self._values.get(name, [])
        if len(values) > 1:
            raise RequestRefusedError(f"{name} was given {len(values)} times; give it once", param=name)
        return values[0] if values else None


def form_of(fields: Fields, headers: Mapping[str, str]) -> Form:
    """The vendor's form, by the first rule that applies.

    1. A field that only OpenAI has: OpenAI's. `response_format` requests a shape, so it outranks Mistral's fields.
    2. A field that only Mistral has: Mistral's. Its SDK always sends `diarize`.
    3. A name with brackets: OpenAI's. (Mistral's SDK 1.x also uses brackets, but matches rule 2.)
    4. `timestamp_granularities` without brackets: Mistral's.
    5. The headers: see `form_of_headers`.
    """
    if fields.names & _OPENAI_ONLY:
        return Form.OPENAI
    if fields.names & _MISTRAL_ONLY:
        return Form.MISTRAL
    if fields.has_brackets:
        return Form.OPENAI
    if "timestamp_granularities" in fields.names:
        return Form.MISTRAL
    return form_of_headers(headers)


def form_of_headers(headers: Mapping[str, str]) -> Form:
    """Mistral's if `User-Agent` names it, else OpenAI's, which most programs expect."""
    return Form.MISTRAL if "mistral" in headers.get("user-agent", "").lower() else Form.OPENAI
