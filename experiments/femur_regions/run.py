"""Regions of femurs: their places against the phantom's truth, and volumes of femurs turned or sampled otherwise.

Usage: python run.py scans=FOLDER out=FOLDER [subjects=10] (scans of 'hipseg phantom kind=ct')
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from hipseg.geometry.volume import Volume, upright
from hipseg.io.nifti import read_nifti
from hipseg.labels.landmarks import SIDES
from hipseg.measure.femur_regions import (
    REGION_NAMES,
    REGION_VOLUMES,
    RegionPlanes,
    find_planes,
    measure_femur,
    region_map,
)

TURN_DEG = (12.0, -8.0, 10.0)
COARSE_MM = (1.6, 1.2, 1.2)
COLOURS = ("#4c9be8", "#f2b134", "#63b76c", "#d9694f", "#9a9a9a")


def resampled(labels: np.ndarray, spacing: np.ndarray, to: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Labels turned about their middle and sampled otherwise, by the surfaces' lightly blurred masks."""
    size = np.ceil(np.array(labels.shape) * spacing / to).astype(int)
    matrix = np.diag(1 / spacing) @ turn.T @ np.diag(to)
    offset = (np.array(labels.shape) - 1) / 2 - matrix @ ((size - 1) / 2)
    within = [
        affine_transform(
            gaussian_filter((labels >= least).astype(np.float32), 0.5), matrix, offset, tuple(size), order=1
        )
        for least in (1, 2)
    ]
    return ((within[0] > 0.5).astype(np.uint8) + (within[1] > 0.5)).astype(np.uint8)


def against_truth(scan: Volume, truth: pd.Series) -> dict[str, float]:
    """Distances of found places from the truth's, in mm and degrees."""
    geometry = find_planes(scan.values > 0, scan.grid.spacing_mm).geometry

    def in_patient(place: np.ndarray) -> np.ndarray:
        return scan.grid.to_mm(place / np.array(scan.grid.spacing_mm))

    def known(name: str) -> np.ndarray:
        return np.array([truth[f"{name}_{axis}_mm"] for axis in "xyz"])

    head = in_patient(geometry.head_mm)
    neck = in_patient(geometry.head_mm + geometry.neck_axis) - head
    shaft = in_patient(geometry.head_mm + geometry.shaft_axis) - head
    axes = {
        "neck": (neck, known("neck") - known("head")),
        "shaft": (shaft, known("shaft_lower") - known("shaft_upper")),
    }
    angles = {
        f"{name}_deg": float(np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))))
        for name, (a, b) in axes.items()
    }
    return {
        "head_mm": float(np.linalg.norm(head - known("head"))),
        "radius_mm": geometry.radius_mm - float(truth["head_radius_mm"]),
        **angles,
    }


def changed(scan: Volume) -> dict[str, float]:
    """Volumes in percent of what they were, of a femur turned, sampled coarsely, and both."""
    spacing, turn = np.array(scan.grid.spacing_mm), Rotation.from_euler("xyz", TURN_DEG, degrees=True).as_matrix()
    labels = np.pad(scan.values.astype(np.uint8), ((0, 0), (30, 30), (30, 30)))
    straight = measure_femur(labels, scan.grid.spacing_mm).volumes_cm3
    ways = {"turned": (spacing, turn), "coarse": (np.array(COARSE_MM), np.eye(3)), "mirrored": None}
    found = {}
    for name, way in ways.items():
        seen = labels[:, :, ::-1] if way is None else resampled(labels, spacing, *way)
        at = tuple(spacing if way is None else way[0])
        volumes = measure_femur(np.ascontiguousarray(seen), at).volumes_cm3
        found |= {f"{name} {region}": 100 * (volumes[region] / straight[region] - 1) for region in REGION_VOLUMES}
    return found


