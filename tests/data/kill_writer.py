"""Kill a store's writer at random moments or before every step it takes, and look at what is left.

A script of its own because it forks: `python kill_writer.py FOLDER MODE FILMS KILLS SEED`, MODE one of `random` (while
films are added), `steps` and `replace` (before every step, while films are added or replaced). It prints one line of
JSON: `kills`, `unreadable` (stores that did not open or whose rows were not those of their films), `different` (stores
that, once finished, were not byte for byte those of an undisturbed run) and `writers`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
from small_films import processed, store_settings

from hipseg.data import store_writer
from hipseg.data.process import Processed
from hipseg.data.store import Store
from hipseg.data.store_writer import StoreWriter
from hipseg.errors import HipsegError

DATASETS = ("images", "labels", "landmarks", "samples", "films")
film = cache(processed)


def write(path: Path, films: int, version: int = 0) -> None:
    """As preprocessing does: put what is not there yet."""
    with StoreWriter(path, store_settings()) as writer:
        for number in range(films):
            made = film(number, version)
            if writer.known_sha256(made.file.key) != made.sha256:
                writer.put(made)


def content(path: Path) -> dict[str, bytes]:
    """Every row of every dataset."""
    with h5py.File(path, "r") as file:
        return {name: file[name][:].tobytes() for name in DATASETS}


def begun(path: Path) -> bool:
    """Whether anything was written."""
    return path.exists() and path.stat().st_size > 0


def readable(path: Path, versions: tuple[int, ...]) -> bool:
    """Whether a store opens and every usable hip's row is that of its film, in one of the versions."""
    try:
        store = Store(path)
        rows = range(len(store.samples))
        keys = [f"{film(row // 2).file.key}/{('right', 'left')[row % 2]}" for row in rows]
        usable = np.flatnonzero(store.samples["usable"])
        right = [any(_holds(store, row, film(row // 2, version)) for version in versions) for row in usable.tolist()]
        return store.samples["key"].tolist() == keys and all(right)
    except (HipsegError, OSError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return False


def _holds(store: Store, row: int, made: Processed) -> bool:
    hip = made.hips[row % 2]
    stored = store.image(row), store.label(row), store.landmarks(row)
    return all(map(np.array_equal, stored, (made.views[0].image, hip.label, hip.landmarks)))


def run_and_kill(job: Callable[[], None], seconds: float | None) -> bool:
    """Run a job in a forked process, killed after so many seconds, and say whether that came before its end."""
    child = os.fork()
    if child == 0:
        try:
            job()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status):
        raise SystemExit("the writer failed")
    return False


def count_steps(job: Callable[[], None], die_at: int | None) -> int:
    """Run a job and count the steps by which it changes the file, dying before one of them."""
    taken = 0

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*given: Any, **named: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*given, **named)

        return wrapper

    places = (
        (h5py.Group, "create_dataset"), (h5py.AttributeManager, "__setitem__"), (h5py.Dataset, "resize"),
        (h5py.Dataset, "__setitem__"), (h5py.File, "flush"), (store_writer, "encode_chunk"), (h5py.File, "close"),
    )  # fmt: skip
    steps = [(place, name, getattr(place, name)) for place, name in places]
    for place, name, step in steps:
        setattr(place, name, counted(step))
    job()
    for place, name, step in steps:
        setattr(place, name, step)
    return taken


def kill_at_random(folder: Path, films: int, kills: int, seed: int) -> Counter[str]:
    """Add films under random kills, starting a new store whenever one is complete."""
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    run_and_kill(lambda: write(folder / "undisturbed.h5", films), None)
    seconds = time.perf_counter() - start
    expected = content(folder / "undisturbed.h5")
    outcome = Counter(kills=0, unreadable=0, different=0, writers=0)
    while outcome["kills"] < kills:
        path = folder / f"store{outcome['writers']}.h5"
        while True:
            left = outcome["kills"] < kills
            wait = float(rng.uniform(0, seconds / 3)) if left else None
            outcome["writers"] += 1
            if not run_and_kill(lambda: write(path, films), wait):  # noqa: B023
                break
            outcome["kills"] += 1
            outcome["unreadable"] += begun(path) and not readable(path, (0,))
        outcome["different"] += content(path) != expected
    return outcome


def kill_before_every_step(folder: Path, films: int, version: int) -> Counter[str]:
    """Add films (version 0), or replace them all by another version, dying before every step in turn."""
    store_writer._BATCH = 2  # several batches of few films
    path, base, whole = folder / "store.h5", folder / "base.h5", folder / "undisturbed.h5"
    if version:
        run_and_kill(lambda: write(base, films), None)
        whole.write_bytes(base.read_bytes())
    run_and_kill(lambda: write(whole, films, version), None)
    expected = content(whole)
    outcome = Counter(kills=0, unreadable=0, different=0, writers=0)
    while True:
        path.unlink(missing_ok=True)
        if version:
            path.write_bytes(base.read_bytes())
        step = outcome["kills"] + 1
        outcome["writers"] += 1
        if not run_and_kill(lambda: count_steps(lambda: write(path, films, version), step) and None, None):  # noqa: B023
            return outcome
        outcome["kills"] += 1
        outcome["unreadable"] += begun(path) and not readable(path, (0, version))
        try:
            run_and_kill(lambda: write(path, films, version), None)
            outcome["different"] += content(path) != expected
        except SystemExit:
            outcome["different"] += 1


def main(folder: Path, mode: str, films: int, kills: int, seed: int) -> Counter[str]:
    """Run one mode; see above."""
    if mode == "random":
        return kill_at_random(folder, films, kills, seed)
    return kill_before_every_step(folder, films, version=int(mode == "replace"))


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))))
