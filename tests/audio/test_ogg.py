from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from media_files import encoded, joined, read_until_error, similarity, speech

from voxtide.audio import open_source
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.ogg import num_missing_ogg_bytes
from voxtide.errors import CorruptAudioError

WHOLE = encoded(speech(), "libopus", "ogg", rate_hz=16_000)
PAGES = [place for place in range(len(WHOLE)) if WHOLE.startswith(b"OggS", place)]


def num_missing(data: bytes) -> int:
    return num_missing_ogg_bytes(ByteStream(io.BytesIO(data)))


@given(st.integers(min_value=4, max_value=len(WHOLE)))
def test_what_the_last_page_lacks_is_missing(num_bytes: int) -> None:
    page = max(place for place in PAGES if place + 4 <= num_bytes)
    end = next((place for place in PAGES if place > page), len(WHOLE))
    told = num_missing(WHOLE[:num_bytes])
    if num_bytes >= page + 27 + WHOLE[page + 26]:  # its table of segments is there
        assert told == max(0, end - num_bytes)
    else:
        assert 0 < told < end - num_bytes


def test_other_formats_and_pipes_are_left_alone() -> None:
    assert num_missing(b"RIFF" + bytes(100)) == 0
    assert num_missing_ogg_bytes(ByteStream(SimpleNamespace(read=io.BytesIO(WHOLE[:-100]).read))) == 0


async def test_a_voice_message_cut_in_half_is_read_to_the_cut_and_then_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.opus"
    path.write_bytes(WHOLE[: len(WHOLE) * 3 // 5])
    async with open_source(path) as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert "bytes are missing" in str(error)
    assert similarity(joined(chunks), speech()) > 0.9
