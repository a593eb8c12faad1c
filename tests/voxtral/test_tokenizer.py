"""Text out of a tekken.json of the real format."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.errors import ModelCorruptError
from voxtide.voxtral.config import BOS, EOS, PAD, WORD
from voxtide.voxtral.tokenizer import TextDecoder, Vocabulary

PIECES = [bytes([value]) for value in range(256)] + [b" the", b" Capital", b"tion", " né".encode(), "日本".encode()]


def tekken(pieces: list[bytes] = PIECES, **config: Any) -> dict[str, Any]:
    """As Mistral writes it, with more rows than the model uses."""
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
        for rank, piece in enumerate([*pieces, b"unused"])
    ]
    names = {0: "<unk>", BOS: "<s>", EOS: "</s>", PAD: "[STREAMING_PAD]", WORD: "[STREAMING_WORD]"}
    special = [
        {"rank": rank, "token_str": names.get(rank, f"<SPECIAL_{rank}>"), "is_control": True} for rank in range(1000)
    ]
    return {
        "config": {
            "pattern": r"\S+|\s+",
            "num_vocab_tokens": len(vocab),
            "default_vocab_size": 1000 + len(pieces),
            "default_num_special_tokens": 1000,
            "version": "v11",
        }
        | config,
        "vocab": vocab,
        "special_tokens": special,
        "audio": {
            "sampling_rate": 16000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
            "transcription_format": "streaming",
            "transcription_delay_ms": 480,
            "streaming_look_ahead_ms": 2.5,
            "streaming_look_back_ms": 52.5,
            "streaming_n_left_pad_tokens": 32,
        },
    }


def vocabulary_of(content: dict[str, Any], tmp_path: Path) -> Vocabulary:
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps(content), "utf-8")
    return Vocabulary.read(path)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return vocabulary_of(tekken(), tmp_path_factory.mktemp("tekken"))


def test_tokens_are_their_bytes(vocabulary: Vocabulary) -> None:
    assert [vocabulary.piece(1000 + number) for number in range(len(PIECES))] == PIECES
    assert len(vocabulary) == 1000 + len(PIECES)


@pytest.mark.parametrize("token", [-1, 0, BOS, EOS, PAD, WORD, 999, 1000 + len(PIECES), 10**9])
def test_special_tokens_have_no_bytes(token: int, vocabulary: Vocabulary) -> None:
    assert vocabulary.piece(token) == b""


@given(text=st.text(), specials=st.lists(st.integers(0, 999)))
def test_text_round_trips_with_special_tokens_between(text: str, specials: list[int], vocabulary: Vocabulary) -> None:
    decoder = TextDecoder(vocabulary)
    pushed = []
    for byte in text.encode():
        pushed += [decoder.push(1000 + byte), *map(decoder.push, specials)]
    assert "".join(pushed) + decoder.finish() == text.removeprefix(" ")
    assert "\ufffd" not in "".join(pushed) or "\ufffd" in text


def test_a_character_waits_for_its_bytes(vocabulary: Vocabulary) -> None:
    decoder = TextDecoder(vocabulary)
    assert [decoder.push(1000 + byte) for byte in "né本".encode()] == ["n", "", "é", "", "", "本"]
    assert decoder.finish() == ""


def test_a_character_that_breaks_off_is_marked(vocabulary: Vocabulary) -> None:
    decoder = TextDecoder(vocabulary)
    assert [decoder.push(1000 + byte) for byte in b"\xe6\x97"] == ["", ""]
    assert decoder.finish() == "\ufffd"


def test_only_the_very_first_space_is_dropped(vocabulary: Vocabulary) -> None:
    decoder = TextDecoder(vocabulary)
    assert [decoder.push(1000 + token) for token in (256, 256, 257)] == ["the", " the", " Capital"]


def test_a_fork_leaves_the_original_as_it_was(vocabulary: Vocabulary) -> None:
    decoder = TextDecoder(vocabulary)
    decoder.push(1000 + 0xC3)
    fork = decoder.fork()
    assert fork.push(1000 + 0xA9) == "é"
    assert fork.push(1256) == " the"
    assert decoder.push(1000 + 0xA8) == "è"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "is no tekken.json: it has no usable config and vocab"),
        (tekken(default_num_special_tokens=10), "has 10 special tokens; the model has 1000"),
        (tekken() | {"vocab": [{"rank": 1, "token_bytes": ""}]}, "token 0 has rank 1"),
        (tekken() | {"vocab": [{"rank": 0, "token_bytes": "?"}]}, "token 0 cannot be read"),
        (tekken() | {"vocab": ["a"]}, "token 0 cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelCorruptError, match=message):
        vocabulary_of(content, tmp_path)


def test_it_agrees_with_mistrals_own_library(tmp_path: Path, vocabulary: Vocabulary) -> None:
    library = pytest.importorskip("mistral_common.tokens.tokenizers.tekken", reason="mistral-common is not installed")
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps(tekken()), "utf-8")
    theirs = library.Tekkenizer.from_file(path)
    for token in range(1000, 1000 + len(PIECES)):
        assert theirs.id_to_byte_piece(token, library.SpecialTokenPolicy.KEEP) == vocabulary.piece(token)
