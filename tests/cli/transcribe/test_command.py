from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.support.fake_microphones import FakeLibrary
from tests.support.spoken import Spawn, Tones, Voxtide, pcm, spoken
from voxtide.audio.microphone import MicrophoneSource
from voxtide.cli.transcribe.command import _NotePrinter
from voxtide.engines.scripted import ScriptedEngine, speak
from voxtide.types import Notice

SCRIPTED = ("transcribe", "--engine", "scripted")


def test_only_text_goes_to_stdout(tones: Tones, voxtide: Voxtide) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "ever tried.", "ever failed."), "--metrics")
    assert result.exit_code == 0
    assert result.stdout == "ever tried.\never failed.\n"
    assert result.stderr.startswith("voxtide: metrics of ")


def test_subtitles_have_word_times(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "no matter")
    srt = voxtide(*SCRIPTED, path, "-f", "srt").stdout
    vtt = voxtide(*SCRIPTED, path, "-f", "vtt").stdout
    assert srt == "1\n00:00:00,000 --> 00:00:00,833\nno matter\n"
    assert vtt == "WEBVTT\n\n00:00:00.000 --> 00:00:00.833\nno matter\n"


def test_the_shape_of_subtitles_can_be_given(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "ever tried ever failed no matter")
    narrow = voxtide(*SCRIPTED, path, "-f", "srt", "--line-length", "11", "--max-lines", "3")
    assert "ever tried\never failed\nno matter\n" in narrow.stdout
    refused = voxtide(*SCRIPTED, path, "--max-lines", "3")
    assert refused.exit_code == 2
    assert "are for subtitles: add --format srt or vtt" in refused.stderr


