"""The direction of imports, read from the source, and what starting a command must not load."""

from __future__ import annotations

import ast
import re
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
        "anatomy",
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
    ("networks", "losses", "metrics", "transforms", "record", "rebuild"),
    ("measure", "inference"),
    ("tasks", "data", "evaluation", "callbacks", "report", "loggers", "phantom"),
    ("checkpoint", "build", "prediction"),
    ("commands", "__init__", "__main__"),
)
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
SCIENCE = ("io", "labels", "anatomy", "geometry", "measure", "inference", "networks", "losses", "metrics", "transforms")


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
    names = ", ".join(f"hipseg.commands.{name}" for name in ("phantom", "preprocess", "convert", "split"))
    assert _python(f"import sys, {names}; print('torch' in sys.modules)").strip() == "False"


def test_python_face() -> None:
    code = "import hipseg; print(hipseg.load.__name__, hipseg.measure.joint_space_width.__name__)"
    assert _python(code).strip() == "load joint_space_width"


# What knows hips, landmarks and joint space; everything else serves any study.
HIPS_OWN = (
    "anatomy/", "labels/", "measure/", "phantom/", "evaluation/joint_space.py", "prediction/hip_films.py",
    "data/annotations.py", "data/sources/ct_ap.py", "transforms/ct_projection.py", "report/heat_page.py",
    "data/cohorts.py", "data/datasets/hips.py", "data/exclusions.py", "data/preprocess.py", "data/process.py",
    "data/settings.py", "data/store.py", "data/store_writer.py", "data/usable.py", "data/views.py",
    "inference/heads.py", "inference/hips.py", "inference/judgement.py", "inference/locator.py",
    "report/agreement.py", "report/agreement_figures.py", "report/femur_", "report/hip_figures.py", "sample.py",
    "transforms/film.py", "transforms/implant.py", "transforms/polarity.py", "commands/phantom.py",
    "commands/joints.py", "commands/preprocess.py", "__init__.py",
    "data/sources/scans.py", "evaluation/femur.py", "prediction/scan_files.py", "transforms/femur_box.py",
    "io/segmentation_object.py", "data/grades.py", "data/sources/graded.py", "prediction/graded_hips.py",
    "evaluation/classification.py", "report/classification_tables.py", "data/sources/film_hips.py",
    "transforms/hip_square.py", "prediction/femur_cortex.py",
)  # fmt: skip
GENERIC = [path for path in FILES if not _name(path).startswith(HIPS_OWN)]
OF_HIPS = re.compile(r"landmark|joint_?space|mjsw|femoral|sourcil|(^|_)sides?($|_)", re.IGNORECASE)


def _words(path: Path) -> set[str]:
    """Names and texts in a file's code, its documentation and what it imports aside."""
    tree = ast.parse(path.read_text())
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            words.add(node.id)
        elif isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.arg):
            words.add(node.arg)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            words.add(node.value)
    return words


@pytest.mark.parametrize("path", [path for path in GENERIC if _name(path) != "config.py"], ids=_name)
def test_what_serves_every_study_names_nothing_of_hips(path: Path) -> None:
    """`config.py` lists what keys were called before."""
    assert {word for word in _words(path) if OF_HIPS.search(word)} == set()


@pytest.mark.parametrize("path", GENERIC, ids=_name)
def test_only_the_hips_own_modules_import_measure(path: Path) -> None:
    allowed = {"commands/predict.py"}  # which hands its method on to the hips' predictor
    if _name(path) not in allowed:
        assert not [name for name in _imports(path) if name.startswith("hipseg.measure")]


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {f"hipseg.{_name(path)[:-3].replace('/', '.')}".removesuffix(".__init__"): path for path in FILES}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        named = set()
        for node in ast.parse(path.read_text()).body:  # at import time; what a function imports comes later
            if isinstance(node, ast.ImportFrom) and node.module:
                named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        graph[module] = {name for name in named if name in modules and name not in (module, "hipseg")}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above, module])
        if module not in done:
            for inner in graph[module]:
                visit(inner, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())
