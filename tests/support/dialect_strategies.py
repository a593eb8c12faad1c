"""Client messages for property tests: valid, invalid and random."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from voxtide.protocols.realtime.routing import RealtimePath
from voxtide.protocols.realtime.turns import TurnEnded, TurnEnding, TurnResumed, TurnStarted

AUDIO = "AAEAAQ=="

TURN_EVENTS = [TurnStarted(0.1), TurnEnding(0.5), TurnResumed(0.6), TurnEnded(1.0), TurnEnded(1.5, is_timeout=True)]

_MESSAGES: dict[RealtimePath, list[tuple[str, dict[str, Any]]]] = {
    RealtimePath.MISTRAL: [
        ("input_audio.append", {"audio": AUDIO}),
        ("input_audio.append", {"audio": AUDIO}),
        ("input_audio.append", {"audio": ""}),
        ("input_audio.append", {"audio": "#"}),
        ("input_audio.flush", {}),
        ("input_audio.flush", {}),
        ("session.update", {"session": {"turn_detection": {}, "language": "de"}}),
        ("session.update", {"session": {"turn_detection": {}, "language": "xx"}}),
        ("nonsense", {}),
    ],
    RealtimePath.REALTIME: [
        ("input_audio_buffer.append", {"audio": AUDIO}),
        ("input_audio_buffer.append", {"audio": AUDIO}),
        ("input_audio_buffer.append", {"audio": "#"}),
        ("input_audio_buffer.commit", {}),
        ("input_audio_buffer.commit", {"final": True}),
        ("input_audio_buffer.clear", {}),
        ("session.update", {"session": {"audio": {"input": {"turn_detection": None}}}}),
        ("session.update", {"session": {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}}),
        ("session.update", {"model": "m", "language": "en"}),
        ("nonsense", {}),
    ],
}


def client_messages(path: RealtimePath) -> list[tuple[str, dict[str, Any]]]:
    """Messages for the path, good and bad, as type and fields. None of them ends the session."""
    return _MESSAGES[path]


_KINDS = sorted({kind for messages in _MESSAGES.values() for kind, _ in messages} | {"transcription_session.update"})

_KEYS = [
    "type", "session", "audio", "input", "format", "transcription", "turn_detection", "noise_reduction", "encoding",
    "sample_rate", "rate", "model", "language", "languages", "keywords", "context_bias", "delay", "prompt", "final",
    "target_streaming_delay_ms", "audio_format", "diarize", "speaker_references", "interim", "start_threshold",
    "end_threshold", "eager_end_threshold", "min_silence_ms", "end_timeout_ms", "threshold", "silence_duration_ms",
    "eagerness", "event_id", "input_audio_format", "input_audio_transcription",
]  # fmt: skip  # a list of short names

_WORDS = [
    "pcm_s16le", "audio/pcm", "audio/pcmu", "pcm16", "server_vad", "semantic_vad", "transcription", "en", "de", "low",
    AUDIO, "",
]  # fmt: skip  # a list of short names

_leaves = (
    st.none()
    | st.booleans()
    | st.sampled_from([-1, 0, 1, 80, 500, 8_000, 16_000, 24_000, 10**30, 0.5, 1e300, float("nan"), float("inf")])
    | st.sampled_from(_WORDS)
    | st.text(max_size=8)
)

_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=12,
)

_objects = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from([*_KINDS, "input_audio.end"]) | _leaves,
    st.dictionaries(st.sampled_from(_KEYS), _values, max_size=5),
)

wild_messages: st.SearchStrategy[str | bytes] = (
    _objects.map(json.dumps)
    | _objects.map(json.dumps).map(str.encode)
    | _values.map(json.dumps)
    | st.text(max_size=30)
    | st.binary(max_size=30)
)
"""Known keys and values in the wrong places, any JSON, any text, any bytes."""
