from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from voxtide.cli.transcribe.output import open_destination, stem_of
from voxtide.errors import ConfigError, VoxtideError


def write(output: Path | str, *texts: str, doc_format: str = "txt", sources: tuple[str, ...] = ("talk.wav",)) -> None:
    with open_destination(str(output), doc_format, sources) as destination:  # type: ignore[arg-type]  # a test's literal
        for source, text in zip(sources, texts, strict=True):
            with destination.open(source) as file:
                file.write(text)


def test_a_file_is_written_atomically(tmp_path: Path) -> None:
    target = tmp_path / "talk.txt"
    target.write_text("old")
    with open_destination(str(target), "txt", ["talk.wav"]) as destination, destination.open("talk.wav") as file:
        file.write("héllo\n")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text("utf-8") == "héllo\n"
    assert os.listdir(tmp_path) == ["talk.txt"]


def test_a_failed_result_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "talk.txt"
    target.write_text("old")
    with (
        pytest.raises(ZeroDivisionError),
        open_destination(str(target), "txt", ["talk.wav"]) as destination,
        destination.open("talk.wav") as file,
    ):
        file.write("new")
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


@pytest.mark.parametrize("output", ["talk.wav", "./talk.wav", "link.wav"])
def test_a_source_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk.wav").write_text("precious")
    Path("link.wav").symlink_to("talk.wav")
    with pytest.raises(ConfigError, match="is the source itself"):
        open_destination(output, "txt", ["talk.wav"])
    assert Path("talk.wav").read_text() == "precious"
    assert sorted(os.listdir()) == ["link.wav", "talk.wav"]


@pytest.mark.parametrize("is_flushed", [True, False])
def test_a_full_disk_is_reported_with_the_path(*, is_flushed: bool) -> None:
    with (
        pytest.raises(VoxtideError, match="cannot write /dev/full: No space left on device"),
        open_destination("/dev/full", "txt", ["talk.wav"]) as destination,
        destination.open("talk.wav") as file,
    ):
        file.write("text")
        if is_flushed:
            file.flush()


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


@pytest.mark.parametrize("num_sources", [1, 2])
def test_a_path_without_permission_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_sources: int
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # the tests may run as root, who can write everywhere
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
