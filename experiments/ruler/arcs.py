"""How far each method is off on arcs of known distance.

Run from anywhere: `python experiments/ruler/arcs.py [count=40]`; writes `arcs.csv` beside itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scenes import Edge, scene

from hipseg.measure import Method, joint_space_width

SPACINGS_MM = (0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9)
EDGES: tuple[Edge, ...] = ("gauss", "area", "hard")
METHODS: tuple[Method, ...] = ("contour", "border")


def errors(spacing_mm: float, edge: Edge, count: int) -> dict[Method, list[float]]:
    """Measured minus true widths of so many scenes, 0.3 to 6 mm wide."""
    rng = np.random.default_rng([round(1000 * spacing_mm), EDGES.index(edge)])
    found: dict[Method, list[float]] = {method: [] for method in METHODS}
    if spacing_mm < 0.3:
        count = max(count // 4, 4)  # a scene of 0.1 mm takes gigabytes to draw
    for width in np.linspace(0.3, 6, count):
        shares = scene(float(width), spacing_mm, edge, rng)
        for method in METHODS:
            found[method].append(joint_space_width(shares, spacing_mm, method).mjsw_mm - width)
    return found


def milliseconds(spacing_mm: float) -> float:
    """Median time of `contour` on one 512 x 512 hip."""
    part = scene(3.0, spacing_mm, "area", np.random.default_rng(0), size_mm=min(70.0, 512 * spacing_mm))
    shares = np.zeros((4, 512, 512), dtype=np.float32)
    shares[0] = 1
    shares[:, : part.shape[1], : part.shape[2]] = part[:, :512, :512]
    took = []
    for _ in range(100):
        start = time.perf_counter()
        joint_space_width(shares, spacing_mm)
        took.append(time.perf_counter() - start)
    return float(1000 * np.median(took))


def main() -> None:
    """Print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    rows = []
    for spacing_mm in SPACINGS_MM:
        for edge in EDGES:
            for method, off in errors(spacing_mm, edge, int(options.get("count", 40))).items():
                bias, worst = np.mean(off), np.abs(off).max()
                rows.append((spacing_mm, edge, method, len(off), bias, np.std(off, ddof=1), worst))
                print(f"{spacing_mm:5.2f} {edge:6} {method:8} bias {bias:+.4f} worst {worst:.4f} mm", flush=True)
    names = ["spacing_mm", "edge", "method", "scenes", "bias_mm", "sd_mm", "worst_mm"]
    pd.DataFrame(rows, columns=names).to_csv(Path(__file__).parent / "arcs.csv", index=False, float_format="%.4f")
    for spacing_mm in (0.9, 0.2):
        print(f"contour, 512 x 512 at {spacing_mm} mm: {milliseconds(spacing_mm):.2f} ms per hip")


if __name__ == "__main__":
    main()
