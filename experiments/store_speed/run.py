"""How fast and how small a store is beside other ways to write the same: `python experiments/store_speed/run.py STORE`.

Every form is read in the same random order by one process with a warm cache, the forms by turns.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from hipseg.data.store import Store

HERE = Path(__file__).parent
ROUNDS = 5
HIPS = 400


def write_forms(store: Store, folder: Path, films: int) -> dict[str, Path]:
    """The same films and labels uncompressed, as HDF5's own Blosc2 filter writes them, and as one writes naively."""
    images = np.stack([store.image(2 * i) for i in range(films)])
    labels = np.stack([store.label(i) for i in range(2 * films)])
    forms: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "uncompressed": ({"data": images}, {"data": labels}),
        "blosc2 by its filter": ({"data": images, **hdf5plugin.Blosc2()}, {"data": labels, **hdf5plugin.Blosc2()}),
        "thesis: float64, one-hot, gzip": (
            {"data": (images[np.arange(2 * films) // 2] / 65535.0), "compression": "gzip"},
            {"data": (labels[:, None] == np.arange(4)[:, None, None]).astype(np.float64), "compression": "gzip"},
        ),
    }
    paths = {}
    for name, (image, label) in forms.items():
        paths[name] = folder / f"{len(paths)}.h5"
        with h5py.File(paths[name], "w") as file:
            file.create_dataset("images", chunks=(1, *image["data"].shape[1:]), **image)
            file.create_dataset("labels", chunks=(1, *label["data"].shape[1:]), **label)
    return paths


def reader(path: Path, films: int) -> Callable[[int], None]:
    """Reads one hip of another form."""
    file = h5py.File(path, "r", rdcc_nbytes=0)
    images, labels = file["images"], file["labels"]
    per_hip = len(images) // films

    def read(row: int) -> None:
        images[row if per_hip == 2 else row // 2]
        labels[row]

    return read


def main(path: Path) -> None:
    """Measure, print and write the table."""
    store = Store(path)
    films = min(len(store.films), 60)
    shape = store.preprocessing["rows"], store.preprocessing["columns"]
    image, label = np.empty(shape, dtype=np.uint16), np.empty(shape, dtype=np.uint8)

    def read_store(row: int) -> None:
        store.image(row, image)
        store.label(row, label)

    with tempfile.TemporaryDirectory() as folder:
        paths = write_forms(store, Path(folder), films)
        size = {name: file.stat().st_size / films / 1e6 for name, file in paths.items()}
        readers = {"hipseg": read_store} | {name: reader(file, films) for name, file in paths.items()}
        size["hipseg"] = path.stat().st_size / len(store.films) / 1e6
        rates: dict[str, list[float]] = {name: [] for name in readers}
        for turn in range(ROUNDS + 1):
            for name, read in readers.items():
                count = HIPS if "thesis" not in name else HIPS // 8
                rows = np.random.default_rng(turn).integers(0, 2 * films, count).tolist()
                start = time.perf_counter()
                for row in rows:
                    read(row)
                if turn:
                    rates[name].append(count / (time.perf_counter() - start))
    with (HERE / "results.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("form", "mb_per_film", "hips_per_second_median", "hips_per_second_best"))
        for name, values in rates.items():
            row = (name, f"{size[name]:.3f}", f"{np.median(values):.0f}", f"{max(values):.0f}")
            writer.writerow(row)
            print(f"{row[0]:32s} {row[1]:>7} MB/film  {row[2]:>6} hips/s (median), {row[3]:>6} (best)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
