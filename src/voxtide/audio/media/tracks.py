"""Audio tracks of a container. In: their descriptions, and the wanted one. Out: the tracks to read. Knows no FFmpeg.

The default track is the one that the container marks, else the one with the most channels. It loses to the loudest
other track if it is silent, see `TrackLevels`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from voxtide.audio.level import level_dbfs
from voxtide.errors import ConfigError
from voxtide.languages import language_code
from voxtide.types import Samples

MIX = "mix"
"""All tracks, averaged."""

TrackChoice: TypeAlias = int | str
"""A track's number, counted from 1 among the audio tracks, a language (languages.py), or `MIX`."""

LOOK_AHEAD_S = 120.0
"""How far a recording is searched for sound in its default track, which usually has it in the first second. It counts
the audio of the track read furthest: the default track may be empty."""

_SILENT_DBFS = -50.0
"""Threshold of silence: below speech across a room, above line noise."""

_MIN_SOUND_S = 0.3
"""A track with less sound than this in total, such as a click, counts as silent."""

_WINDOW_S = 0.1

_MAX_LANGUAGE_CHARS, _MAX_TITLE_CHARS = 35, 80
"""A file may state any length; messages, which list all tracks, cut longer ones."""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One audio track. `number` counts from 1; `language` is a code as in the container, None if not stated."""

    number: int
    language: str | None = None
    title: str | None = None
    is_default: bool = False

    def __str__(self) -> str:
        title = None if self.title is None else repr(self.title)
        return " ".join(filter(None, [str(self.number), self.language, title]))


def described(number: int, metadata: Mapping[str, str], *, is_default: bool) -> AudioTrack:
    """Track `number` as its `metadata` describe it, by FFmpeg's keys; the language `und` means none."""
    language, title = metadata.get("language", "und"), metadata.get("title")
    return AudioTrack(
        number,
        language=None if language == "und" else language[:_MAX_LANGUAGE_CHARS],
        title=None if title is None else title[:_MAX_TITLE_CHARS],
        is_default=is_default,
    )


def check_choice(choice: TrackChoice) -> TrackChoice:
    """`choice` if it may be a track of some container.

    Raises:
        ConfigError: It is empty, or a number below 1.
    """
    text = str(choice).strip()
    digits = text.lstrip("-")
    is_below_1 = digits.isdecimal() and (text != digits or not any(map(int, digits)))
    if not text or is_below_1:
        raise ConfigError(f"track must be a number from 1, a language or {MIX}, not {str(choice)[:40]!r}")
    return choice


def chosen_tracks(name: str, tracks: Sequence[AudioTrack], choice: TrackChoice) -> list[AudioTrack]:
    """The tracks to read: one, or with `MIX` all.

    Raises:
        ConfigError: There is no such track; the message lists those of `name`.
    """
    wanted = str(choice).strip().lower()
    if wanted == MIX:
        return list(tracks)
    for is_wanted in (_has_number, _has_code, _has_language):
        found = next((track for track in tracks if is_wanted(track, wanted)), None)
        if found is not None:
            return [found]
    listed = ", ".join(map(str, tracks))
    raise ConfigError(f"{name} has no audio track {str(choice)[:40]!r}; it has: {listed}; {MIX!r} reads all of them")


def listing(
    name: str, tracks: Sequence[AudioTrack], used: Sequence[AudioTrack], silent: AudioTrack | None = None
) -> str:
    """The line that lists the tracks and those used; `silent` is a default track that lost."""
    used_text = f"reading track {used[0].number}" if len(used) == 1 else "reading all of them, mixed"
    used_text += f", as track {silent.number} is silent" if silent is not None else ""
    listed = ", ".join(map(str, tracks))
    return f"{name} has {len(tracks)} audio tracks: {listed}; {used_text}; choose by number, language or {MIX}"


def _has_number(track: AudioTrack, wanted: str) -> bool:
    return wanted == str(track.number)


def _has_code(track: AudioTrack, wanted: str) -> bool:
    return track.language is not None and wanted == track.language.lower()


def _has_language(track: AudioTrack, wanted: str) -> bool:
    """Whether the track's language is the wanted one, by any code, tag or name."""
    return track.language is not None and _language(wanted) == _language(track.language)


def _language(name: str) -> str:
    """The code of a language; of an unknown one what comes before the region."""
    return language_code(name) or name.lower().replace("_", "-").partition("-")[0]


class TrackLevels:
    """Chooses the track with sound: the default track, unless it is silent and another is not."""

    def __init__(self, default: AudioTrack) -> None:
        self._default = default
        self._found: dict[AudioTrack, tuple[float, float]] = {}  # seconds of sound, and the highest level
        self._read_s: dict[AudioTrack, float] = {}

    def add(self, track: AudioTrack, samples: Samples, rate_hz: int) -> None:
        """Add the next samples of a track, shape [n] at `rate_hz`."""
        size = max(1, round(_WINDOW_S * rate_hz))
        sound_s, loudest_db = self._found.get(track, (0.0, _SILENT_DBFS))
        for start in range(0, samples.size, size):
            window = samples[start : start + size]
            level_db = level_dbfs(window)
            if level_db > _SILENT_DBFS:
                sound_s += window.size / rate_hz
                loudest_db = max(loudest_db, level_db)
        self._found[track] = (sound_s, loudest_db)
        self._read_s[track] = self._read_s.get(track, 0.0) + samples.size / rate_hz

    def is_decided(self) -> bool:
        """Whether more samples cannot change the choice: the default track has sound, or `LOOK_AHEAD_S` have passed."""
        return max(self._read_s.values(), default=0.0) >= LOOK_AHEAD_S or self._has_sound(self._default)

    def best(self) -> AudioTrack:
        """The track to read."""
        if self._has_sound(self._default):
            return self._default
        sounding = [track for track in self._found if self._has_sound(track)]
        return max(sounding, key=lambda track: self._found[track][1], default=self._default)

    def _has_sound(self, track: AudioTrack) -> bool:
        return self._found.get(track, (0.0, 0.0))[0] >= _MIN_SOUND_S
