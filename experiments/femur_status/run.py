"""Shapes of true femurs and of damaged ones, and how many `hipseg predict` calls implausible.

Usage: python run.py labels=FOLDER out=FOLDER [femurs=80] (labels of 'hipseg phantom kind=ct')
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from hipseg.geometry.arrays import part_with
from hipseg.geometry.volume import upright
from hipseg.io.nifti import read_nifti
from hipseg.measure.femur_geometry import NoFemur
from hipseg.measure.femur_regions import RegionPlanes, find_planes
from hipseg.measure.femur_shape import LIMITS, faults_of, femur_shape

Damage = Callable[[np.ndarray, RegionPlanes, np.ndarray, np.random.Generator], np.ndarray]


class Places:
    """Where every voxel lies, from the head and along the neck."""

    def __init__(self, bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray) -> None:
        geometry = planes.geometry
        self.points = np.stack(np.indices(bone.shape), axis=-1) * spacing
        away = self.points - geometry.head_mm
        self.from_head = np.linalg.norm(away, axis=-1)
        self.along = away @ geometry.neck_axis
        self.beside = np.sqrt(np.maximum(self.from_head**2 - self.along**2, 0))
        self.neck_mm = float(np.sqrt(geometry.narrowest_mm2 / np.pi))
        self.radius, self.head_end = geometry.radius_mm, planes.head_end_mm
        self.head, self.axis = geometry.head_mm, geometry.neck_axis
        self.narrowest, self.neck_end = geometry.narrowest_mm, planes.neck_end_mm

    def ball(self, centre: np.ndarray, radius: float) -> np.ndarray:
        """The voxels about a place."""
        return np.linalg.norm(self.points - centre, axis=-1) < radius


def _sideways(axis: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    other = np.cross(axis, rng.standard_normal(3))
    return other / np.linalg.norm(other)


def head_off(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The head is missing."""
    return bone & (Places(bone, planes, spacing).along > planes.head_end_mm)


def head_bitten(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ball of 12 to 20 mm is gone from the head's free side."""
    at = Places(bone, planes, spacing)
    away = rng.standard_normal(3)
    away -= max(away @ at.axis, 0) * at.axis  # from the free side
    return bone & ~at.ball(at.head + at.radius * away / np.linalg.norm(away), rng.uniform(12, 20))


def head_eroded(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The head has lost 8 mm all around."""
    at, deep = Places(bone, planes, spacing), distance_transform_edt(bone, spacing)
    return bone & ~((at.along < at.head_end) & (deep < 8))


def lump_on_neck(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ball of 10 to 15 mm lies on the neck's surface."""
    at = Places(bone, planes, spacing)
    centre = at.head + at.narrowest * at.axis + at.neck_mm * _sideways(at.axis, rng)
    return bone | at.ball(centre, rng.uniform(10, 15))


def shaft_only(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All above the trochanters is missing."""
    geometry = planes.geometry
    down = (Places(bone, planes, spacing).points - geometry.shaft_mm) @ geometry.shaft_axis
    return bone & (down > 10)


def socket_attached(
    bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The upper head has grown by 4 to 10 mm into the socket."""
    at = Places(bone, planes, spacing)
    upwards = -planes.geometry.shaft_axis - at.axis
    upper = (at.points - at.head) @ upwards > 0.2 * at.radius * np.linalg.norm(upwards)
    return bone | (upper & (at.from_head < at.radius + rng.uniform(4, 10)))


def hole(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A ball of 11 to 16 mm is gone somewhere in head, neck or trochanters."""
    at = Places(bone, planes, spacing)
    centres = at.points[bone & (at.along > -at.radius) & (at.along < at.neck_end + 25)]
    return bone & ~at.ball(rng.choice(centres), rng.uniform(11, 16))


def neck_thinned(bone: np.ndarray, planes: RegionPlanes, spacing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The neck has lost 4 to 7 mm all around."""
    at, deep = Places(bone, planes, spacing), distance_transform_edt(bone, spacing)
    return bone & ~((at.along > at.head_end) & (at.along < at.neck_end) & (deep < rng.uniform(4, 7)))


DAMAGES: dict[str, Damage] = {
    f.__name__: f
    for f in (head_off, head_bitten, head_eroded, lump_on_neck, shaft_only, socket_attached, hole, neck_thinned)
}


def seen(bone: np.ndarray, planes: RegionPlanes, spacing: tuple[float, ...]) -> dict[str, object]:
    """Numbers of a femur, what is beyond its limits, and whether it is flagged."""
    shape = femur_shape(bone, planes, spacing)
    faults = faults_of(shape)
    return {**shape._asdict(), "faults": " ".join(faults), "flagged": bool(faults)}


def seen_broken(bone: np.ndarray, spacing: tuple[float, ...]) -> dict[str, object]:
    """Likewise of a femur whose regions may not be found, which flags it too: its status is not `ok`."""
    try:
        return seen(bone, find_planes(bone, spacing), spacing)
    except NoFemur as error:
        return {"faults": error.status, "flagged": True}


def main(labels: Path, out: Path, femurs: int = 80) -> None:
    """Write `shapes.csv` and print the table."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, file in enumerate(sorted(labels.glob("*.nii.gz"))[:femurs]):
        scan = upright(read_nifti(file))
        whole, spacing = scan.values > 0, scan.grid.spacing_mm
        bone = np.pad(whole[part_with(whole)], ((0, 12), (15, 15), (15, 15)))
        planes = find_planes(bone, spacing)
        rows.append({"file": file.name, "damage": "none", **seen(bone, planes, spacing)})
        for number in (2 * index % len(DAMAGES), (2 * index + 1) % len(DAMAGES)):
            name = list(DAMAGES)[number]
            rng = np.random.default_rng([index, number])
            broken = DAMAGES[name](bone, planes, np.array(spacing), rng)
            rows.append({"file": file.name, "damage": name, **seen_broken(broken, spacing)})
        pd.DataFrame(rows).to_csv(out / "shapes.csv", index=False, float_format="%.3f")
    table = pd.DataFrame(rows)
    print(table.groupby("damage", sort=False).flagged.agg(["size", "sum"]).to_string())
    print(table[table.damage == "none"][list(LIMITS)].agg(["min", "mean", "max"]).round(2).to_string())


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    main(Path(given["labels"]), Path(given["out"]), int(given.get("femurs", 80)))
