"""Draws what is measured on one hip: `python experiments/ruler/figure.py store=FILE.h5 [hip=KEY] out=FILE.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hipseg.data.store import Store
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import Points, mirror_columns
from hipseg.measure import joint_space_width
from hipseg.measure.reference import reference_width

_BOX = {"facecolor": "#8e44ad", "edgecolor": "none", "pad": 1.5}


def ray(centre: Points, degrees: float, length: float) -> Points:
    """From a centre outward, (2, 2)."""
    angle = np.deg2rad(degrees)
    return np.stack([centre, centre + length * np.array([np.sin(angle), -np.cos(angle)])])


def main() -> None:
    """Draw."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    store = Store(Path(options["store"]))
    row = store.rows_by_key[options["hip"]] if "hip" in options else int(np.flatnonzero(store.samples["usable"])[0])
    grid, landmarks, image = store.grid(row), store.landmarks(row), store.image(row) / 65535
    if store.samples["mirror"].iat[row]:
        landmarks, image = mirror_columns(landmarks, grid.shape[1]), image[:, ::-1]
    points = landmarks * grid.spacing_mm
    reference = reference_width(points)
    found = joint_space_width(draw_label_shares(landmarks, grid.shape, spline_curves), grid.spacing_mm)
    circle, curves, profile = head_circle(points), spline_curves(points), reference.profile
    figure = Figure(figsize=(11, 5.2), dpi=110)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
    width, height = grid.size_mm
    half = grid.spacing_mm / 2
    left.imshow(image, cmap="gray", extent=(-half, width - half, height - half, -half))
    left.plot(*curves.femoral_head.T, color="#4e9de6", label="femoral head, landmarks 18-27")
    left.plot(*curves.sourcil.T, color="#f2a33a", label="sourcil, landmarks 70-74")
    for name, angle in (("lateral", profile.lateral_deg), ("apex", 0.0), ("medial", profile.medial_deg)):
        line = ray(circle.centre, angle, circle.radius + 14)
        left.plot(*line.T, color="#8e44ad", linewidth=1.2, linestyle="--")
        left.text(*line[1], f"{name} {angle:+.0f}°", color="white", fontsize=8, ha="center", va="bottom", bbox=_BOX)
    left.plot(*np.stack([reference.on_head_mm, reference.on_roof_mm]).T, color="#e8505b", linewidth=2.5, label="mJSW")
    left.plot(*circle.centre, "w+")
    left.set(xlim=(circle.x - 42, circle.x + 42), ylim=(circle.y + 34, circle.y - 50), xticks=[], yticks=[])
    left.legend(fontsize=7, loc="lower left")
    left.set_title("weight-bearing region: between the sourcil's ends", fontsize=9)
    right.plot(profile.angle_deg, profile.width_mm, "k-", label=f"landmarks, mJSW {reference.mjsw_mm:.2f} mm")
    right.plot(
        found.profile.angle_deg, found.profile.width_mm, "k:", label=f"soft label map, mJSW {found.mjsw_mm:.2f} mm"
    )
    right.set(
        xlabel="angle from straight up, lateral to medial (degrees)", ylabel="joint space width (mm)", ylim=(0, None)
    )
    right.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(options["out"], bbox_inches="tight")


if __name__ == "__main__":
    main()
