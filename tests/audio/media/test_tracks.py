"""Several audio tracks: the choice by number, language and sound; the mix; what is reported."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import film, joined, loudest_hz, pipe, read_all, tone, wav_bytes
from tests.support.media_servers import serving
from voxtide.audio import open_source
from voxtide.audio.media.track_samples import TrackMix
from voxtide.audio.media.tracks import LOOK_AHEAD_S, AudioTrack, TrackLevels, chosen_tracks, described
from voxtide.errors import ConfigError
from voxtide.types import Notice, Samples

RATE_HZ = 16_000
SILENCE = np.zeros(2 * RATE_HZ, np.float32)
LOW, HIGH = tone(2.0, hz=300.0), tone(2.0, hz=700.0)


async def decode(content: bytes, track: int | str | None = None) -> Samples:
    return (await decode_noted(content, track))[0]


async def decode_noted(content: bytes, track: int | str | None = None) -> tuple[Samples, list[Notice]]:
    async with open_source("-", stdin=io.BytesIO(content), track=track) as source:
        return await read_all(source), list(source.notices)


async def test_a_silent_default_track_loses_to_one_with_sound() -> None:
    decoded, notices = await decode_noted(film(SILENCE, SILENCE, HIGH))
    assert loudest_hz(decoded) == 700
    assert decoded.size == HIGH.size
    message = (
        "stdin has 3 audio tracks: 1, 2, 3; reading track 3, as track 1 is silent; choose by number, language or mix"
    )
    assert notices == [Notice("tracks", message)]


async def test_a_default_track_with_sound_is_read_and_the_others_are_listed() -> None:
    decoded, [notice] = await decode_noted(film(0.1 * LOW, HIGH, languages=("eng", "ger")))
    assert loudest_hz(decoded) == 300
    assert "2 audio tracks: 1 eng, 2 ger; reading track 1;" in notice.message


async def test_the_names_of_tracks_are_shortened_in_messages() -> None:
    _, [notice] = await decode_noted(film(LOW, HIGH, languages=("eng", "x" * 100_000)))
    assert len(notice.message) < 200
    assert len(str(described(1, {"title": "x" * 100_000}, is_default=True))) < 100


async def test_a_single_track_is_not_reported() -> None:
    assert (await decode_noted(film(LOW)))[1] == []


async def test_silent_tracks_alone_are_read_as_silence() -> None:
    np.testing.assert_array_equal(await decode(film(SILENCE, SILENCE)), SILENCE)


async def test_a_pipe_is_not_read_ahead() -> None:
    async with open_source("-", stdin=pipe(film(SILENCE, HIGH))) as source:
        assert not (await read_all(source)).any()


async def test_a_file_on_a_web_server_is_read_ahead() -> None:
    with serving() as site:
        site.files["/film.mkv"] = film(SILENCE, HIGH)
        async with open_source(f"{site.root}/film.mkv") as source:
            assert loudest_hz(await read_all(source)) == 700
            assert [notice.code for notice in source.notices] == ["tracks"]


@pytest.mark.parametrize("choice", [2, "2", "de", "ger", "deu", "DE", "de-AT", "German", "Deutsch"])
async def test_a_track_is_chosen_by_number_or_language(choice: int | str) -> None:
    assert loudest_hz(await decode(film(LOW, HIGH, languages=("eng", "ger")), choice)) == 700


@pytest.mark.parametrize(
    ("choice", "number"),
    [("french", 1), ("FRA", 1), ("français", 1), ("fr", 1), ("fr-CA", 2), ("nb", 3), ("nob", 4), ("qaa-x", 5)],
)
def test_an_exact_code_comes_before_another_of_the_same_language(choice: str, number: int) -> None:
    tracks = [AudioTrack(i, code) for i, code in enumerate(("fre", "fr-CA", "nor", "nob", "qaa-DE"), start=1)]
    assert chosen_tracks("film.mkv", tracks, choice) == [tracks[number - 1]]


async def test_the_mix_has_all_tracks() -> None:
    decoded = await decode(film(LOW, HIGH, SILENCE), "mix")
    np.testing.assert_allclose(decoded, (LOW + HIGH) / 3, atol=1e-3)


async def test_the_mix_is_as_long_as_the_longest_track() -> None:
    decoded = await decode(film(LOW[:8_000], np.concatenate([HIGH] * 10)), "mix")
    assert decoded.size == 20 * RATE_HZ
    np.testing.assert_allclose(decoded[-RATE_HZ:], HIGH[-RATE_HZ:] / 2, atol=1e-3)


@pytest.mark.parametrize("choice", [3, "fr", "eng2"])
async def test_an_unknown_track_is_refused_with_a_list(choice: int | str) -> None:
    with pytest.raises(ConfigError, match=f"no audio track '{choice}'; it has: 1 eng, 2 ger; 'mix' reads all"):
        await decode(film(LOW, HIGH, languages=("eng", "ger")), choice)


@pytest.mark.parametrize("choice", [0, -1, "", "0", "--5", "-" + "9" * 5_000, "0" * 5_000])
def test_an_impossible_track_is_refused_before_the_file_is_opened(choice: int | str) -> None:
    with pytest.raises(ConfigError, match="a number from 1, a language or mix"):
        open_source("film.mkv", track=choice)


async def test_plain_wav_and_raw_pcm_have_one_track(tmp_path: Path) -> None:
    assert (await decode(wav_bytes(LOW), 1)).size == LOW.size
    assert (await decode(wav_bytes(LOW), "mix")).size == LOW.size
    with pytest.raises(ConfigError, match="no audio track '2'; it has: 1"):
        await decode(wav_bytes(LOW), 2)


def test_a_microphone_has_no_tracks() -> None:
    with pytest.raises(ConfigError, match="does not apply to a microphone"):
        open_source("mic", track=1)


def test_a_number_is_no_language() -> None:
    assert [track.number for track in chosen_tracks("x", [AudioTrack(1), AudioTrack(2, "1")], "1")] == [1]


def test_a_click_is_not_sound() -> None:
    default, other = AudioTrack(1, is_default=True), AudioTrack(2)
    levels = TrackLevels(default)
    click = SILENCE.copy()
    click[100:200] = 0.9
    for track, samples in ((default, click), (other, 0.02 * HIGH)):
        levels.add(track, samples, RATE_HZ)
    assert not levels.is_decided()
    assert levels.best() == other


DEFAULT, OTHER = AudioTrack(1, is_default=True), AudioTrack(2)


@pytest.mark.parametrize(
    ("read", "sound", "best"),
    [([DEFAULT], SILENCE, DEFAULT), ([OTHER], HIGH, OTHER), ([DEFAULT, OTHER], SILENCE, DEFAULT)],
)
def test_the_search_for_sound_ends(read: list[AudioTrack], sound: Samples, best: AudioTrack) -> None:
    levels = TrackLevels(DEFAULT)
    for _ in range(int(LOOK_AHEAD_S / 2)):
        assert not levels.is_decided()
        for track in read:
            levels.add(track, sound, RATE_HZ)
    assert levels.is_decided()
    assert levels.best() == best


async def test_an_empty_default_track_loses_to_one_with_sound() -> None:
    decoded, [notice] = await decode_noted(film(SILENCE[:0], HIGH))
    assert loudest_hz(decoded) == 700
    assert "reading track 2, as track 1 is silent" in notice.message


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 12 * RATE_HZ)), max_size=12))
def test_the_mix_is_bounded_and_complete(parts: list[tuple[int, int]]) -> None:
    mix = TrackMix(2)
    out: list[Samples] = []
    sizes = [0, 0]
    for index, size in parts:
        out.append(mix.add(index, np.full(size, 0.5, np.float32)))
        sizes[index] += size
        num_behind = max(sizes) - sum(map(len, out))
        assert num_behind <= 10 * RATE_HZ
    out.append(mix.finish())
    assert joined(out).sum() == pytest.approx(0.25 * sum(sizes), rel=1e-3)


def test_a_gap_that_the_mix_has_bridged_is_not_repeated() -> None:
    mix = TrackMix(2)
    speech, gap = np.full(RATE_HZ, 0.5, np.float32), np.zeros(30 * RATE_HZ, np.float32)
    out = [mix.add(0, np.concatenate([speech, speech])) for _ in range(16)]
    out += [mix.add(1, gap[: 22 * RATE_HZ]), mix.add(1, speech), mix.finish()]
    assert joined(out).size == 32 * RATE_HZ
    np.testing.assert_array_equal(joined(out)[22 * RATE_HZ : 23 * RATE_HZ], speech)
