"""The direction of imports, read from the source, and what starting a command must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hipseg

PACKAGE = Path(hipseg.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up; a file imports from its own floor or below. `labels` says what the project is about and stands on
# the ground, so that every room may use it.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "io",
        "labels",
        "sample",
        "geometry",
        "errors",
        "config",
        "options",
        "planning",
        "instantiation",
        "parallel",
        "progress",
    ),
    ("networks", "losses", "metrics", "transforms", "record"),
    ("measure", "inference"),
    ("tasks", "data", "evaluation", "callbacks", "report", "loggers", "phantom"),
    ("checkpoint", "build", "prediction"),
    ("commands", "__init__", "__main__"),
)
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
SCIENCE = ("io", "labels", "geometry", "measure", "inference", "networks", "losses", "metrics", "transforms")


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file names in an import, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_imports_only_from_its_own_floor_or_below(path: Path) -> None:
    rooms = {name.split(".")[1] for name in _imports(path) if name.startswith("hipseg.")} - {"__version__"}
    assert {room for room in rooms if FLOOR[room] > FLOOR[_room(path)]} == set()


def test_every_room_has_a_floor() -> None:
    assert {_room(path) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_commands_and_builders_see_hydra(path: Path) -> None:
    if _room(path) not in ("commands", "build", "instantiation"):
        assert not _packages(path) & {"hydra", "omegaconf"}


@pytest.mark.parametrize("path", [path for path in FILES if _room(path) in SCIENCE], ids=_name)
def test_science_does_not_import_the_framework(path: Path) -> None:
    assert not _packages(path) & {"pytorch_lightning", "hydra", "omegaconf", "wandb"}


@pytest.mark.parametrize("path", [path for path in FILES if _room(path) in ("io", "labels", "measure")], ids=_name)
def test_what_measures_needs_numpy_only(path: Path) -> None:
    assert not _packages(path) & {"torch", "monai"}


def test_lightning_has_one_name() -> None:
    files = [*FILES, *Path(__file__).parent.rglob("*.py")]
    assert [path for path in files if "lightning" in _packages(path)] == []


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_help_does_not_load_torch() -> None:
    code = "import sys; from hipseg.commands import main; main(['--help']); print('torch' in sys.modules)"
    said = _python(code).splitlines()
    assert said[0] == "usage: hipseg COMMAND [key=value ...]"
    assert said[-1] == "False"


def test_commands_on_films_do_not_load_torch() -> None:
    names = ", ".join(f"hipseg.commands.{name}" for name in ("phantom", "preprocess", "split"))
    assert _python(f"import sys, {names}; print('torch' in sys.modules)").strip() == "False"


def test_python_face() -> None:
    code = "import hipseg; print(hipseg.load.__name__, hipseg.measure.joint_space_width.__name__)"
    assert _python(code).strip() == "load joint_space_width"
