"""Import rules: layers, independent engines, and one module for each third-party package."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib

import pytest
from importlinter.cli import lint_imports

from tests.support.source_tree import ROOT, Module, imports, module_of, modules
from voxtide.engines.registry import ENGINES

SHARED_VOCABULARY = {"numpy"}
"""Samples are NumPy arrays everywhere (types.py)."""

SHARED_IN_FOLDER = {"cli": {"typer", "rich"}, "server": {"starlette"}, "audio.media": {"av"}}
"""Packages that any module of one folder may import, and none elsewhere."""

ONCE_IN_A_ROOM = {"websockets"}
"""Imported by one module of each room that holds an end of a connection: client/, server/ and bench/."""

TORCH_ROOMS = ("voxtral", "engines.voxtral")
"""The only rooms that import torch. Other modules import these rooms only after a check that torch is installed."""

SEPARATE_PACKAGE = "onnxruntime.tools"
"""Counts as a package of its own: it reads onnxruntime's file format and runs no models."""

WITHOUT_ASYNCIO = ("transcript", "protocols", "models", "engines.local.worker_pool", "engines.local.stream_worker")
HEAVY = ("torch", "onnxruntime", "onnx", "av", "faster_whisper", "ctranslate2", "matplotlib", "sounddevice")


def test_rooms_import_only_lower_layers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)  # it would disable all loggers for later tests
    exit_status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert exit_status == 0, capsys.readouterr().out


def test_engines_do_not_import_each_other() -> None:
    homes = {entry.module for entry in ENGINES.values()}
    assert "voxtide.engines.moonshine" in homes
    for home in homes:
        inside = [module for module in modules() if f"{module.name}.".startswith(f"{home}.")]
        named = {found.name for module in inside for found in imports(module)}
        others = {name for name in named for other in homes - {home} if f"{name}.".startswith(f"{other}.")}
        assert not others, f"{home} imports {others}"


def test_asyncio_is_not_imported_by_synchronous_rooms() -> None:
    plain = [module for module in modules() if module.is_in(*WITHOUT_ASYNCIO) or "scheduler" in module.name]
    assert len(plain) > 3
    assert [
        module.at(found.line, found.name) for module in plain for found in imports(module) if found.top == "asyncio"
    ] == []


def test_a_third_party_package_is_imported_by_one_module() -> None:
    assert scattered(modules()) == []


def test_a_scattered_import_is_found() -> None:
    first, second = module_of("import av", "voxtide.audio.files"), module_of("import av.error", "voxtide.cli.main")
    assert scattered((first,)) == []
    assert scattered((first, second)) == ["av is imported by voxtide.audio.files and voxtide.cli.main"]


def test_a_folder_shares_a_package_with_no_other() -> None:
    inside = tuple(module_of("import av", f"voxtide.audio.media.{name}") for name in ("container", "demuxer"))
    assert scattered(inside) == []
    outside = module_of("import av", "voxtide.cli.main")
    assert scattered((*inside, outside)) == ["av is imported by audio.media and voxtide.cli.main"]


def scattered(of: tuple[Module, ...]) -> list[str]:
    places: dict[str, set[str]] = {}
    for module in of:
        for found in imports(module):
            if found.top in sys.stdlib_module_names | SHARED_VOCABULARY | {"voxtide"}:
                continue
            room = module.name.removeprefix("voxtide.").partition(".")[0]
            if not (found.top == "torch" and module.is_in(*TORCH_ROOMS)):
                library = SEPARATE_PACKAGE if found.name.startswith(SEPARATE_PACKAGE) else found.top
                library = f"{library} in {room}" if library in ONCE_IN_A_ROOM else library
                folders = (f for f, shared in SHARED_IN_FOLDER.items() if found.top in shared and module.is_in(f))
                places.setdefault(library, set()).add(next(folders, module.name))
    return [f"{name} is imported by {' and '.join(sorted(homes))}" for name, homes in places.items() if len(homes) > 1]


def test_an_optional_package_is_imported_lazily() -> None:
    optional = optional_modules()
    assert {"faster_whisper", "sounddevice", "torch"} <= optional
    eager = [
        module.at(it.line, it.name)
        for module in modules()
        for it in imports(module)
        if it.is_eager and it.top in optional and not (it.top == "torch" and module.is_in(*TORCH_ROOMS))
    ]
    assert eager == []


def test_torch_is_imported_only_by_its_rooms() -> None:
    homes = {module.name for module in modules() if any(found.top == "torch" for found in imports(module))}
    assert "voxtide.voxtral.model" in homes
    assert {module.name for module in modules() if module.is_in(*TORCH_ROOMS)} >= homes


@pytest.mark.parametrize("name", ["", ".voxtral", ".voxtral.config", ".voxtral.framing"])
def test_modules_that_do_not_need_torch_import_without_it(name: str) -> None:
    program = f"import sys; sys.modules['torch'] = None; import voxtide{name}"
    subprocess.run([sys.executable, "-W", "error", "-c", program], timeout=60, check=True)


def optional_modules() -> set[str]:
    """Import names of the packages that only an extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {requirement for extra in project["optional-dependencies"].values() for requirement in extra}
    wanted = {distribution_name(requirement) for requirement in extras}
    packages = importlib.metadata.packages_distributions().items()
    return {module for module, owners in packages if wanted & {distribution_name(owner) for owner in owners}}


def distribution_name(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_importing_voxtide_loads_nothing_heavy_and_starts_nothing() -> None:
    program = (
        f"import sys, threading, voxtide; print(sorted(set({HEAVY!r}) & set(sys.modules)), threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[] 1\n", "")


def test_which_imports_are_eager() -> None:
    text = (
        "import a\nif TYPE_CHECKING:\n    import b\nelse:\n    import c\ndef f():\n    import d\nclass K:\n    import e"
    )
    eager = {found.name: found.is_eager for found in imports(module_of(text))}
    assert eager == {"a": True, "b": False, "c": True, "d": False, "e": True}
