"""What a dialect may know of the world around it. In: facts from whoever opens it. Out: the same, and refusals.

The engine's facts are those of `engines.base.EngineInfo`, which this room does not know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
"""ISO 639 with any region or script behind it, such as en-US or zh_Hans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What the engine behind a session is and can do.

    Attributes:
        model: The model's name, as clients are told.
        models: Names a client may ask for; empty when any name will do, so that programs written for a hosted service
            work as they are.
        languages: ISO 639-1 codes it transcribes; empty when it takes any.
        delays_ms: Look-aheads a stream may choose, ascending; empty when it has no such choice.
        can_use_vocabulary: Whether words to expect have an effect.
        can_detect_turns: Whether the session can measure speech for a `TurnConfig`.
    """

    model: str
    models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    delays_ms: tuple[int, ...] = ()
    can_use_vocabulary: bool = False
    can_detect_turns: bool = True

    def has_model(self, name: str) -> bool:
        """Whether a client may ask for the model of that name."""
        return not self.models or name in self.models or name == self.model

    def model_refusal(self, name: str) -> str | None:
        """Why there is no model of that name, or None."""
        if self.has_model(name):
            return None
        return f"Invalid model: {_shown(name)}; this server has {', '.join(self.models)}"

    def language_refusal(self, language: str) -> str | None:
        """Why speech in `language`, as `language_code` gives it, cannot be transcribed, or None."""
        if not self.languages or language in self.languages:
            return None
        return f"{self.model} cannot transcribe {language!r}: it knows {', '.join(self.languages)}"

    def delay_refusal(self, delay_ms: int) -> str | None:
        """Why the delay cannot be had, or None."""
        if delay_ms in self.delays_ms:
            return None
        known = ", ".join(map(str, self.delays_ms)) or "none: its delay is not adjustable"
        return f"{self.model} has no delay of {delay_ms} ms; it has {known}"

    def vocabulary_refusal(self) -> str | None:
        """Why words to expect cannot be used, or None."""
        return None if self.can_use_vocabulary else f"{self.model} cannot use words to expect; leave them out"

    def turns_refusal(self) -> str | None:
        """Why turns cannot be told, or None."""
        return None if self.can_detect_turns else "this server has no speech detection; leave turn detection out"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """One session as its wire shows it.

    Attributes:
        session_id: Unique, of letters, digits, - and _; item and event ids are made from it.
        opened_at_s: When it was opened, in whole seconds since 1970.
        expires_at_s: When it ends at the latest, in the same count; None for never.
    """

    session_id: str
    opened_at_s: int
    expires_at_s: int | None = None


def language_code(text: str) -> str | None:
    """The language of a tag ("en-US" gives "en"), or None where there is none in it."""
    matched = _LANGUAGE.fullmatch(text.strip())
    return matched[1].lower() if matched else None


def _shown(name: str) -> str:
    """A client's word in an error: short, and with nothing unprintable in it."""
    return repr(name if len(name) <= _MAX_SHOWN_CHARS else f"{name[:_MAX_SHOWN_CHARS]}...")


_MAX_SHOWN_CHARS = 80
