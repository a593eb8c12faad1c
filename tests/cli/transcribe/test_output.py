from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from voxtide.cli.transcribe import output, partial
from voxtide.cli.transcribe.output import format_of, open_destination, stem_of
from voxtide.cli.transcribe.results import Existing
from voxtide.errors import ConfigError, VoxtideError


def write(where: Path | str, *texts: str, doc_format: str = "txt", sources: tuple[str, ...] = ("talk.wav",)) -> None:
    with open_destination(str(where), doc_format, sources) as destination:  # type: ignore[arg-type]  # a test's literal
        for source, text in zip(sources, texts, strict=True):
            with destination.open(source) as result:
                result.finish(text)


def test_a_file_is_written_atomically(tmp_path: Path) -> None:
    target = tmp_path / "talk.txt"
    target.write_text("old")
    with open_destination(str(target), "txt", ["talk.wav"]) as destination, destination.open("talk.wav") as result:
        result.grow("héllo\n", "")
        assert (target.read_text(), (tmp_path / "talk.voxtide-partial.txt").read_text("utf-8")) == ("old", "héllo\n")
        result.finish(None)
    assert target.read_text("utf-8") == "héllo\n"
    assert os.listdir(tmp_path) == ["talk.txt"]


def test_a_failed_result_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "talk.txt"
    target.write_text("old")
    with (
        pytest.raises(ZeroDivisionError),
        open_destination(str(target), "txt", ["talk.wav"]) as destination,
        destination.open("talk.wav"),
    ):
        raise ZeroDivisionError
    assert (target.read_text(), os.listdir(tmp_path)) == ("old", ["talk.txt"])


def test_without_a_result_no_file_remains(tmp_path: Path) -> None:
    with open_destination(str(tmp_path / "talk.txt"), "txt", ["talk.wav"]):
        pass
    assert os.listdir(tmp_path) == []


def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write(tmp_path / "talk.txt", "x")
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "talk.txt").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "there" / "talk.txt")
    write(tmp_path / "link.txt", "text")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "there" / "talk.txt").read_text() == "text"


def test_a_device_is_written_not_replaced() -> None:
    write("/dev/null", "text")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(("where", "why"), [("no/such/talk.txt", "there is no directory"), (".", "is a directory")])
def test_an_invalid_path_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"--output {where}.* {why}"):
        open_destination(where, "txt", ["talk.wav"])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("where", ["talk.wav", "./talk.wav", "link.wav"])
def test_a_source_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk.wav").write_text("precious")
    Path("link.wav").symlink_to("talk.wav")
    with pytest.raises(ConfigError, match="is the source itself"):
        open_destination(where, "txt", ["talk.wav"])
    assert Path("talk.wav").read_text() == "precious"
    assert sorted(os.listdir()) == ["link.wav", "talk.wav"]


@pytest.mark.parametrize("is_grown", [True, False])
def test_a_full_disk_is_reported_with_the_path(*, is_grown: bool) -> None:
    with (
        pytest.raises(VoxtideError, match="cannot write /dev/full: No space left on device"),
        open_destination("/dev/full", "txt", ["talk.wav"]) as destination,
        destination.open("talk.wav") as result,
    ):
        if is_grown:
            result.grow("text", "")
        else:
            result.finish("text")


def test_a_dash_is_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write("-", "text")
    assert (capsys.readouterr().out, os.listdir(tmp_path)) == ("text", [])


def test_a_pipe_behind_a_link_is_written_directly() -> None:
    read_end, write_end = os.pipe()
    write(f"/dev/fd/{write_end}", "text")
    os.close(write_end)
    with open(read_end) as pipe:
        assert pipe.read() == "text"


def test_half_a_character_does_not_cost_the_rest_of_what_a_pipe_gets() -> None:
    read_end, write_end = os.pipe()
    write(f"/dev/fd/{write_end}", "one \ud83d two")
    os.close(write_end)
    with open(read_end) as pipe:
        assert pipe.read() == "one ? two"


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "socket"])
def test_a_named_pipe_and_a_socket_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "socket":
            listener.bind("there")
        else:
            os.mkfifo("there" if kind == "pipe" else "pipe")
        if kind == "link to a pipe":
            os.symlink("pipe", "there")
        with pytest.raises(ConfigError, match="--output there is no regular file; .*leave out --output"):
            open_destination("there", "txt", ["talk.wav"])


def test_the_file_that_stdout_goes_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stdout = os.dup(1)
    with open("x.txt", "w") as file:
        os.dup2(file.fileno(), 1)
    try:
        for path in ("/dev/stdout", "x.txt"):
            with pytest.raises(ConfigError, match=f"--output {path} is the file that stdout goes to; .*leave out"):
                open_destination(path, "txt", ["talk.wav"])
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
    assert os.listdir() == ["x.txt"]


@pytest.mark.parametrize("num_sources", [1, 2])
def test_a_path_without_permission_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_sources: int
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(partial, "FileIO", refuse)
    monkeypatch.setattr(output, "TemporaryFile", refuse)  # the tests may run as root, who can write everywhere
    with pytest.raises(ConfigError, match=r"cannot write --output .*: Permission denied"):
        open_destination(str(tmp_path / "talk"), "txt", ["talk.wav"] * num_sources)


