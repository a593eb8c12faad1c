"""Corpora: packages are verified and unpacked, layouts are recognised, and talks know where their utterances are."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.media_files import tone, wav_bytes
from voxtide.bench.figures import talks
from voxtide.bench.figures.talks import CONDITIONS
from voxtide.bench.load.corpora import command
from voxtide.bench.load.corpora.corpus import MIN_TALK_S, Corpus, open_corpus
from voxtide.bench.load.corpora.layouts import CorpusUtterance, utterances_in
from voxtide.bench.load.corpora.packages import CORPORA, Archive, PackagedCorpus, fetch, unpack
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.scripted import ScriptedEngine, speak
from voxtide.errors import ConfigError, VoxtideError
from voxtide.types import SAMPLE_RATE_HZ

TEXTS = """; a comment
abc: One two three.
ab: Not odd at all
aa: [beep] four five six
b: short
zz: no such file here
"""


def debian_package(files: dict[str, bytes]) -> bytes:
    """A package with these files in its data.tar.xz."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    packed = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0"), ("control.tar.xz", b"x"), ("data.tar.xz", data.getvalue())):
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        packed += b"\n" * (len(content) % 2)
    return packed


def prompts() -> dict[str, bytes]:
    """Five prompts, four of them with audio."""
    voice = "usr/share/asterisk/sounds/en_US"
    return {f"{voice}/{name}.g722": name.encode() for name in ("aa", "ab", "abc", "b")} | {
        "usr/share/doc/sounds-en/core-sounds-en.txt.gz": gzip.compress(b"\xef\xbb\xbf" + TEXTS.encode())
    }


def packaged(data: bytes, directory: Path) -> PackagedCorpus:
    """A corpus whose only archive, `data`, lies in the directory."""
    archive = Archive("sounds", hashlib.sha256(data).hexdigest())
    (directory / archive.file_name).write_bytes(data)
    return PackagedCorpus("mine", "en", (archive,), 0.1, "a test")


def ignore(line: str) -> None:
    """No progress."""


def test_a_package_is_unpacked_once_and_has_its_odd_prompts(tmp_path: Path) -> None:
    corpus = packaged(debian_package(prompts()), tmp_path)
    home = fetch(corpus, tmp_path / "corpora", archives_in=tmp_path, progress=ignore)
    found, left_out = utterances_in(home)
    assert [(it.name, it.text) for it in found] == [("aa", "four five six"), ("abc", "One two three")]
    assert list(map(str, left_out)) == ["zz: no audio file"]
    assert fetch(corpus, tmp_path / "corpora", archives_in=tmp_path / "gone", progress=ignore) == home
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["mine"]


def test_two_processes_may_fetch_a_corpus_at_once(tmp_path: Path) -> None:
    corpus, root = packaged(debian_package(prompts()), tmp_path), tmp_path / "corpora"
    home = fetch(corpus, root, archives_in=tmp_path, progress=ignore)
    home.rename(tmp_path / "made by another process")

    def while_unpacking(line: str) -> None:
        (tmp_path / "made by another process").rename(home)

    assert fetch(corpus, root, archives_in=tmp_path, progress=while_unpacking) == home
    assert [path.name for path in root.iterdir()] == ["mine"]


def test_another_package_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    corpus = packaged(debian_package(prompts()), tmp_path)
    (tmp_path / corpus.archives[0].file_name).write_bytes(b"another")
    with pytest.raises(VoxtideError, match=r"sounds_1.6.1-1_all.deb has the SHA-256 .* damaged or another version"):
        fetch(corpus, tmp_path / "corpora", archives_in=tmp_path, progress=ignore)
    with pytest.raises(VoxtideError, match="there is no file"):
        fetch(corpus, tmp_path / "corpora", archives_in=tmp_path / "gone", progress=ignore)
    assert list((tmp_path / "corpora").iterdir()) == []


