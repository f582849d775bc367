"""Bad stores, checkpoints and tables through every command that reads them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bad_checkpoints import MARKER
from cases import FileCase
from children import Door, Ending, command, run
from sound import Sound

Doors = Callable[[Sound, FileCase, Path, Path], list[Door]]
_IN_A_RUN = {"overrides.yaml": ".hydra/overrides.yaml", "figures": "figures/mjsw.png"}


def store_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """Every command that reads a store, and the one that continues it; `train`, which takes seconds, for each third."""
    copy = scratch / "copy.h5"
    shutil.copy(path, copy)
    doors = {
        "split": command("split", f"store={path}", f"out={scratch}/s.csv", "ratios=[0.34,0.33,0.33]"),
        "preprocess store=": sound.preprocess(copy),
        "evaluate": sound.evaluate(scratch / "evaluate", store=path),
    }
    if int(path.stem) % 3 == 0:
        doors["train"] = sound.train(scratch / "train", store=path)
    return [Door(name, call) for name, call in doors.items()]


def _load(path: Path) -> Any:
    import hipseg

    return hipseg.load(path).record


def checkpoint_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """Every way in.

    `init` reads the weights alone and trains where it accepts: for what is wrong with the file, and each tenth other. The
    locator, which is loaded as the others are, for what is planted.
    """
    marker = path.with_name(f"{MARKER}_{path.stem}")
    film = next((sound.films / "CHECK").rglob("*.dcm"))
    joint = "region=joint", f"locator={path}"
    doors = {
        "hipseg.load": partial(_load, path),
        "predict": command("predict", f"checkpoint={path}", f"input={film}", f"out={scratch}/predict"),
        "evaluate": sound.evaluate(scratch / "evaluate", checkpoint=path),
    }
    if case.kind in ("payload", "pickle") or int(path.stem) % 5 == 0:
        doors["preprocess locator="] = sound.preprocess(scratch / "joints.h5", *joint)
    if case.kind in ("bytes", "pickle") or int(path.stem) % 10 == 0 or "weight" in case.name:
        doors["train init="] = sound.train(scratch / "train", f"init={path}")
    return [Door(name, call, marker) for name, call in doors.items()]


def table_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """The commands that read this kind of table."""
    if case.kind == "split":
        doors = [Door("evaluate data.split=", sound.evaluate(scratch / "evaluate", split=path))]
        if int(path.stem) % 3 == 0:
            doors.append(Door("train data.split=", sound.train(scratch / "train", split=path)))
        return doors
    if case.kind == "truth":
        return [Door("evaluate truth=", sound.evaluate(scratch / "evaluate", f"truth={path}"))]
    folder = scratch / "run"
    shutil.copytree(sound.run, folder, ignore=shutil.ignore_patterns("*.ckpt"))
    shutil.copy(path, folder / _IN_A_RUN.get(case.kind, case.kind))
    return [Door("report", command("report", f"runs=[{folder}]", f"out={scratch}/report.html"))]


def try_files(
    cases: list[FileCase], doors: Doors, suffix: str, sound: Sound, scratch: Path
) -> Iterator[tuple[FileCase, str, Ending]]:
    """Put every case through its doors, one process a case unless one ends it.

    Yields:
        The case, the door's name, what became of it.
    """
    for number, case in enumerate(cases):
        shutil.rmtree(scratch, ignore_errors=True)
        inside, outside = scratch / "work", scratch / "file"
        inside.mkdir(parents=True)
        outside.mkdir()
        path = outside / f"{number:05d}{suffix}"
        case.write(path)
        given = doors(sound, case, path, inside)
        for door, ending in zip(given, run(given, inside), strict=True):
            yield case, door.name, ending
