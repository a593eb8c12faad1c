"""Notices about a text. In: an event that casts doubt on it, its audio's name. Out: a `Notice`. Knows no streams."""

from __future__ import annotations

from voxtide.languages import language_name
from voxtide.transcript.events import LanguageDoubted, SpeechUntranscribed
from voxtide.types import Notice


def event_notice(event: LanguageDoubted | SpeechUntranscribed, audio_name: str) -> Notice:
    """The notice of an event about the text of `audio_name`, such as a file's name."""
    if isinstance(event, SpeechUntranscribed):
        span = f"from {event.start_s:.1f} to {event.audio_s:.1f} s"
        return Notice("speech_untranscribed", f"{audio_name}: no text for the speech {span}")
    message = f"the speech in {audio_name} may not be {language_name(event.language)}, the model's only language"
    return Notice("language_doubted", f"{message}; the default model of engine whisper knows a hundred")