def test_a_failed_download_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = packaged(b"", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoxtideError, match=r"no apt-get here; fetch sounds_1.6.1-1_all.deb .* --archives"):
        fetch(corpus, tmp_path / "corpora", progress=ignore)
    (tmp_path / "apt-get").write_text("#!/bin/sh\necho Unable to locate package >&2\nexit 100\n")
    (tmp_path / "apt-get").chmod(0o755)
    with pytest.raises(VoxtideError, match=r"apt-get download .*sounds=1.6.1-1 failed: Unable to .* apt-get update"):
        fetch(corpus, tmp_path / "corpora", progress=ignore)


@pytest.mark.parametrize("data", [b"", b"MZ", b"!<arch>\n"])
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigError, match="no Debian package"):
        unpack(data, tmp_path)


def test_a_name_that_leads_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(tarfile.TarError):
        unpack(debian_package({"../../out": b"x"}), tmp_path / "in")
    assert not (tmp_path / "out").exists()


def write(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


FLEURS = "7\ta.wav\the said\t..\n8\tb.wav\tshe said\n9\tc.wav\tno file\n"
COMMON_VOICE = "client_id\tpath\tsentence\nx\ta.mp3\the said\nx\tb.mp3\tshe said\nx\tc.mp3\tno file\n"
LIBRISPEECH = "1-2-0 HE SAID\n1-2-1 SHE SAID\n1-2-9 no file\n"


@pytest.mark.parametrize(
    "files",
    [
        {"1/2/1-2.trans.txt": LIBRISPEECH, "1/2/1-2-0.flac": "", "1/2/1-2-1.flac": ""},
        {"test.tsv": FLEURS, "audio/test/a.wav": "", "audio/test/b.wav": ""},
        {"test.tsv": COMMON_VOICE, "clips/a.mp3": "", "clips/b.mp3": ""},
        {"a.wav": "", "a.txt": "he said\n", "in/b.ogg": "", "in/b.txt": " she said", "c.txt": "no file", "d.wav": ""},
    ],
    ids=["LibriSpeech", "FLEURS", "Common Voice", "folder"],
)
def test_a_layout_is_recognised(tmp_path: Path, files: dict[str, str]) -> None:
    found, left_out = utterances_in(write(tmp_path, files))
    assert "no audio file" in {it.reason for it in left_out}
    assert [it.text.lower() for it in found] == ["he said", "she said"]
    assert all(it.path.is_file() for it in found)


def test_a_directory_without_speech_is_refused_with_the_layouts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no speech with text: .*talk.txt"):
        utterances_in(tmp_path)
    with pytest.raises(ConfigError, match=r"no corpus or directory 'nope'; choose from prompts-en"):
        open_corpus("nope")
    with pytest.raises(ConfigError, match="has not been fetched; run: scripts/corpora prompts-fr"):
        open_corpus("prompts-fr", root=tmp_path)
    with pytest.raises(ConfigError, match="is French; leave the language out"):
        open_corpus("prompts-fr", language="it", root=tmp_path)


@pytest.mark.parametrize(
    "files",
    [
        {"1/1.trans.txt": "\ufeff1-0 HE\u2028SAID\r\n1-1 SHE\x85SAID\r\n", "1/1-0.flac": "", "1/1-1.flac": ""},
        {"test.tsv": "\ufeff1\ta.wav\the\u2028said\r\n2\tb.wav\tshe\x85said\r\n", "a.wav": "", "b.wav": ""},
        {"dev.tsv": "\ufeffpath\tsentence\na.mp3\the\u2028said\nb.mp3\tshe\x85said\n", "a.mp3": "", "b.mp3": ""},
        {"a.wav": "", "a.txt": "\ufeffhe\u2028said\r\n", "b.wav": "", "b.txt": "she\x85said"},
    ],
    ids=["LibriSpeech", "FLEURS", "Common Voice", "folder"],
)
def test_byte_order_marks_and_other_line_separators_are_no_part_of_the_layout(
    tmp_path: Path, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    found, left_out = utterances_in(tmp_path)
    assert left_out == []
    assert [it.text.lower().split() for it in found] == [["he", "said"], ["she", "said"]]


def test_a_text_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError, match=r"a\.txt is no UTF-8 text \(byte 3\)"):
        utterances_in(tmp_path)


def test_a_table_with_an_endless_field_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"test.tsv": f"1\ta.wav\the said\n2\tb.wav\t{'she ' * 40_000}\n"})
    with pytest.raises(ConfigError, match=r"test\.tsv is no table \(line 2: field larger than field limit"):
        utterances_in(tmp_path)


