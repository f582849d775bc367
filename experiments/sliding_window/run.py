"""What a stride of one slice brings: `python experiments/sliding_window/run.py checkpoint=FILE store=FILE split=FILE`.

More options: `out=FOLDER` (of `results.csv` and `cases.csv`; beside this file), `depth=64` (slices of the window; the
checkpoint's patch), `cases=N` (only the first of the test cases), `threads=1`.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hipseg.checkpoint import load
from hipseg.data.image_store import ImageStore
from hipseg.evaluation.femur import overlap
from hipseg.inference.sliding_window import SlidingWindow
from hipseg.labels.femur import SURFACES
from hipseg.prediction.mean_labels import mean_labels
from hipseg.transforms.prepare_image import planned_size

HERE = Path(__file__).parent
WAYS = ("stride 1", "stride 32", "overlap 0.5")
_MULTIPLE = 16  # which networks of up to five levels take


def inferer_of(way: str, record: dict[str, Any], size: tuple[int, ...], depth: int | None) -> SlidingWindow:
    """Windows of all rows and columns that are moved along z by a stride; or those of the checkpoint's patch.

    Args:
        way: One of `WAYS`.
        record: The checkpoint's.
        size: Of the volume as the network sees it.
        depth: Slices of a window that is moved by a stride; the patch's if None.
    """
    patch = record["dataset"]["patch"]
    if not way.startswith("stride"):
        return SlidingWindow(patch, float(way.split()[1]), batch=1)
    plane = [-(-length // _MULTIPLE) * _MULTIPLE for length in size[1:]]
    window = [depth or patch[0], *plane]
    return SlidingWindow(window, stride=[min(int(way.split()[1]), window[0]), *plane], batch=1)


def segment(way: str, options: dict[str, str], folder: Path) -> None:
    """Label the test cases in one way, in this process alone; times, memory and label maps go into a folder."""
    torch.set_num_threads(int(options.get("threads", 1)))
    task, store = load(Path(options["checkpoint"])), ImageStore(Path(options["store"]))
    depth = int(options["depth"]) if "depth" in options else None
    planned, cases = task.record["dataset"]["spacing_mm"], []
    for number, key in enumerate(test_keys(options)):
        row = store.rows_by_key[key]
        pixels, spacing_mm = store.image(row), store.spacing_mm(row)
        size = planned_size(pixels.shape[1:], spacing_mm, planned)
        task.inferer = inferer_of(way, task.record, size, depth)
        start = time.perf_counter()
        labels = mean_labels([task], pixels, spacing_mm)
        cases.append({"sample": key, "seconds": time.perf_counter() - start})
        np.save(folder / f"{number}.npy", labels)
        print(f"{way}: {key} in {cases[-1]['seconds']:.1f} s", flush=True)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of Linux; in bytes on macOS
    (folder / "told.json").write_text(json.dumps({"cases": cases, "peak_mib": peak_kib / 1024}))


def test_keys(options: dict[str, str]) -> list[str]:
    """The split's test cases, as many as are asked for."""
    split = pd.read_csv(options["split"])
    keys: list[str] = split.loc[split["subset"] == "test", "sample"].tolist()
    return keys[: int(options.get("cases", len(keys)))]


def compare(found: NDArray[np.uint8], finest: NDArray[np.uint8], truth: NDArray[np.uint8]) -> dict[str, float]:
    """Dice of both surfaces; how many voxels have another label than with a stride of 1, of all and of the femur's."""
    changed = np.count_nonzero(found != finest)
    femur = np.count_nonzero((found > 0) | (finest > 0))
    dice = {
        f"dice_{name}": overlap(np.isin(found, labels), np.isin(truth, labels))["dice"]
        for name, labels in SURFACES.items()
    }
    return dice | {
        "changed_percent": 100 * changed / found.size,
        "changed_percent_of_femur": 100 * changed / femur if femur else 0.0,
    }


def run_apart(way: str, folder: Path) -> None:
    """`segment` in a process of its own, whose peak of memory no other way has a share in."""
    folder.mkdir()
    command = [sys.executable, __file__, *sys.argv[1:], f"way={way}", f"folder={folder}"]
    subprocess.run(command, check=True)


def main(options: dict[str, str]) -> None:
    """Segment in every way, compare, print and write the tables."""
    store, keys = ImageStore(Path(options["store"])), test_keys(options)
    rows, peaks = [], {}
    with tempfile.TemporaryDirectory() as made:
        folders = {way: Path(made) / way.replace(" ", "_") for way in WAYS}
        for way, folder in folders.items():
            run_apart(way, folder)
            told = json.loads((folder / "told.json").read_text())
            peaks[way] = told["peak_mib"]
            for number, case in enumerate(told["cases"]):
                labels, finest = (np.load(one / f"{number}.npy") for one in (folder, folders[WAYS[0]]))
                truth = store.label(store.rows_by_key[keys[number]])
                rows.append({"way": way, **case, **compare(labels, finest, truth)})
    cases = pd.DataFrame(rows)
    table = cases.drop(columns="sample").groupby("way", sort=False).mean()
    for name in SURFACES:
        table[f"dice_{name}_difference"] = table[f"dice_{name}"] - table.loc[WAYS[0], f"dice_{name}"]
    table["peak_mib"], table["volumes"] = pd.Series(peaks), len(keys)
    out = Path(options.get("out", HERE))
    out.mkdir(parents=True, exist_ok=True)
    cases.to_csv(out / "cases.csv", index=False, float_format="%.6g")
    table.to_csv(out / "results.csv", float_format="%.6g")
    print(table.T.to_string(float_format="{:.5f}".format))


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if "way" in given:
        segment(given["way"], given, Path(given["folder"]))
    else:
        main(given)