def test_options_are_checked_without_assertions_too() -> None:
    request = "Request(sources=('talk.wav',), engine=EngineChoice('scripted'), format='srt', max_lines=99)"
    imports = "from voxtide.cli.remote import EngineChoice; from voxtide.cli.transcribe.request import Request"
    command = [sys.executable, "-O", "-c", f"{imports}; {request}"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert process.stderr.splitlines()[-1].startswith("voxtide.errors.ConfigError: max_lines must be 1 to ")


def test_json_is_one_object_for_one_source_and_an_array_for_more(tones: Tones, voxtide: Voxtide) -> None:
    first, second = tones("a.wav", "try again"), tones("b.wav", "fail again")
    alone = json.loads(voxtide(*SCRIPTED, first, "-f", "json").stdout)
    both = json.loads(voxtide(*SCRIPTED, first, second, "-f", "json").stdout)
    assert (alone["source"], alone["text"], alone["language"]) == (str(first), "try again", "en")
    assert [result["text"] for result in both] == ["try again", "fail again"]
    assert alone["segments"][0]["words"][1] == {"text": "again", "start_s": 0.4, "end_s": 0.8, "is_estimated": False}


def test_texts_of_several_sources_have_headers(tones: Tones, voxtide: Voxtide) -> None:
    first, second = tones("a.wav", "one"), tones("b.wav", "two")
    assert voxtide(*SCRIPTED, first, second).stdout == f"==> {first} <==\none\n\n==> {second} <==\ntwo\n"


@pytest.mark.parametrize("source", ["-", "mic"])
def test_stdin_and_the_microphone_can_be_given_only_once(voxtide: Voxtide, source: str) -> None:
    result = voxtide(*SCRIPTED, source, source)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{source} is given 2 times; it can be read only once" in result.stderr


def test_a_failure_among_several_names_its_source_once(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("no audio")
    result = voxtide(*SCRIPTED, tones("a.wav", "one"), tmp_path / "talk.txt", tmp_path / "missing.wav")
    assert result.stderr.splitlines() == [
        f"voxtide: error: {tmp_path / 'talk.txt'}: is not in an audio format that FFmpeg knows",
        f"voxtide: error: there is no file {tmp_path / 'missing.wav'}",
    ]


def test_an_empty_output_is_refused(tones: Tones, voxtide: Voxtide) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--output", "")
    expected = "voxtide: error: --output is empty; name a file or a directory, or - for stdout\n"
    assert (result.exit_code, result.stderr) == (2, expected)


@pytest.mark.parametrize("language", ["", "auto"])
def test_detection_is_no_language(tones: Tones, voxtide: Voxtide, language: str) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--language", language)
    assert result.exit_code == 2
    assert f"there is no language '{language}'; without a language the engine chooses" in result.stderr


def test_an_unknown_track_is_refused(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "no matter")
    assert voxtide(*SCRIPTED, path, "--track", "1").stdout == "no matter\n"
    result = voxtide(*SCRIPTED, path, "--track", "fr")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"voxtide: error: {path} has no audio track 'fr'; it has: 1; 'mix' reads all of them\n"


def test_the_event_stream_has_all_events_in_order(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "ever tried.", "ever failed.")
    result = voxtide(*SCRIPTED, path, "-f", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert records[0] == {
        "type": "started",
        "wall_s": 0.0,
        "audio_s": 0.0,
        "source": str(path),
        "engine": "scripted",
        "model": "tones",
        "pace": "fast",
    }
    assert records[-1]["type"] == "finished"
    walls_s = [record["wall_s"] for record in records]
    assert walls_s == sorted(walls_s)
    assert "".join(record["text"] for record in records if record["type"] == "delta") == "ever tried. ever failed."
    segments = [record for record in records if record["type"] == "segment"]
    assert [[word["text"] for word in segment["words"]] for segment in segments] == [
        ["ever", "tried."],
        ["ever", "failed."],
    ]


def test_interim_text_is_written_at_real_pace_unless_disabled(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "no")
    events = voxtide(*SCRIPTED, path, "-f", "jsonl", "--pace", "real").stdout
    without = voxtide(*SCRIPTED, path, "-f", "jsonl", "--pace", "real", "--no-interim").stdout
    assert '"type": "interim"' in events
    assert '"type": "interim"' not in without


def test_flushes_at_pauses_are_events(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "no", "yes")
    result = voxtide(*SCRIPTED, path, "-f", "jsonl", "--pace", "real", "--flush-at-pauses")
    flushed = [record for record in map(json.loads, result.stdout.splitlines()) if record["type"] == "flushed"]
    assert [record["text"] for record in flushed] == ["no", "yes"]
    assert [record["flush_id"] for record in flushed] == [1, 2]
    assert flushed[0]["words"][0]["text"] == "no"


def test_live_text_without_a_terminal_is_plain_lines(tones: Tones, voxtide: Voxtide) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "ever tried.", "ever failed."), "-f", "live")
    assert result.stdout == "ever tried.\never failed.\n"


def test_the_suffix_of_the_output_decides_its_format(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    path = tones("talk.wav", "no matter")
    for suffix, beginning in {"srt": "1\n00:", "VTT": "WEBVTT", "json": "{", "jsonl": '{"type"', "md": "no"}.items():
        target = tmp_path / f"out.{suffix}"
        result = voxtide(*SCRIPTED, path, "-o", target)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
        assert target.read_text().startswith(beginning)


def test_the_live_view_can_be_combined_with_a_file(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "no matter"), "-f", "live", "-o", tmp_path / "out.srt")
    assert result.stdout == "no matter\n"
    assert (tmp_path / "out.srt").read_text().startswith("1\n")


def test_each_of_several_sources_has_a_file_and_failures_are_listed_last(
    tones: Tones, voxtide: Voxtide, tmp_path: Path
) -> None:
    first, second = tones("a.wav", "one"), tones("b.wav", "two")
    missing, empty = tmp_path / "no.wav", tmp_path / "empty.wav"
    empty.touch()
    result = voxtide(*SCRIPTED, first, missing, empty, second, "-o", tmp_path / "texts")
    assert result.exit_code == 1
    assert {path.name: path.read_text() for path in (tmp_path / "texts").iterdir()} == {
        "a.txt": "one\n",
        "b.txt": "two\n",
    }
    assert result.stderr.splitlines() == [
        f"voxtide: error: there is no file {missing}",
        f"voxtide: error: {empty}: is empty",
    ]


def test_a_failure_is_included_in_json_and_events(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    sources = (tmp_path / "no.wav", tones("b.wav", "two"))
    array = json.loads(voxtide(*SCRIPTED, *sources, "-f", "json").stdout)
    events = [json.loads(line) for line in voxtide(*SCRIPTED, *sources, "-f", "jsonl").stdout.splitlines()]
    assert array[0]["error"]["code"] == events[0]["code"] == "source_not_found"
    assert array[1]["text"] == "two"
    assert (events[0]["type"], events[1]["type"], events[-1]["type"]) == ("error", "started", "finished")


@pytest.mark.parametrize("doc_format", ["txt", "json", "jsonl", "live"])
def test_secrets_in_urls_are_never_shown(voxtide: Voxtide, doc_format: str) -> None:
    sources = ("https://user:secret@127.0.0.1:9/x.mp3?key=secret", "http://u:sec ret@h", "nope://user:secret@h/x")
    result = voxtide(*SCRIPTED, *sources, "-f", doc_format)
    assert result.exit_code == 1
    assert "secret" not in result.output
    assert "https://127.0.0.1:9/x.mp3" in result.stderr


def test_a_notice_names_the_option_only_here(capsys: pytest.CaptureFixture[str]) -> None:
    printer = _NotePrinter(nullcontext, None)
    printer.on_notice(Notice("language_doubted", "it may not be English"), 0.0)
    printer.on_notice(Notice("no_speech", "no speech found"), 0.0)
    notes = ["voxtide: note: it may not be English (--engine whisper)", "voxtide: note: no speech found"]
    assert capsys.readouterr().err.splitlines() == notes


def test_a_notice_is_one_line_on_stderr_and_a_field(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "ever tried.")
    path.write_bytes(path.read_bytes()[:-44])
    line = f"{path} is 44 bytes shorter than its header states"
    for doc_format in ("txt", "live", "json", "jsonl"):
        result = voxtide(*SCRIPTED, path, "-f", doc_format)
        assert (result.exit_code, result.stderr) == (0, f"voxtide: note: {line}\n")
    document = json.loads(voxtide(*SCRIPTED, path, "-f", "json").stdout)
    records = [json.loads(row) for row in voxtide(*SCRIPTED, path, "-f", "jsonl").stdout.splitlines()]
    notice = {"code": "wrong_length", "message": line}
    assert document["notices"] == [notice]
    assert [record for record in records if record.items() >= notice.items()][0]["type"] == "notice"


@pytest.mark.parametrize("is_file", [True, False])
def test_text_on_stdin_is_refused(spawn: Spawn, tmp_path: Path, is_file: bool) -> None:
    page = b"<p>No such file.</p>"
    (tmp_path / "page.html").write_bytes(page)
    with (tmp_path / "page.html").open("rb") as file:
        process = spawn(*SCRIPTED, "-", **({"stdin": file} if is_file else {}))
        stdout, stderr = process.communicate(None if is_file else page, timeout=60)
    assert (process.returncode, stdout) == (1, b"")
    assert stderr == b"voxtide: error: stdin is text, not audio; give its encoding if it is raw audio\n"


def test_the_format_of_raw_audio_on_stdin_is_reported_unless_it_is_given(spawn: Spawn) -> None:
    data = pcm(spoken("ever tried."))
    assumed, given = spawn(*SCRIPTED, "-"), spawn(*SCRIPTED, "-", "--encoding", "pcm_s16le")
    stdout, stderr = assumed.communicate(data, timeout=60)
    assert (assumed.returncode, stdout) == (0, b"ever tried.\n")
    assert stderr.startswith(b"voxtide: note: reading stdin as raw audio: pcm_s16le, 16000 Hz, mono; ")
    assert given.communicate(data, timeout=60) == (b"ever tried.\n", b"")


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="file names are UTF-8 here")
@pytest.mark.parametrize("doc_format", ["txt", "json", "jsonl", "live"])
def test_file_names_that_are_no_utf8_or_hold_control_codes(
    tones: Tones, spawn: Spawn, tmp_path: Path, doc_format: str
) -> None:
    names = [os.fsdecode(b"bad\xff.wav"), "red\x1b[31m.wav", "two\nlines.wav"]
    sentences = ["ever tried.", "ever failed.", "no matter."]
    for name, sentence in zip(names, sentences, strict=True):
        path = tones(name, sentence)
        path.write_bytes(path.read_bytes()[:-44])  # a notice
    missing = os.fsdecode(b"gone\xfe\x1b.wav")
    process = spawn(*SCRIPTED, *names, missing, "-f", doc_format, cwd=tmp_path)
    stdout, stderr = (data.decode() for data in process.communicate(timeout=60))
    assert process.returncode == 1
    assert all(sentence in stdout for sentence in sentences)
    assert stderr.splitlines() == [
        *(
            f"voxtide: note: {shown}.wav is 44 bytes shorter than its header states"
            for shown in (r"bad\xff", r"red\x1b[31m", "two lines")
        ),
        r"voxtide: error: there is no file gone\xfe\x1b.wav",
    ]
    assert "\x1b" not in stdout
    if doc_format == "json":
        sources = [document["source"] for document in json.loads(stdout)]
        assert sources == [r"bad\xff.wav", *names[1:], "gone\\xfe\x1b.wav"]


@pytest.mark.skipif(sys.platform in {"darwin", "win32"}, reason="file names are UTF-8 here")
def test_a_file_name_that_is_no_utf8_names_its_result(tones: Tones, spawn: Spawn, tmp_path: Path) -> None:
    paths = [tones(os.fsdecode(b"bad\xff.wav"), "ever tried."), tones("b.wav", "ever failed.")]
    process = spawn(*SCRIPTED, *paths, "-f", "json", "-o", tmp_path / "out")
    assert process.communicate(timeout=60) == (b"", b"")
    document = json.loads((tmp_path / "out" / os.fsdecode(b"bad\xff.json")).read_text("utf-8"))
    assert document["source"] == str(tmp_path / r"bad\xff.wav")


def test_a_truncated_recording_gives_its_text_and_a_failure(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "ever tried.", "ever failed.")
    path.write_bytes(path.read_bytes()[: 44 + len(pcm(spoken("ever tried.")))])
    result = voxtide(*SCRIPTED, path)
    assert (result.exit_code, result.stdout) == (1, "ever tried.\n")
    assert result.stderr.startswith("voxtide: error: ")
    assert "the text before it is in the result" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("talk.wav", "--engine", "scriptd"), 2, "did you mean scripted"),
        (("talk.wav", "--engine", "scripted", "--model", "large"), 2, "no model 'large'"),
        (("talk.wav", "--engine", "scripted", "--language", "xx"), 2, "no language 'xx'; the nearest are"),
        (("talk.wav", "--engine", "scripted", "--language", "Dutch"), 2, "cannot transcribe 'nl'"),
        (("talk.wav", "--engine", "moonshine", "--language", "French"), 2, "use engine whisper"),
        (("talk.wav", "--engine", "moonshine", "--task", "translate"), 2, "cannot translate; use engine whisper"),
        (("talk.wav", "--engine", "scripted", "--delay-ms", "7"), 2, "no delay of 7 ms"),
        (("talk.wav", "--engine", "scripted", "--chunk-ms", "1"), 2, "chunk_ms must be 10 to 10000"),
        (("talk.wav", "--engine", "scripted", "--output", "no/such/dir/talk.txt"), 2, "cannot write --output"),
        (("talk.wav", "--engine", "scripted", "--threads", "0"), 2, "--threads"),
        (("talk.wav", "--engine", "scripted", "--format", "doc"), 2, "--format"),
        (("talk.wav", "talk.wav", "--engine", "scripted", "--format", "srt"), 2, "name a directory"),
        (("no.wav", "--engine", "scripted"), 1, "no.wav"),
        ((), 2, "SOURCE"),
    ],
)
def test_usage_errors_are_one_line_with_an_exit_code(
    tones: Tones,
    voxtide: Voxtide,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tones("talk.wav", "no").parent)
    result = voxtide("transcribe", *arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_model_has_its_own_exit_code_and_names_the_command(
    tones: Tones, voxtide: Voxtide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("VOXTIDE_OFFLINE", "1")
    result = voxtide("transcribe", tones("talk.wav", "no"), "--engine", "moonshine")
    assert result.exit_code == 3
    assert "voxtide models pull" in result.stderr


def test_an_unwritable_output_is_found_before_the_model_is_loaded(
    tones: Tones, voxtide: Voxtide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path / "models"))
    result = voxtide("transcribe", tones("talk.wav", "no"), "-o", tmp_path)
    assert result.exit_code == 2
    assert "is a directory" in result.stderr


def test_an_unexpected_error_is_one_line(tones: Tones, voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("half a\nthing")

    monkeypatch.setattr("voxtide.api.open_engine", fail)
    result = voxtide(*SCRIPTED, tones("talk.wav", "no"))
    assert result.exit_code == 1
    assert result.stderr == (
        "voxtide: error: unexpected ZeroDivisionError: half a thing (voxtide --debug shows where)\n"
    )


def test_real_pace_takes_real_time_and_fast_does_not(tones: Tones, voxtide: Voxtide) -> None:
    path = tones("talk.wav", "no")
    finished = {}
    for pace in ("real", "fast"):
        result = voxtide(*SCRIPTED, path, "-f", "jsonl", "--pace", pace)
        finished[pace] = json.loads(result.stdout.splitlines()[-1])
    assert finished["real"]["wall_s"] >= finished["real"]["audio_s"] - 0.1 > finished["fast"]["wall_s"]


def test_a_suffix_that_is_no_format_is_refused(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    result = voxtide(*SCRIPTED, tones("talk.wav", "no"), "-o", tmp_path / "talk.docx", "-f", "txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert ".docx is no format of voxtide; use .txt, .srt, .vtt, .json, .jsonl" in result.stderr
    assert not (tmp_path / "talk.docx").exists()


def test_a_second_run_appends_on_request(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    for _ in range(2):
        assert voxtide(*SCRIPTED, tones("talk.wav", "no"), "-o", tmp_path / "a.txt", "--append").stderr == ""
    assert (tmp_path / "a.txt").read_text() == "no\nno\n"


@pytest.mark.parametrize("doc_format", ["srt", "jsonl"])
def test_a_second_run_notes_the_file_that_it_replaces(
    tones: Tones, voxtide: Voxtide, tmp_path: Path, doc_format: str
) -> None:
    target = tmp_path / f"notes.{doc_format}"
    target.touch()  # an empty file loses nothing

    def stderr_of(*options: str) -> str:
        result = voxtide(*SCRIPTED, tones("talk.wav", "no"), "-o", target, *options)
        assert result.exit_code == 0
        return "".join(result.stderr.split())  # without the line breaks of the terminal

    assert "replaced" not in stderr_of()
    assert f"voxtide:replaced{target}" in stderr_of()
    assert "replaced" not in stderr_of("--force")


def test_a_file_that_cannot_be_written_does_not_stop_the_others(tones: Tones, voxtide: Voxtide, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "first.txt").mkdir(parents=True)
    sources = (tones("first.wav", "ever tried."), tones("second.wav", "ever failed."))
    result = voxtide("transcribe", "--engine", "scripted", *sources, "--output", f"{out}/")
    assert result.exit_code == 1
    assert (out / "second.txt").read_text() == "ever failed.\n"
    assert "first.txt is a directory" in " ".join(result.stderr.split())


@pytest.mark.parametrize(("doc_format", "num_bytes"), [("txt", 100), ("jsonl", 3000)])
def test_a_result_that_does_not_fit_on_the_disk_does_not_stop_the_others(
    tones: Tones, voxtide: Voxtide, tmp_path: Path, doc_format: str, num_bytes: int
) -> None:
    out = tmp_path / "out"
    sources = (tones("long.wav", "ever tried. " * 20), tones("short.wav", "no"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, limits[1]))
    try:
        result = voxtide(*SCRIPTED, *sources, "-f", doc_format, "--output", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.exit_code == 1
    assert "no" in (out / f"short.{doc_format}").read_text()
    assert f"cannot write {out / 'long'}.{doc_format}: File too large" in " ".join(result.stderr.split())


def test_a_signal_while_the_model_loads_stops_the_microphone(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What it has recorded is transcribed; what is said later is not recorded."""
    library = FakeLibrary()
    microphone = MicrophoneSource(0, chunk_ms=80, library=library)

    def load(*_: object, **__: object) -> ScriptedEngine:
        library.streams[0].record(speak("ever tried."))
        signal.raise_signal(signal.SIGINT)
        assert library.streams[0].is_closed
        return ScriptedEngine()

    monkeypatch.setattr("voxtide.cli.transcribe.command._open_source", lambda *_: microphone)
    monkeypatch.setattr("voxtide.api.open_engine", load)
    result = voxtide(*SCRIPTED, "mic", "-o", tmp_path / "notes.txt")
    assert result.exit_code == 130
    assert (tmp_path / "notes.txt").read_text() == "ever tried.\n"
