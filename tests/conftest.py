"""A small phantom cohort, made once for the whole test session by the commands a user runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from hipseg.commands import main

os.environ.setdefault("WANDB_MODE", "offline")

# The same examples in every run, wherever it runs; a slow machine is no failure.
settings.register_profile("repeatable", derandomize=True, max_examples=50, deadline=None, database=None)
settings.load_profile("repeatable")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock across the processes of one test session."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _once(folder: Path, name: str, build: Callable[[], None]) -> None:
    with _locked(folder / f"{name}.lock"):
        done = folder / f"{name}.done"
        if not done.exists():
            build()
            done.touch()


@pytest.fixture(scope="session")
def cohort(shared: Path) -> Path:
    """Films of eight subjects, two cohorts, preset standard, with a planted file for every reason of exclusion."""
    out = shared / "cohort"
    _once(shared, "cohort", lambda: main(["phantom", f"out={out}", "subjects=8", "seed=3", "workers=2"]))
    return out


@pytest.fixture(scope="session")
def store(shared: Path, cohort: Path) -> Path:
    """The cohort preprocessed; read it, don't write it."""
    path = shared / "store.h5"
    _once(shared, "store", lambda: main(["preprocess", f"input={cohort}", f"store={path}", "workers=2"]))
    return path


@pytest.fixture(scope="session")
def joints(shared: Path, cohort: Path) -> Path:
    """The cohort as regions around each femoral head; the split is that of `store`."""
    path, options = shared / "joints.h5", ["roi=joint", "workers=2"]
    _once(shared, "joints", lambda: main(["preprocess", f"input={cohort}", f"store={path}", *options]))
    return path


@pytest.fixture(scope="session")
def split(shared: Path, store: Path) -> Path:
    """A split of the store by subject."""
    path = shared / "split.csv"
    _once(shared, "split", lambda: main(["split", f"store={store}", f"out={path}", "ratios=[0.5,0.25,0.25]"]))
    return path


@pytest.fixture(scope="session")
def scans(shared: Path) -> Path:
    """CT scans of four subjects, coarse, with series that must be refused."""
    out, coarse = shared / "scans", ["ct_preset.scanners.columns=140", "ct_preset.scanners.spacing_mm=[2.8,3.0]"]
    given = ["kind=ct", "subjects=4", "seed=5", "workers=2", *coarse]
    _once(shared, "scans", lambda: main(["phantom", f"out={out}", *given]))
    return out


@pytest.fixture(scope="session")
def femurs(shared: Path, scans: Path) -> Path:
    """Every femur of the scans in one store; read it, don't write it."""
    path = shared / "femurs.h5"
    _once(shared, "femurs", lambda: main(["convert", "source=scans", f"input={scans}", f"store={path}", "workers=2"]))
    return path


@pytest.fixture(scope="session")
def femur_split(shared: Path, femurs: Path) -> Path:
    """A split of the femurs by subject."""
    path = shared / "femur_split.csv"
    _once(shared, "femur_split", lambda: main(["split", f"store={femurs}", f"out={path}", "ratios=[0.5,0.25,0.25]"]))
    return path
