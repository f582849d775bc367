"""Whether heat maps point at what was drawn: of correctly graded diseased hips, the share whose hottest tenth meets it.

python experiments/osteoarthritis/heat.py CHECKPOINT STORE TEST_CASES.csv TRUTH.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import hipseg
from hipseg.data.stores import open_store
from hipseg.inference.saliency import points_at
from hipseg.labels.circle import head_circle
from hipseg.prediction.graded_hips import heat_maps
from hipseg.rebuild import dataset_of
from hipseg.transforms.hip_square import FILM_EDGE_MM

REACH_MM = {"narrowest": 6.0, "femoral": 4.0, "acetabular": 4.0}
LEAST_MM = {"femoral": 1.0, "acetabular": 1.0}


def lesions(row: pd.Series, edge: int) -> list[tuple[tuple[float, float], float]]:
    """Row and column in a hip's picture, and radius, of what osteoarthritis has changed there."""
    points = np.array([[row[f"x{i}"], row[f"y{i}"]] for i in range(80)])
    centre, found = head_circle(points).centre, []
    for name, reach in REACH_MM.items():
        if name in LEAST_MM and row[f"{name}_mm"] < LEAST_MM[name]:
            continue
        away = np.array([row[f"{name}_x_mm"], row[f"{name}_y_mm"]]) - centre
        across = -away[0] if row["side"] == "left" else away[0]
        found.append(
            (((away[1] / FILM_EDGE_MM + 0.5) * edge, (across / FILM_EDGE_MM + 0.5) * edge), reach / FILM_EDGE_MM * edge)
        )
    return found


def main(checkpoint: Path, store_file: Path, cases_file: Path, truth_file: Path) -> None:
    """Print the shares, and those of maps of sound hips at the same places."""
    task, store = hipseg.load(checkpoint), open_store(store_file)
    truth = pd.read_csv(truth_file)
    truth.index = pd.Index(["xray/" + "/".join([*k.split("/")[1:2], "_".join(k.split("/")[2:])]) for k in truth["key"]])
    cases = pd.read_csv(cases_file).set_index("sample")
    data = dataset_of(task.record)(store, list(cases.index), "test", 0)
    right = cases[cases["positive"] == cases["predicted"]]
    hits: dict[str, dict[str, list[bool]]] = {}
    diseased = [key for key in right.index if right.loc[key, "positive"] == 1 and truth.loc[key, "grade_true"] >= 2]
    for kind, keys in (("diseased", diseased), ("sound", list(right.index[right["positive"] == 0]))):
        for number, key in enumerate(keys):
            picture = data.shown(key)
            at = truth.loc[key if kind == "diseased" else diseased[number % len(diseased)]]
            for name, heat in heat_maps(task, torch.from_numpy(picture)[None, None]).items():
                met = any(points_at(heat, *spot) for spot in lesions(at, len(picture)))
                hits.setdefault(name, {}).setdefault(kind, []).append(met)
    for name, by_kind in hits.items():
        print(name, {kind: f"{np.mean(met):.3f} of {len(met)}" for kind, met in by_kind.items()})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
