"""A fetch gives the right file or a clear error, wherever the connection breaks."""

from __future__ import annotations

import io
import ssl
import urllib.error
import urllib.request
from collections import deque
from http.client import HTTPMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.file_server import FileServer, serving
from tests.support.small_model import QUICK, digest
from voxtide.errors import ModelDownloadError
from voxtide.models.fetch import MAX_BACKOFF_S, FetchPolicy, FetchRefusedError, Remote, _SafeRedirects, fetch

BODY = bytes(range(256)) * 4000  # about 1 MB: several reads


def remote_of(server: FileServer, body: bytes = BODY, path: str = "/file", token: str | None = None) -> Remote:
    server.files.setdefault(path, body)
    return Remote(url=server.url + path, size_bytes=len(body), sha256=digest(body), token=token)


def ignore(size_bytes: int) -> None:
    del size_bytes


def test_the_whole_file_is_fetched_and_its_size_reported(server: FileServer, tmp_path: Path) -> None:
    sizes: list[int] = []
    fetch(remote_of(server), tmp_path / "part", on_size=sizes.append)
    assert (tmp_path / "part").read_bytes() == BODY
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == len(BODY)


def test_a_partial_file_is_resumed(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY[:700_000])
    fetch(remote_of(server), tmp_path / "part", on_size=ignore)
    assert (tmp_path / "part").read_bytes() == BODY
    assert server.served_bytes == len(BODY) - 700_000


def test_a_complete_file_needs_no_request(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY)
    fetch(remote_of(server), tmp_path / "part", on_size=ignore)
    assert server.requests == []


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(BODY)), max_size=8), has_ranges=st.booleans())
def test_any_interruptions_end_with_the_file_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], has_ranges: bool
) -> None:
    part = tmp_path_factory.mktemp("cuts") / "part"
    with serving(FileServer(cuts=deque(cuts), is_range_ignored=not has_ranges)) as server:
        try:
            fetch(remote_of(server), part, on_size=ignore, policy=QUICK)
        except ModelDownloadError:
            assert len(server.requests) >= QUICK.max_idle_attempts
        else:
            assert part.read_bytes() == BODY
        if has_ranges:
            assert server.served_bytes <= len(BODY)


def test_idle_attempts_back_off_and_are_limited(server: FileServer, tmp_path: Path) -> None:
    server.statuses.extend([503] * 5)
    pauses: list[float] = []
    with pytest.raises(FetchRefusedError, match="gave up after 5 attempts without progress: status 503"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore, sleep=pauses.append)
    assert pauses == [1.0, 2.0, 4.0, 8.0]


def test_retry_after_is_respected_within_bounds(server: FileServer, tmp_path: Path) -> None:
    server.statuses.extend([429, 429])
    server.retry_after.extend(["7", "100000"])
    pauses: list[float] = []
    fetch(remote_of(server), tmp_path / "part", on_size=ignore, sleep=pauses.append)
    assert pauses == [7.0, MAX_BACKOFF_S]


def test_progress_resets_the_attempts(server: FileServer, tmp_path: Path) -> None:
    server.cuts.extend([50_000] * 15)
    fetch(remote_of(server), tmp_path / "part", on_size=ignore, policy=QUICK)
    assert (tmp_path / "part").read_bytes() == BODY
    assert len(server.requests) == 16


def test_without_ranges_repeated_bytes_are_not_progress(server: FileServer, tmp_path: Path) -> None:
    server.is_range_ignored = True
    server.cuts.extend([50_000, 90_000] * 50)
    with pytest.raises(ModelDownloadError, match="gave up"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore, policy=QUICK)
    assert len(server.requests) == 2 + QUICK.max_idle_attempts


def test_a_stalled_server_is_a_failed_attempt(server: FileServer, tmp_path: Path) -> None:
    server.hold_at = 1000
    policy = FetchPolicy(timeout_s=0.05, max_idle_attempts=2, backoff_s=0.0)
    with pytest.raises(ModelDownloadError, match="timed out"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore, policy=policy)
    assert (tmp_path / "part").stat().st_size == 2000