def test_a_table_names_no_file_of_another_directory(tmp_path: Path) -> None:
    write(tmp_path, {"other/a.wav": "", "in/test.tsv": "7\t../other/a.wav\the said\t..\n"})
    with pytest.raises(ConfigError, match="no speech with text"):
        utterances_in(tmp_path / "in")


@pytest.mark.parametrize(
    ("files", "left_out"),
    [
        (
            {"1/1.trans.txt": "1-0 HE SAID\n1-1 SHE\n1-2\n1-3 ...\n"}
            | dict.fromkeys(["1/1-0.flac", "1/1-2.flac", "1/1-3.flac"], ""),
            ["1-1: no audio file", "1-2: no text", "1-3: no words in its text"],
        ),
        (
            {"test.tsv": "1\ta.wav\the said\n2\tb.wav\t…\n3\tc.wav\tx\n4\td.wav\n\n5\te.wav\t \n"}
            | dict.fromkeys(["test/a.wav", "test/b.wav", "test/e.wav"], ""),
            ["4: 2 columns", "b.wav: no words in its text", "c.wav: no audio file", "e.wav: no text"],
        ),
        (
            {"dev.tsv": "path\tsentence\na.mp3\the said\nb.mp3\t?!\nc.mp3\tx\n", "clips/a.mp3": "", "clips/b.mp3": ""},
            ["b.mp3: no words in its text", "c.mp3: no audio file"],
        ),
        (
            {"a.wav": "", "a.txt": "he said", "b.wav": "", "b.txt": "_", "c.txt": "x", "d.mp3": ""},
            ["b: no words in its text", "c: no audio file", "d.mp3: no text"],
        ),
    ],
    ids=["LibriSpeech", "FLEURS", "Common Voice", "folder"],
)
def test_rows_without_audio_or_words_are_named(tmp_path: Path, files: dict[str, str], left_out: list[str]) -> None:
    found, unused = utterances_in(write(tmp_path, files))
    assert [it.text.lower() for it in found] == ["he said"]
    assert list(map(str, unused)) == left_out


def test_a_table_whose_files_are_all_missing_is_refused_with_the_first(tmp_path: Path) -> None:
    write(tmp_path, {"test.tsv": "".join(f"{number}\t{number}.wav\the said\n" for number in range(9))})
    with pytest.raises(ConfigError, match=r"; 9 of 9 left out: 0.wav: no audio file; 1.wav: .*; 2.wav: [^;]*; \.\.\.$"):
        utterances_in(tmp_path)


def spoken_corpus(directory: Path, *texts: str) -> Corpus:
    """A directory with a recording of coded tones per text."""
    for number, text in enumerate(texts):
        (directory / f"{number}.wav").write_bytes(wav_bytes(speak(text)))
        (directory / f"{number}.txt").write_text(text)
    return open_corpus(str(directory), language="English")


