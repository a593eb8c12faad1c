"""Corpora in Debian packages. In: a corpus's name. Out: a directory of verified, unpacked files, in the cache.

`apt-get download` fetches the archives from the mirrors that the user configured; it needs no root. The archives are
unpacked here, so dpkg is not needed, and archives that were fetched elsewhere work too.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from voxtide.config import cache_directory
from voxtide.errors import ConfigError, VoxtideError

FETCH_TIMEOUT_S = 600.0
"""For 13 MB: a slow line takes two minutes."""

MAX_MEMBER_BYTES = 64 * 2**20
"""More than an archive of prompts holds in one file."""

_VERSION = "1.6.1-1"


@dataclass(frozen=True, slots=True)
class Archive:
    """A Debian package of one version."""

    package: str
    sha256: str
    version: str = _VERSION

    @property
    def file_name(self) -> str:
        """As `apt-get download` names it."""
        return f"{self.package}_{self.version}_all.deb"


@dataclass(frozen=True, slots=True)
class PackagedCorpus:
    """Telephone prompts, read by one voice, with their texts.

    Attributes:
        name: Its name on the command line.
        language: ISO 639-1 code.
        archives: The packages with the audio and with the texts.
        size_mb: The archives' size, in 10^6 bytes.
        description: One line for users: the voice, and the licence.
    """

    name: str
    language: str
    archives: tuple[Archive, ...]
    size_mb: float
    description: str


def _asterisk(language: str, audio_sha256: str, text_sha256: str, size_mb: float, description: str) -> PackagedCorpus:
    package = f"asterisk-core-sounds-{language}"
    archives = (Archive(f"{package}-g722", audio_sha256), Archive(package, text_sha256))
    return PackagedCorpus(f"prompts-{language}", language, archives, size_mb, description)


CORPORA = {
    corpus.name: corpus
    for corpus in (
        _asterisk(
            "en",
            "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
            "973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50",
            10.6,
            "English (US), one woman, CC-BY-SA-3.0",
        ),
        _asterisk(
            "fr",
            "7add61d5e42279ecff1bbdf842a5a946ac3644fac9a0fe44384731aa7270c8e0",
            "04c82c78c570c43a7136cbc5e2488d0c470b775468dff9fbce4a131b18cf1056",
            10.8,
            "French (Canada), one woman, CC-BY-SA-3.0",
        ),
        _asterisk(
            "es",
            "e4e3b4281057d3b81b779298fd6be705f57411513955c518eed1bcaabbd615b8",
            "9afdab7f559f036649fb406e625899306ca1004df8ebe39c30bfbd5912d66f74",
            13.0,
            "Spanish (Mexico), one woman, CC-BY-SA-3.0; its texts have no accents",
        ),
        _asterisk(
            "it",
            "46b4cf7afc508a5fcfc051b7ea233251c0d195dd4ef83cc4b7facb4c6429b016",
            "3884d9457e12f21caa018c18f0d587df5d53ebea14b673d8453a134c5941ab3b",
            10.1,
            "Italian, one man, CC-BY-3.0",
        ),
        _asterisk(
            "ru",
            "673b4238a6b8269960f055d868c6a11083f7a0d00979167cb01554046b48ed9b",
            "28a61616bb0cd3345a7ea532dec4df9f071e5d0fa9f8c1a563ea9669002f39ab",
            10.6,
            "Russian, one woman, CC-BY-3.0",
        ),
    )
}
"""Every packaged corpus by its name."""


def corpora_directory() -> Path:
    """Where corpora are kept unless another directory is named."""
    return cache_directory() / "corpora"


def fetch(
    corpus: PackagedCorpus, root: Path, *, archives_in: Path | None = None, progress: Callable[[str], None]
) -> Path:
    """The corpus's directory below `root`. Fetches and unpacks it if it is missing; it appears by one rename.

    Args:
        corpus: What to fetch.
        root: Where corpora are kept.
        archives_in: A directory with the archives, instead of fetching them.
        progress: Prints a line.

    Raises:
        VoxtideError: An archive cannot be fetched, differs from its hash, or cannot be written.
    """
    home = root / corpus.name
    if home.is_dir():
        return home
    try:
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=root, prefix=".fetching-") as scratch:
            made = Path(scratch) / corpus.name
            made.mkdir()
            for archive in corpus.archives:
                progress(f"{corpus.name}: {archive.file_name}")
                source = archives_in or _download(archive, Path(scratch))
                unpack(verified(source / archive.file_name, archive.sha256), made)
            try:
                made.rename(home)
            except OSError:
                if not home.is_dir():  # else another process was faster
                    raise
    except OSError as error:
        raise VoxtideError(f"{error.filename or root} cannot be used: {error.strerror or error}") from error
    return home


def _download(archive: Archive, directory: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise VoxtideError(
            f"there is no apt-get here; fetch {archive.file_name} from a Debian mirror and pass --archives DIRECTORY"
        )
    command = ["apt-get", "download", "--quiet", f"{archive.package}={archive.version}"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise VoxtideError(f"{' '.join(command)} took more than {FETCH_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        reason = " ".join(done.stderr.split())
        raise VoxtideError(f"{' '.join(command)} failed: {reason}; if the package is unknown, run: apt-get update")
    return directory


def verified(path: Path, sha256: str) -> bytes:
    """The file's bytes.

    Raises:
        VoxtideError: It is missing, or its hash is another.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise VoxtideError(f"there is no file {path}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise VoxtideError(f"{path} has the SHA-256 {found}, not {sha256}: it is damaged or another version")
    return data


def unpack(archive: bytes, directory: Path) -> None:
    """Unpack a Debian package below `directory`; see deb(5).

    Raises:
        ConfigError: It is no such package, or a name leads out of the directory.
    """
    for name, data in _members(archive):
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(directory, members=_files(tar), filter="data")
            return
    raise ConfigError("this is no Debian package: it has no data.tar")


def _files(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if member.isfile() and member.size <= MAX_MEMBER_BYTES:
            yield member


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of an ar archive: a magic line, then headers of 60 bytes with name and size, data padded to two."""
    magic = b"!<arch>\n"
    if not archive.startswith(magic):
        raise ConfigError("this is no Debian package")
    place = len(magic)
    while place + 60 <= len(archive):
        header = archive[place : place + 60]
        size = int(header[48:58])
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), archive[place + 60 : place + 60 + size]
        place += 60 + size + size % 2