def test_a_trailing_slash_names_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"is a directory; for files in it, write {tmp_path}/"):
        open_destination(str(tmp_path), "txt", ["talk.wav"])
    write(f"{tmp_path}/", "text")
    assert (tmp_path / "talk.txt").read_text() == "text"


def test_several_sources_get_one_file_each(tmp_path: Path) -> None:
    sources = ("a/talk.wav", "b/talk.mp3", "c/TALK.wav", "https://example.com/x/report.mp3?key=1", "-")
    write(tmp_path / "texts", "1", "2", "3", "4", "5", doc_format="srt", sources=sources)
    written = {path.name: path.read_text() for path in (tmp_path / "texts").iterdir()}
    assert written == {"talk.srt": "1", "talk-2.srt": "2", "TALK-3.srt": "3", "report.srt": "4", "stdin.srt": "5"}


def test_several_sources_cannot_go_into_one_file(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").touch()
    with pytest.raises(ConfigError, match="talk.txt"):
        open_destination(str(tmp_path / "talk.txt"), "txt", ["a.wav", "b.wav"])


@pytest.mark.parametrize("doc_format", ["srt", "vtt"])
def test_subtitles_of_several_sources_need_a_directory(doc_format: str) -> None:
    with pytest.raises(ConfigError, match="name a directory with --output"):
        open_destination(None, doc_format, ["a.wav", "b.wav"])  # type: ignore[arg-type]  # a test's literal


@pytest.mark.parametrize(
    ("source", "stem"),
    [("-", "stdin"), ("mic", "mic"), ("a/b.c.wav", "b.c"), ("rtsp://host/", "host"), ("https://h/x.mp3?t=1", "x")],
)
def test_files_are_named_after_their_source(source: str, stem: str) -> None:
    assert stem_of(source) == stem


@pytest.mark.parametrize("source", ["mic", "rtsp://camera/1", "pipe"])
def test_a_live_source_does_not_replace_an_existing_text(tmp_path: Path, source: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = str(tmp_path / "pipe") if source == "pipe" else source
    target = tmp_path / "notes.txt"
    target.write_text("old\n")
    with pytest.raises(ConfigError, match=r"notes.txt exists; --append adds to it, --force replaces it"):
        open_destination(str(target), "txt", [source])
    assert target.read_text() == "old\n"
    replacing = open_destination(str(target), "txt", [source], Existing(is_forced=True))
    with replacing as destination, destination.open(source) as result:
        result.finish("new\n")
    assert target.read_text() == "new\n"


def test_subtitles_offer_no_append(tmp_path: Path) -> None:
    (tmp_path / "notes.srt").write_text("1\n")
    with pytest.raises(ConfigError, match=r"notes.srt exists; --force replaces it; or name another file"):
        open_destination(str(tmp_path / "notes.srt"), "srt", ["mic"])


@pytest.mark.parametrize("source", ["mic", "talk.wav"])
def test_an_empty_file_and_a_recordings_text_are_replaced(tmp_path: Path, source: str) -> None:
    target = tmp_path / "notes.txt"
    target.write_text("" if source == "mic" else "old")
    write(target, "new\n", sources=(source,))
    assert target.read_text() == "new\n"


@pytest.mark.parametrize(
    ("old", "whole"), [(None, "new\n"), ("", "new\n"), ("old\n", "old\nnew\n"), ("old", "old\nnew\n")]
)
@pytest.mark.parametrize("is_grown", [True, False])
def test_append_keeps_the_text_of_the_file(tmp_path: Path, old: str | None, whole: str, *, is_grown: bool) -> None:
    target = tmp_path / "notes.txt"
    if old is not None:
        target.write_text(old)
    appending = open_destination(str(target), "txt", ["mic"], Existing(is_appended=True))
    with appending as destination, destination.open("mic") as result:
        if is_grown:
            result.grow("new\n", "")
        result.finish(None if is_grown else "new\n")
    assert (target.read_text(), os.listdir(tmp_path)) == (whole, ["notes.txt"])


@pytest.mark.parametrize(
    ("where", "doc_format", "existing", "message"),
    [
        ("notes.srt", "srt", Existing(is_appended=True), "--append works for txt and jsonl, not for srt"),
        (None, "txt", Existing(is_appended=True), "--append needs a file"),
        ("notes.txt", "txt", Existing(is_appended=True, is_forced=True), "give one of them"),
    ],
)
def test_append_that_cannot_work_is_refused(where: str, doc_format: str, existing: Existing, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_destination(where, doc_format, ["mic"], existing)  # type: ignore[arg-type]  # a test's literal


@pytest.mark.parametrize(
    ("name", "is_stated", "doc_format"),
    [("a.SRT", False, "srt"), ("a", False, "txt"), ("a.md", False, "txt"), ("a.caption", True, "txt")],
)
def test_a_suffix_decides_the_format(name: str, *, is_stated: bool, doc_format: str) -> None:
    assert format_of(name, is_stated=is_stated) == doc_format


@pytest.mark.parametrize(("name", "is_stated"), [("a.docx", False), ("a.mp4", True), ("a.caption", False)])
def test_a_suffix_that_is_no_format_is_refused(name: str, *, is_stated: bool) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: .* is no format of voxtide; use .txt, .srt, .vtt, .json, .jsonl"):
        format_of(name, is_stated=is_stated)
