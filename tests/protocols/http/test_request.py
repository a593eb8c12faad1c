from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http_cases import ABLE, ENGLISH, read
from voxtide.protocols.fields import MAX_STRING_CHARS, MAX_STRINGS_CHARS
from voxtide.protocols.http.form import MAX_FIELDS, Form
from voxtide.protocols.http.request import GRANULARITIES, RESPONSE_FORMATS, TranscriptionRequest
from voxtide.protocols.messages import RequestRefusedError
from voxtide.types import EngineInfo, StreamOptions


def test_a_bare_request_is_json_at_fast_pace() -> None:
    assert read([("model", "whisper-1")]) == TranscriptionRequest(
        form=Form.OPENAI, options=StreamOptions(interim=False, pace="fast")
    )


def test_openais_sdk_fields_are_parsed() -> None:
    request = read(
        [
            ("model", "whisper-1"),
            ("language", "en-GB"),
            ("keywords[]", "Tower"),
            ("keywords[]", "keep"),
            ("prompt", "A tour."),
            ("response_format", "verbose_json"),
            ("temperature", "0"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
        ]
    )
    assert request.form is Form.OPENAI
    assert request.options == StreamOptions(language="en", vocabulary=("Tower", "keep"), interim=False, pace="fast")
    assert request.prompt == "A tour."
    assert (request.response_format, request.granularities, request.ignored) == ("verbose_json", set(GRANULARITIES), ())


def test_mistrals_sdk_fields_are_parsed() -> None:
    items = [("model", "voxtral"), ("stream", "true"), ("diarize", "false"), ("file_url", "https://a.example/b.mp3")]
    request = read([*items, ("context_bias", "Tower"), ("context_bias", "keep")], has_file=False)
    assert request.form is Form.MISTRAL
    assert (request.is_streamed, request.file_url, request.ignored) == (True, "https://a.example/b.mp3", ())
    assert request.options.vocabulary == ("Tower", "keep")


@pytest.mark.parametrize(
    ("items", "language"),
    [
        ([], "en"),
        ([("language", "en")], "en"),
        ([("languages[]", "EN")], "en"),
        ([("languages[]", "en"), ("languages[]", "en-US")], "en"),
    ],
)
def test_a_single_language_is_used(items: list[tuple[str, str]], language: str) -> None:
    assert read(items, ENGLISH).options.language == language


def test_an_engine_that_cannot_translate_refuses_to() -> None:
    able = replace(ABLE, can_translate=True)
    assert read([], able, task="translate").options.task == "translate"
    assert read([], able).options.task == "transcribe"
    with pytest.raises(RequestRefusedError, match="tower cannot translate; engine whisper can") as refused:
        read([], ABLE, task="translate")
    assert refused.value.code == "unsupported_option"


@pytest.mark.parametrize(
    ("items", "server_language", "spoken"),
    [
        ([("language", "en")], None, None),
        ([("language", "English")], "fr", None),
        ([("languages[]", "en-US")], None, None),
        ([], "en", None),
        ([("language", "fr")], None, "fr"),
        ([("language", "fr")], "en", "fr"),
        ([], "fr", "fr"),
    ],
)
def test_english_is_the_target_of_a_translation_and_not_the_spoken_language(
    items: list[tuple[str, str]], server_language: str | None, spoken: str | None
) -> None:
    able = replace(ABLE, can_translate=True, default_language=server_language)
    assert read(items, able, task="translate").options.language == spoken


def test_with_several_languages_the_engine_decides() -> None:
    assert read([("languages[]", "en"), ("languages[]", "fr")]).options.language is None


def test_a_prompt_the_engine_cannot_use_is_ignored() -> None:
    request = read([("prompt", "A tour.")], ENGLISH)
    assert (request.options.vocabulary, request.prompt, request.ignored) == ((), "", ("prompt",))


def test_a_prompt_may_have_any_length() -> None:
    assert read([("prompt", "x" * 9_999)]).prompt == "x" * 9_999


@pytest.mark.parametrize("track", ["2", "ger", "mix"])
def test_a_track_may_be_chosen(track: str) -> None:
    request = read([("track", track)])
    assert (request.track, request.ignored) == (track, ())


def test_fields_without_effect_are_named() -> None:
    items = [("chunking_strategy[type]", "server_vad"), ("temperature", "0.4"), ("seed", "1"), ("user", "")]
    assert read(items).ignored == ("chunking_strategy[type]", "temperature", "seed")


REFUSED: list[tuple[list[tuple[str, str]], str, EngineInfo]] = [
    ([("diarize", "true")], "diarize", ABLE),
    ([("diarize", "maybe")], "diarize", ABLE),
    ([("file_id", "f")], "file_id", ABLE),
    ([("speaker_references", "{}")], "speaker_references", ABLE),
    ([("known_speaker_names[]", "Ann")], "known_speaker_names", ABLE),
    ([("known_speaker_references[]", "data:")], "known_speaker_references", ABLE),
    ([("turn_detection", "{}")], "turn_detection", ABLE),
    ([("include[]", "logprobs")], "include", ABLE),
    ([("response_format", "diarized_json")], "response_format", ABLE),
    ([("response_format", "xml")], "response_format", ABLE),
    ([("response_format", "srt"), ("stream", "true")], "response_format", ABLE),
    ([("stream", "yes please")], "stream", ABLE),
    ([("temperature", "hot")], "temperature", ABLE),
    ([("temperature", "2.1")], "temperature", ABLE),
    ([("temperature", "nan")], "temperature", ABLE),
    ([("temperature", "-1")], "temperature", ABLE),
    ([("timestamp_granularities", "letter")], "timestamp_granularities", ABLE),
    ([("language", "english please")], "language", ABLE),
    ([("language", "fr")], "language", ENGLISH),
    ([("keywords[]", "Tower")], "keywords", ENGLISH),
    ([("context_bias", "Tower")], "context_bias", ENGLISH),
    ([("context_bias", "x" * 201)], "context_bias", ABLE),
    ([("context_bias", "x")] * 1001, "context_bias", ABLE),
    ([("track", "0")], "track", ABLE),
    ([("track", "--5")], "track", ABLE),
    ([("track", "1"), ("track", "2")], "track", ABLE),
    ([("file_url", "https://a.example/b")], "file", ABLE),
    ([("model", "moat")], "model", ENGLISH),
]


@pytest.mark.parametrize(("items", "param", "engine"), REFUSED, ids=lambda value: str(value)[:40])
def test_unsupported_fields_are_refused_by_name(items: list[tuple[str, str]], param: str, engine: EngineInfo) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        read(items, engine)
    assert refused.value.param == param


def test_words_without_times_are_refused() -> None:
    with pytest.raises(RequestRefusedError, match="does not provide word times"):
        read([("timestamp_granularities[]", "word")], has_words=False)


def test_a_request_without_audio_is_refused() -> None:
    with pytest.raises(RequestRefusedError, match="neither a file nor a file_url"):
        read([("model", "m")], has_file=False)


def test_a_url_has_a_length_limit() -> None:
    with pytest.raises(RequestRefusedError, match="2083"):
        read([("file_url", "https://" + "a" * 2083)], has_file=False)


NAMES = ["model", "language", "languages[]", "stream", "diarize", "temperature", "prompt", "keywords[]", "file_url"]
NAMES += ["response_format", "timestamp_granularities", "include[]", "chunking_strategy[type]", "[]", "[", ""]
VALUES = st.one_of(st.sampled_from(["true", "en", "word", "srt", "0.5", "", "https://x"]), st.text(max_size=20))


@given(st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=10)), VALUES), max_size=8), st.booleans())
def test_any_form_is_parsed_or_refused(items: list[tuple[str, str]], has_file: bool) -> None:
    try:
        request = read(items, has_file=has_file)
    except RequestRefusedError as refusal:
        assert refusal.reason
    else:
        assert (request.file_url is None) == has_file
        assert request.response_format in RESPONSE_FORMATS


def test_the_field_limit_allows_all_phrases() -> None:
    items = [(name, "x") for name in ("keywords[]", "context_bias") for _ in range(1000)]
    assert len(read(items).options.vocabulary) == 2000 < MAX_FIELDS


def test_all_phrases_together_have_a_limit_as_in_a_session() -> None:
    half = MAX_STRINGS_CHARS // MAX_STRING_CHARS // 2
    long = "x" * MAX_STRING_CHARS
    items = [(name, long) for name in ("keywords[]", "context_bias[]") for _ in range(half)]
    assert len(read(items).options.vocabulary) == 2 * half
    with pytest.raises(RequestRefusedError, match="200 characters each, 20000 in all") as refusal:
        read([*items, ("context_bias[]", "x")])
    assert refusal.value.param == "context_bias"
    with pytest.raises(RequestRefusedError, match="200 characters each, 20000 in all"):
        read([("keywords[]", long)] * (2 * half + 1))


def test_the_servers_language_is_for_requests_that_name_none() -> None:
    server = replace(ABLE, default_language="fr")
    assert read([], server).options.language == "fr"
    assert read([("language", "Deutsch")], server).options.language == "de"
    assert read([("languages", "en"), ("languages", "de")], server).options.language is None