def test_a_trickle_is_a_failed_attempt(server: FileServer, tmp_path: Path) -> None:
    policy = FetchPolicy(window_s=0.0, min_window_bytes=1 << 30, max_idle_attempts=2, backoff_s=0.0)
    with pytest.raises(ModelDownloadError, match=r"only \d+ bytes arrived in 0 s"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore, policy=policy)


def test_wrong_bytes_are_refused_and_deleted(server: FileServer, tmp_path: Path) -> None:
    server.files["/file"] = BODY[:-1] + b"!"
    with pytest.raises(ModelDownloadError, match="not the expected file: its SHA-256 is"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore)
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("has_part", [False, True])
def test_a_file_of_another_size_is_refused_before_reading(server: FileServer, tmp_path: Path, has_part: bool) -> None:
    server.files["/file"] = BODY + b"more"
    if has_part:
        (tmp_path / "part").write_bytes(BODY[:1000])
    with pytest.raises(FetchRefusedError, match="it is another file"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore)


def test_a_file_without_a_length_is_refused_when_too_long(server: FileServer, tmp_path: Path) -> None:
    server.files["/file"] = BODY + b"more"
    server.is_length_hidden = True
    with pytest.raises(ModelDownloadError, match="it is longer than 1024000 bytes"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore)


def test_bytes_from_another_offset_are_refused(server: FileServer, tmp_path: Path) -> None:
    server.wrong_start = 5
    (tmp_path / "part").write_bytes(BODY[:1000])
    with pytest.raises(FetchRefusedError, match="asked for bytes from 1000, the server sent 'bytes 1005-"):
        fetch(remote_of(server), tmp_path / "part", on_size=ignore)


def test_a_partial_file_that_is_too_long_is_deleted(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(BODY + b"more")
    fetch(remote_of(server), tmp_path / "part", on_size=ignore)
    assert (tmp_path / "part").read_bytes() == BODY


def test_a_missing_file_is_refused_at_once(server: FileServer, tmp_path: Path) -> None:
    remote = Remote(url=f"{server.url}/nothing?signature=hidden", size_bytes=1, sha256=digest(b"x"))
    with pytest.raises(FetchRefusedError, match="/nothing: the server answered 404") as caught:
        fetch(remote, tmp_path / "part", on_size=ignore)
    assert "hidden" not in str(caught.value)
    assert len(server.requests) == 1


def test_an_untrusted_certificate_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def distrust(*args: object, **kwargs: object) -> None:
        error = ssl.SSLCertVerificationError("bad")
        error.verify_message = "self-signed certificate"
        raise urllib.error.URLError(error)

    monkeypatch.setattr("urllib.request.OpenerDirector.open", distrust)
    remote = Remote(url="https://somewhere.invalid/file", size_bytes=1, sha256=digest(b"x"))
    with pytest.raises(FetchRefusedError, match=r"not trusted \(self-signed certificate\)"):
        fetch(remote, tmp_path / "part", on_size=ignore)


def test_a_full_disk_is_not_retried(server: FileServer) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="No space left"):
        fetch(remote_of(server), full, on_size=ignore)


def test_the_token_is_sent_to_its_own_host_only(server: FileServer, tmp_path: Path) -> None:
    with serving(FileServer()) as other:
        server.redirects = {"/file": "/moved", "/moved": f"{other.url}/there"}
        other.redirects = {"/there": "/store"}
        other.files["/store"] = BODY
        fetch(remote_of(server, token="secret"), tmp_path / "part", on_size=ignore)
        assert server.requested("/file")[0]["authorization"] == "Bearer secret"
        assert server.requested("/moved")[0]["authorization"] == "Bearer secret"
        assert "authorization" not in other.requested("/there")[0]
        assert "authorization" not in other.requested("/store")[0]


def test_a_redirect_never_downgrades_from_tls() -> None:
    redirects = _SafeRedirects(Remote(url="https://somewhere.invalid/file", size_bytes=1, sha256=digest(b"x")))
    request = urllib.request.Request("https://somewhere.invalid/file")
    with io.BytesIO() as body, pytest.raises(urllib.error.HTTPError, match="address without TLS"):
        redirects.redirect_request(request, body, 302, "Found", HTTPMessage(), "http://somewhere.invalid/file")


def test_the_token_is_never_shown(server: FileServer) -> None:
    assert "secret" not in repr(remote_of(server, token="secret"))
