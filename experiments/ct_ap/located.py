"""How much squares about the heads that a network finds on films overlap with those about the true heads.

usage: located.py CHECKPOINT COHORT; COHORT is of 'hipseg phantom', with COHORT.truth.csv beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from found import overlap

from hipseg.checkpoint import load_locator
from hipseg.errors import Excluded
from hipseg.inference.locator import network_locator
from hipseg.io.dicom import read_film
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, SIDES
from hipseg.transforms.hip_square import FILM_EDGE_MM


def main(checkpoint: Path, cohort: Path) -> None:
    """Measure every hip that has a true width, and print what was found."""
    finder = network_locator(load_locator, checkpoint)
    truth = pd.read_csv(cohort.parent / f"{cohort.name}.truth.csv")
    rows = []
    for file, hips in truth[truth["mjsw_mm"].notna()].groupby("file"):
        try:
            film = read_film(cohort / str(file), ("CR", "DX", "DR", "RG"))
        except Excluded:
            continue
        found = finder.find(finder.prepare(film.pixels, film.grid, film.padding))
        for side in SIDES:
            for _, row in hips[hips["side"] == side].iterrows():
                points = np.array([[row[f"{axis}{n}"] for axis in "xy"] for n in range(LANDMARKS_PER_HIP)])
                head, place = head_circle(points), found.get(side)
                off = np.abs(np.array(place) - head.centre) if place is not None else np.full(2, FILM_EDGE_MM)
                rows.append({"error_mm": float(np.hypot(*off)), "iou": overlap(off, FILM_EDGE_MM)})
    table = pd.DataFrame(rows)
    print(table.describe(percentiles=[0.05, 0.5, 0.95]).round(3).to_string())
    print(f"hips with an IoU of 0.85 and more: {(table['iou'] >= 0.85).sum()} of {len(table)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
