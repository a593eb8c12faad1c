"""The locks in requirements/ name no host, hash every file, agree with each other and with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.source_tree import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
CLIENT_LOCKS = sorted((ROOT / "requirements" / "clients").glob("*.txt"))
"""Locks of third-party clients, each for its own environment; they need not agree with the other locks."""
EXTRAS = ("mic", "whisper", "bench")
UNHASHED = ("voxtral",)
"""Extras without a lock, because torch builds differ between machines."""
SYSTEMS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("darwin", "x86_64"), ("win32", "AMD64")]
ENVIRONMENTS = [
    {
        "sys_platform": system,
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    for system, machine in SYSTEMS
    for python in ("3.11", "3.12", "3.13")
]

PIN = re.compile(r"(?P<requirement>\S+==[^*]+?)( --hash=sha256:[0-9a-f]{64})+")


def pins(lock: Path) -> list[Requirement]:
    """All requirements of a lock. Each must be one version with hashes."""
    text = lock.read_text("utf-8").replace("\\\n", "")
    lines = [" ".join(line.split()) for line in text.splitlines() if not line.lstrip().startswith("#")]
    matches = {line: PIN.fullmatch(line) for line in lines}
    assert None not in matches.values(), f"{lock.name}: not pinned and hashed: {[x for x in lines if not matches[x]]}"
    return [Requirement(match["requirement"]) for match in matches.values() if match]


def versions(lock: Path, environment: dict[str, str]) -> dict[str, Version]:
    """The versions that a lock installs in one environment."""
    here = [pin for pin in pins(lock) if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(here) == len({pin.name for pin in here}), f"{lock.name} holds a package twice for {environment}"
    return {canonicalize_name(pin.name): Version(str(pin.specifier).removeprefix("==")) for pin in here}


def direct_requirements(lock: str) -> list[Requirement]:
    """The direct requirements of a lock in pyproject.toml."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project, groups = pyproject["project"], pyproject["dependency-groups"]
    build = groups["build"] + pyproject["build-system"]["requires"]
    extras = project["optional-dependencies"]
    lines = {
        "build": build,
        "runtime": project["dependencies"],
        **{extra: project["dependencies"] + extras[extra] for extra in EXTRAS},
        "dev": [*build, *project["dependencies"], *sum((extras[extra] for extra in EXTRAS), []), *groups["dev"]],
    }[lock]
    return [Requirement(line) for line in lines if isinstance(line, str)]


def test_every_extra_has_a_lock() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert sorted(extras) == sorted((*EXTRAS, *UNHASHED))
    assert {lock.stem for lock in LOCKS} == {"build", "runtime", "dev", *EXTRAS}


@pytest.mark.parametrize("lock", [*LOCKS, *CLIENT_LOCKS], ids=lambda lock: lock.stem)
def test_a_lock_names_no_host_and_hashes_everything(lock: Path) -> None:
    assert pins(lock)
    assert "://" not in lock.read_text("utf-8")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_satisfies_pyproject(lock: Path) -> None:
    for environment in ENVIRONMENTS:
        locked = versions(lock, environment)
        for requirement in direct_requirements(lock.stem):
            version = locked.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} is not in {lock.name}: run scripts/lock"
            assert version in requirement.specifier, f"{lock.name} has {version} for {requirement}: run scripts/lock"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_no_direct_requirement_that_pyproject_lacks(lock: Path) -> None:
    """A comment after each pin names its dependents."""
    text = lock.read_text("utf-8")
    asked = re.findall(r"^(\S+)==.*\n(?: +--hash.*\n)+ +# via .*voxtide \(pyproject\.toml", text, re.MULTILINE)
    assert set(asked) == {canonicalize_name(requirement.name) for requirement in direct_requirements(lock.stem)}, (
        "run scripts/lock"
    )


def test_all_locks_agree() -> None:
    for environment in ENVIRONMENTS:
        everything = versions(ROOT / "requirements" / "dev.txt", environment)
        for lock in LOCKS:
            assert versions(lock, environment).items() <= everything.items(), lock.name


@pytest.mark.parametrize("lock", CLIENT_LOCKS, ids=lambda lock: lock.stem)
def test_a_client_lock_satisfies_its_requirements(lock: Path) -> None:
    asked = [Requirement(line) for line in lock.with_suffix(".in").read_text("utf-8").splitlines() if line[0] != "#"]
    locked = versions(lock, ENVIRONMENTS[0])
    for requirement in asked:
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier, "run scripts/lock"


def test_no_lock_has_the_malicious_mistralai() -> None:
    """GHSA-wx9m-wx4f-4cmg: a malicious upload by a third party."""
    assert len(CLIENT_LOCKS) == 6
    for lock in [*LOCKS, *CLIENT_LOCKS]:
        assert versions(lock, ENVIRONMENTS[0]).get("mistralai") != Version("2.4.6")


def test_packages_without_a_hash_are_pinned_and_satisfy_pyproject() -> None:
    lines = (ROOT / "requirements" / "unhashed" / "dev.txt").read_text("utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert [str(pin) for pin in pinned if not str(pin.specifier).startswith("==")] == []
    versions_by_name = {pin.name: str(pin.specifier).removeprefix("==") for pin in pinned}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for requirement in map(Requirement, sum((extras[extra] for extra in UNHASHED), [])):
        assert versions_by_name[requirement.name] in requirement.specifier


def test_a_line_without_a_hash_is_found(tmp_path: Path) -> None:
    lock = tmp_path / "bad.txt"
    lock.write_text("# made by hand\nnumpy==2.4.6\n", "utf-8")
    with pytest.raises(AssertionError, match=r"bad\.txt: not pinned and hashed: \['numpy==2\.4\.6'\]"):
        pins(lock)