def test_a_talk_knows_where_its_utterances_are(tmp_path: Path) -> None:
    corpus = spoken_corpus(tmp_path, "one two", "three four five")
    (talk,), left_out = asyncio.run(corpus.talks())
    assert left_out == []
    first, second = talk.cut(talk.samples)
    np.testing.assert_allclose(first, speak("one two"), atol=1e-4)
    np.testing.assert_allclose(second, speak("three four five"), atol=1e-4)
    assert 0.5 <= talk.spans[0].start_s <= 1.5
    assert 0.5 <= talk.spans[1].start_s - talk.spans[0].end_s <= 1.5
    fast, _ = talk.cut(CONDITIONS["speed 1.1"].change(talk.samples), speed=1.1)
    assert len(fast) == pytest.approx(len(first) / 1.1, abs=2)


def test_a_corpus_is_cut_into_talks(tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav_bytes(tone(70.0)))
    utterance = CorpusUtterance("long", tmp_path / "long.wav", "text")
    talks, _ = asyncio.run(Corpus("mine", "en", (utterance,) * 12).talks())
    lengths_s = [len(talk.samples) / SAMPLE_RATE_HZ for talk in talks]
    assert sum(len(talk.spans) for talk in talks) == 12
    assert all(length_s >= MIN_TALK_S for length_s in lengths_s[:-1])
    again, _ = asyncio.run(Corpus("mine", "en", (utterance,) * 12).talks())
    assert [talk.spans for talk in again] == [talk.spans for talk in talks]


async def test_the_figure_compares_three_ways(tmp_path: Path) -> None:
    corpus = spoken_corpus(tmp_path, "go on", "it was night")
    async with ScriptedEngine() as engine:
        choice = BenchEngine("scripted")
        session = BenchSession(choice, engine, size="quick", progress=ignore, corpus=corpus)
        figure = await talks.measure(session)
        with pytest.raises(ConfigError, match="name a corpus with --corpus"):
            await talks.measure(BenchSession(choice, engine, size="quick", progress=ignore))
    values = {it.name: it.value for it in figure.measures}
    assert all(values[f"WER, clean, {way}"] == 0 for way in ("alone", "fast", "live"))
    assert values["WER, clean, live minus alone"] == 0
    assert "2 utterances" in figure.notes[0]


async def test_what_cannot_be_measured_is_left_out_and_reported(tmp_path: Path) -> None:
    spoken_corpus(tmp_path, "go on", "it was night", "uh", "yes", "no", "well")
    (tmp_path / "3.wav").write_bytes((tmp_path / "3.wav").read_bytes()[:4_000])
    (tmp_path / "4.wav").write_bytes(wav_bytes(tone(0.0)))
    (tmp_path / "5.wav").write_bytes(b"RIFF")
    (tmp_path / "6.txt").write_text("no file")
    lines: list[str] = []
    async with ScriptedEngine() as engine:
        session = BenchSession(
            BenchEngine("scripted"), engine, size="quick", progress=lines.append, corpus=open_corpus(str(tmp_path))
        )
        figure = await talks.measure(session)
    assert {it.name: it.value for it in figure.measures}["WER, clean, alone"] == 0
    assert "2 utterances" in figure.notes[0]
    note = f"corpus {tmp_path.name}: 5 of 7 left out: 6: no audio file; 2: no words in its text; 3: ends after"
    assert lines[0].startswith(note) and lines[0].endswith("; ...")
    assert figure.notes[2] == lines[0]
    left_out = figure.details["left out"]
    assert set(left_out) == {"2", "3", "4", "5", "6"}
    assert left_out["4"] == "has no audio"


def test_a_corpus_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    corpus = spoken_corpus(tmp_path, "uh", "go on")
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    with pytest.raises(ConfigError, match=r"nothing is left; 2 of 2 left out: 0: no words in its text; 1: looks like"):
        asyncio.run(corpus.talks())


def test_the_command_lists_the_corpora_and_names_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--into", str(tmp_path)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(CORPORA)
    assert command.main(["prompts-en", "--into", str(tmp_path), "--archives", str(tmp_path)]) == 1
    assert f"error: there is no file {tmp_path}" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["prompts-xx"])
