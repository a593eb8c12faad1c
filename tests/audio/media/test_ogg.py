from __future__ import annotations

import io
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.media_files import encoded, joined, pipe, read_until_error, similarity, speech
from voxtide.audio import open_source
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media.ogg import num_missing_ogg_bytes
from voxtide.errors import CorruptAudioError

WHOLE = encoded(speech(), "libopus", "ogg", rate_hz=16_000)
PAGES = [place for place in range(len(WHOLE)) if WHOLE.startswith(b"OggS", place)]


def num_missing(data: bytes) -> int:
    return num_missing_ogg_bytes(ByteStream(io.BytesIO(data)))


@given(st.integers(min_value=4, max_value=len(WHOLE)))
def test_bytes_missing_from_the_last_page_are_counted(num_bytes: int) -> None:
    page = max(place for place in PAGES if place < num_bytes)
    end = next((place for place in PAGES if place > page), len(WHOLE))
    counted = num_missing(WHOLE[:num_bytes])
    if num_bytes >= page + 27 + WHOLE[page + 26]:  # its segment table is complete
        assert counted == end - num_bytes
    else:
        assert 0 < counted < end - num_bytes


def page_of(payload: bytes) -> bytes:
    lengths = [255] * (len(payload) // 255) + [len(payload) % 255]
    return b"OggS" + bytes(22) + bytes([len(lengths), *lengths]) + payload


MAX_PAYLOAD_BYTES = 255 * 254 + 254
PATTERNS = st.sampled_from([b"OggS", b"OggS\0"])


@given(st.data(), PATTERNS, st.integers(min_value=0, max_value=4_000))
def test_a_page_start_inside_a_payload_is_ignored(data: st.DataObject, pattern: bytes, place: int) -> None:
    payload = b"\xff" * place + pattern + b"\xff" * 400  # read as a page, it would have the maximum length
    pages = page_of(payload) * 3
    assert num_missing(pages) == 0
    kept_bytes = data.draw(st.integers(min_value=len(pages) - 300, max_value=len(pages)))
    assert num_missing(pages[:kept_bytes]) == len(pages) - kept_bytes


@example(MAX_PAYLOAD_BYTES - 290, 300)  # in front of the last page, and as long as it is
@given(st.integers(min_value=0, max_value=MAX_PAYLOAD_BYTES - 5), st.integers(min_value=0, max_value=300))
def test_a_page_start_inside_a_payload_of_a_long_file_is_ignored(place: int, lost_bytes: int) -> None:
    payload = (b"\xff" * place + b"OggS\0").ljust(MAX_PAYLOAD_BYTES, b"\xff")
    pages = page_of(payload) * 4
    assert num_missing(pages[: len(pages) - lost_bytes]) == lost_bytes


def test_data_after_the_last_page_is_ignored() -> None:
    assert num_missing(WHOLE + b"TAG" + bytes(125)) == 0


def test_pages_after_a_gap_are_found() -> None:
    hole = PAGES[-2] - 50
    assert num_missing(WHOLE[:hole] + WHOLE[hole + 20 :]) == 0
    assert num_missing(WHOLE[:hole] + WHOLE[hole + 20 : -30]) == 30


def test_other_formats_and_pipes_have_no_missing_bytes() -> None:
    assert num_missing(b"RIFF" + bytes(100)) == 0
    assert num_missing_ogg_bytes(ByteStream(pipe(WHOLE[:-100]))) == 0


async def test_a_truncated_opus_file_raises_after_its_last_sample(tmp_path: Path) -> None:
    path = tmp_path / "cut.opus"
    path.write_bytes(WHOLE[: len(WHOLE) * 3 // 5])
    async with open_source(path) as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert "bytes are missing" in str(error)
    assert similarity(joined(chunks), speech()) > 0.9
