"""How far a fitted pelvis' landmarks and heads are from the true ones, and how much squares about the heads overlap.

usage: found.py COHORT OUT.csv; COHORT is of 'hipseg phantom kind=ct ct_preset=pelvis', its COHORT.truth.csv beside it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from hipseg.data.sources.ct_ap import ScanSeen, see_scan
from hipseg.data.sources.scans import find_scans
from hipseg.errors import Excluded
from hipseg.labels.landmarks import SIDES
from hipseg.parallel import ordered_map
from hipseg.transforms.hip_square import CT_EDGE_MM


def overlap(off_mm: np.ndarray, edge_mm: float) -> float:
    """Intersection over union of two squares whose middles lie (2,) mm apart."""
    shared = float(np.prod(np.maximum(edge_mm - off_mm, 0)))
    return shared / (2 * edge_mm**2 - shared)


def look(scan: tuple[str, Path]) -> tuple[str, ScanSeen | str, float]:
    """A scan from in front, or why not, and the seconds it took."""
    start = time.perf_counter()
    try:
        seen: ScanSeen | str = see_scan(scan[1], "sum")
    except Excluded as error:
        seen = error.reason
    return scan[0], seen, time.perf_counter() - start


def main(cohort: Path, out: Path) -> None:
    """Measure every scan, and print what was found."""
    truth = pd.read_csv(cohort.parent / f"{cohort.name}.truth.csv").set_index(["subject", "side"])
    rows, lost = [], {}
    for subject, seen, seconds in ordered_map(look, find_scans(cohort)[0], 2):
        if isinstance(seen, str):
            lost[subject] = seen
            continue
        for side in SIDES:
            row = truth.loc[(subject, side)]
            true = {n: row[[f"{n}_{a}_mm" for a in "xyz"]].to_numpy(dtype=float) for n in ("asis", "tubercle", "head")}
            found = {
                "asis": seen.pelvis.landmarks.spines[side], "tubercle": seen.pelvis.landmarks.tubercles[side],
                "head": seen.pelvis.heads_mm[side],
            }  # fmt: skip
            off = np.abs(seen.picture.to_film(found["head"]) - seen.picture.to_film(true["head"]))
            errors = {f"{name}_mm": float(np.linalg.norm(found[name] - true[name])) for name in true}
            rows.append({
                "subject": subject, "side": side, "grade": row["grade_true"], **errors,
                "iou": overlap(off, CT_EDGE_MM), "residual_mm": seen.pelvis.residual_mm, "s": seconds,
            })  # fmt: skip
    table = pd.DataFrame(rows)
    table.to_csv(out, index=False, float_format="%.3f")
    print(table.drop(columns=["subject", "side", "grade"]).describe(percentiles=[0.05, 0.5, 0.95]).round(3).to_string())
    print(f"hips with an IoU of 0.85 and more: {(table['iou'] >= 0.85).sum()} of {len(table)}")
    print(f"left out: {lost}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