def draw(scan: Volume, path: Path) -> None:
    """The regions of one femur from the front and in a section, and the planes between them."""
    bone, spacing = scan.values > 0, scan.grid.spacing_mm
    planes = find_planes(bone, spacing)
    regions = region_map(bone, planes, spacing)
    first = np.argmax(regions > 0, axis=1)[:, None]
    seen = {
        "from the front": np.take_along_axis(regions, first, 1)[:, 0],
        "section through the head": regions[:, round(planes.geometry.head_mm[1] / spacing[1])],
    }
    figure = Figure(figsize=(9.5, 6.2), dpi=130)
    for axes, (title, picture) in zip(figure.subplots(1, 2), seen.items(), strict=True):
        draw_regions(axes, picture, planes, spacing)
        axes.set_title(title, fontsize=10)
    names = zip(REGION_NAMES[1:], COLOURS, strict=True)
    handles = [figure.axes[0].plot([], [], "s", color=colour, label=name)[0] for name, colour in names]
    figure.legend(handles=handles, loc="lower center", ncols=5, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path)


def draw_regions(axes: Axes, seen: np.ndarray, planes: RegionPlanes, spacing: tuple[float, ...]) -> None:
    """Regions of one plane with the head's circle, both axes and the planes, all seen from the front."""
    extent = (0, seen.shape[1] * spacing[2], 0, seen.shape[0] * spacing[0])
    masked = np.ma.masked_equal(seen, 0)
    axes.imshow(masked, cmap=ListedColormap(COLOURS), vmin=0.5, vmax=5.5, origin="lower", extent=extent)
    geometry, turn = planes.geometry, np.linspace(0, 2 * np.pi, 100)
    head, meeting = geometry.head_mm[[2, 0]], geometry.shaft_mm[[2, 0]]
    axes.plot(*(head[:, None] + geometry.radius_mm * np.stack([np.cos(turn), np.sin(turn)])), "k:", linewidth=1)
    for start, direction, ends, levels in (
        (head, geometry.neck_axis[[2, 0]], (0, 75), (planes.head_end_mm, planes.neck_end_mm)),
        (meeting, geometry.shaft_axis[[2, 0]], (-25, 75), (0.0, planes.end_mm)),
    ):
        along = direction / np.linalg.norm(direction)
        across = np.array([-along[1], along[0]])
        axes.plot(*np.stack([start + end * along for end in ends]).T, "k-", linewidth=0.8)
        for level in levels:
            axes.plot(*np.stack([start + level * along + side * across for side in (-32, 32)]).T, "k--", linewidth=1)
    there = np.argwhere(seen > 0)
    (low, left), (high, right) = there.min(axis=0), there.max(axis=0)
    axes.set(xlim=(left * spacing[2] - 8, right * spacing[2] + 8), ylim=(low * spacing[0], high * spacing[0] + 6))
    axes.set_aspect("equal")
    axes.axis("off")


def main(scans: Path, out: Path, subjects: int = 10) -> None:
    """Write `places.csv`, `changed.csv` and `regions.png`."""
    out.mkdir(parents=True, exist_ok=True)
    truth = pd.read_csv(next(scans.parent.glob(f"{scans.name}.truth*.csv"))).set_index(["subject", "side"])
    places, changes = [], []
    for number in range(1, subjects + 1):
        for side in SIDES:
            scan = upright(read_nifti(scans / "labels" / f"S{number:04d}_{side}.nii.gz"))
            places.append({"subject": number, "side": side, **against_truth(scan, truth.loc[(f"S{number:04d}", side)])})
            changes.append({"subject": number, "side": side, **changed(scan)})
            if (number, side) == (1, "left"):
                draw(scan, out / "regions.png")
            print(f"S{number:04d} {side}", flush=True)
    for name, rows in (("places", places), ("changed", changes)):
        table = pd.DataFrame(rows)
        table.to_csv(out / f"{name}.csv", index=False, float_format="%.3f")
        said = table.drop(columns=["subject", "side"])
        print(pd.DataFrame({"mean": said.mean(), "sd": said.std(), "largest": said.abs().max()}).round(2).to_string())


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    main(Path(given["scans"]), Path(given["out"]), int(given.get("subjects", 10)))
