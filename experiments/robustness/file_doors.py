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


def _in_turn(doors: dict[str, Callable[[], Any]], path: Path) -> dict[str, Callable[[], Any]]:
    """One of the doors, by the number of the case."""
    name = list(doors)[int(path.stem) % len(doors)]
    return {name: doors[name]}


def store_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """`evaluate`, which reads all of a store, and in turn another command that reads or continues it."""
    copy = scratch / "copy.h5"
    shutil.copy(path, copy)
    others = {
        "split": command("split", f"store={path}", f"out={scratch}/s.csv", "ratios=[0.34,0.33,0.33]"),
        "preprocess store=": sound.preprocess(copy),
        "train": sound.train(scratch / "train", store=path),
    }
    doors = {"evaluate": sound.evaluate(scratch / "evaluate", store=path), **_in_turn(others, path)}
    return [Door(name, call) for name, call in doors.items()]


def _load(path: Path) -> Any:
    import hipseg

    return hipseg.load(path).record


def checkpoint_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """`hipseg.load` and in turn another way in, so that every place of a record meets them all.

    `init` reads the weights alone, and trains where it accepts: it is for what is wrong with the file or the weights.
    """
    marker = path.with_name(f"{MARKER}_{path.stem}")
    film = next((sound.films / "CHECK").rglob("*.dcm"))
    joint = "roi=joint", f"locator={path}"
    others = {
        "predict": command("predict", f"checkpoint={path}", f"input={film}", f"out={scratch}/predict"),
        "evaluate": sound.evaluate(scratch / "evaluate", checkpoint=path),
        "preprocess locator=": sound.preprocess(scratch / "joints.h5", *joint),
    }
    doors = {"hipseg.load": partial(_load, path), **_in_turn(others, path)}
    if case.kind in ("bytes", "pickle") or "weight" in case.name:
        doors["train pretrained="] = sound.train(scratch / "train", f"pretrained={path}")
    return [Door(name, call, marker) for name, call in doors.items()]


def table_doors(sound: Sound, case: FileCase, path: Path, scratch: Path) -> list[Door]:
    """A command that reads this kind of table."""
    if case.kind == "split":
        doors = {
            "train data.split=": sound.train(scratch / "train", split=path),
            "evaluate data.split=": sound.evaluate(scratch / "evaluate", split=path),
        }
        return [Door(name, call) for name, call in _in_turn(doors, path).items()]
    if case.kind == "truth":
        return [Door("evaluate annotations=", sound.evaluate(scratch / "evaluate", f"annotations={path}"))]
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
