"""The form fields of a batch request. In: names and values as posted. Out: fields by name, and whose form it is.

Two vendors share `POST /v1/audio/transcriptions`. Fields mean the same whoever sends them; the form decides what the
answer looks like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from voxtide.protocols.messages import RequestRefusedError


class Form(StrEnum):
    """Whose answer the client expects."""

    OPENAI = "openai"
    MISTRAL = "mistral"


MAX_FIELDS = 4_000
"""Of one request: a thousand phrases to expect, in any of the ways to send them, and room for all else."""

_OPENAI_ONLY = frozenset(
    {"response_format", "prompt", "include", "languages", "keywords", "chunking_strategy"}
    | {"known_speaker_names", "known_speaker_references"}
)
_MISTRAL_ONLY = frozenset({"diarize", "context_bias", "speaker_references", "file_url", "file_id", "turn_detection"})


class Fields:
    """Values by field. `name[]`, as OpenAI's clients write lists, is `name`; an empty value counts as none."""

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
        """All names, without brackets: of `chunking_strategy[type]`, the part before them."""
        return frozenset(name.partition("[")[0] for name in self._values)

    @property
    def given_names(self) -> list[str]:
        """The names that have a value, in the order they came, with what stands in brackets."""
        return [name for name, values in self._values.items() if values]

    def all(self, name: str) -> Sequence[str]:
        """The values of a list."""
        return self._values.get(name, [])

    def one(self, name: str) -> str | None:
        """The value of a field that is no list, or None.

        Raises:
            Refusal: It was given twice.
        """
        values = self._values.get(name, [])
        if len(values) > 1:
            raise RequestRefusedError(f"{name} was given {len(values)} times; give it once", param=name)
        return values[0] if values else None


def form_of(fields: Fields, headers: Mapping[str, str]) -> Form:
    """Whose form it is, by the first of these that tells.

    1. A field that only OpenAI has: OpenAI's. `response_format` asks for a shape of answer, so it counts for more than
       anything that is Mistral's.
    2. A field that only Mistral has: Mistral's. Its SDK always sends `diarize`.
    3. A name in brackets: OpenAI's. (The 1.x line of Mistral's SDK has them too, but was found out by then.)
    4. A list of `timestamp_granularities` without brackets: Mistral's.
    5. The header, as `form_of_headers` reads it.
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
    """Mistral's, where the header `User-Agent` names it; else OpenAI's, which most programs speak."""
    return Form.MISTRAL if "mistral" in headers.get("user-agent", "").lower() else Form.OPENAI
