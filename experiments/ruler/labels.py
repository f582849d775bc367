"""How far a label map's own mJSW is from its landmarks', by method and spacing, without any network.

Run from anywhere: `python experiments/ruler/labels.py store=FILE.h5 [hips=200]`; writes `labels.csv` beside itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from hipseg.data.store import Store
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_map, draw_label_shares
from hipseg.labels.landmarks import Points, mirror_columns
from hipseg.measure import joint_space_width
from hipseg.measure.reference import reference_width

SPACINGS_MM = (0.9, 0.6, 0.45, 0.3, 0.2)
FIELD_MM = 128.0


def hip_mm(store: Store, row: int) -> Points:
    """A hip's landmarks in mm as a right one, the middle of its joint in the middle of the field."""
    grid, landmarks = store.grid(row), store.landmarks(row)
    if store.samples["mirror"].iat[row]:
        landmarks = mirror_columns(landmarks, grid.shape[1])
    points = landmarks * grid.spacing_mm
    return points - points[70:75].mean(axis=0) + FIELD_MM / 2


def widths(points_mm: Points, spacing_mm: float) -> dict[str, float]:
    """Measured on soft and on hard maps of one spacing."""
    size = round(FIELD_MM / spacing_mm)
    pixels = points_mm / spacing_mm - 0.5
    labels = draw_label_map(pixels, (size, size), spline_curves)
    hard = (labels == np.arange(4)[:, None, None]).astype(np.float32)
    soft = draw_label_shares(pixels, (size, size), spline_curves)
    return {
        "contour, soft map": joint_space_width(soft, spacing_mm).mjsw_mm,
        "contour, hard map": joint_space_width(hard, spacing_mm).mjsw_mm,
        "border, hard map": joint_space_width(hard, spacing_mm, "border").mjsw_mm,
    }


def main() -> None:
    """Print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    store = Store(Path(options["store"]))
    rows = np.flatnonzero(store.samples["usable"])[: int(options.get("hips", 200))]
    found = []
    for row in rows:
        points = hip_mm(store, int(row))
        reference = reference_width(points).mjsw_mm
        for spacing_mm in SPACINGS_MM:
            for method, width in widths(points, spacing_mm).items():
                found.append((spacing_mm, method, width - reference))
    table = pd.DataFrame(found, columns=["spacing_mm", "method", "error_mm"])
    groups = table.groupby(["method", "spacing_mm"])["error_mm"]
    said = groups.agg(hips="size", bias_mm="mean", sd_mm="std", worst_mm=lambda e: e.abs().max())
    said.to_csv(Path(__file__).parent / "labels.csv", float_format="%.4f")
    print(said.round(3).to_string())


if __name__ == "__main__":
    main()
