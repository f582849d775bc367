"""Cortical thickness of CT phantoms against the truth at every vertex, by labels and by profiles.

Usage: python run.py scans=DIR out=FOLDER [subjects=S0011,S0012,S0013,S0014]

DIR is what `hipseg phantom kind=ct out=DIR` has made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from hipseg.data.sources.scans import read_scan
from hipseg.geometry.volume import Volume, VolumeGrid, upright
from hipseg.io.nifti import read_nifti
from hipseg.labels.landmarks import SIDES
from hipseg.measure.cortical_shared import Shared
from hipseg.measure.cortical_thickness import mask_thickness, profile_thickness

BINS = ((0.3, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 7.6))
CAP_MM = 8.0  # of a femur's lower end, where the phantom's bone is closed
OFF_MM = 0.5
OFF_OVER_MM = 6.0
Case = tuple[Volume, np.ndarray]


def read_vertices(path: Path) -> np.ndarray:
    """(n, 4) x, y, z and thickness of a PLY file that `hipseg phantom` wrote."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    count = int(next(line for line in lines if line.startswith("element vertex")).split()[-1])
    columns = sum(line.startswith("property float") for line in lines)
    return np.frombuffer(body, "<f4", count * columns).reshape(count, columns).astype(np.float64)


def as_they_are(case: Case) -> Case:
    """Scan and labels as the phantom made them: its labels are the truth at every voxel's centre."""
    return case


def outlines_off(case: Case) -> Case:
    """Both surfaces of the labels moved in and out by 0.5 mm (SD), smoothly over some centimetres."""
    scan, labels = case
    rng, spacing = np.random.default_rng(1), scan.grid.spacing_mm
    there = np.argwhere(labels)
    window = tuple(slice(max(low - 8, 0), high + 9) for low, high in zip(there.min(0), there.max(0), strict=True))
    moved = []
    for mask in (labels[window] > 0, labels[window] == 2):
        away = distance_transform_edt(~mask, spacing) - distance_transform_edt(mask, spacing)
        field = gaussian_filter(rng.standard_normal(mask.shape), [OFF_OVER_MM / mm for mm in spacing])
        moved.append(away + OFF_MM * field / field.std() < 0)
    made = np.zeros_like(labels)
    made[window] = np.where(moved[0], np.where(moved[1], 2, 1), 0)
    return scan, made


def thick_slices(case: Case) -> Case:
    """Means of three slices, 2.96 mm thick."""
    scan, labels = case
    count = len(labels) // 3
    values = scan.values[: 3 * count].reshape(count, 3, *labels.shape[1:]).mean(axis=1)
    affine = scan.grid.affine.copy()
    affine[:3, 3] += affine[:3, 0]
    affine[:3, 0] *= 3
    return Volume(values, VolumeGrid(values.shape, affine)), labels[1 : 3 * count : 3]


def region_of(points: np.ndarray, femur: pd.Series) -> np.ndarray:
    """(n,) `head`, `neck`, `trochanters` or `shaft`."""
    head, neck, upper, lower = (
        femur[[f"{name}_{axis}_mm" for axis in "xyz"]].to_numpy(dtype=float)
        for name in ("head", "neck", "shaft_upper", "shaft_lower")
    )
    length, radius = float(np.linalg.norm(neck - head)), float(femur["head_radius_mm"])
    axis, up = (neck - head) / length, (upper - lower) / np.linalg.norm(upper - lower)
    away = points - head
    along = away @ axis
    beside = np.linalg.norm(away - along[:, None] * axis, axis=1)
    is_head = (along < 0.75 * radius) & (np.linalg.norm(away, axis=1) < 1.3 * radius)
    is_neck = (along < length + 12) & (beside < 28)
    return np.select([is_head, is_neck, -away @ up > 85], ["head", "neck", "shaft"], "trochanters")


def measure(case: Case, truth: np.ndarray, femur: pd.Series, density_off: tuple[float, ...]) -> pd.DataFrame:
    """Both methods at every vertex of one femur."""
    scan, labels = case
    begun = time.process_time()
    surface, by_mask = mask_thickness(labels, scan.grid.spacing_mm, 2)
    masked = time.process_time()
    profile = profile_thickness(scan.values, surface, by_mask, scan.grid.spacing_mm)
    fitted = time.process_time()
    points = scan.grid.to_patient(surface).vertices
    table = pd.DataFrame({
        "true_mm": truth[cKDTree(truth[:, :3]).query(points)[1], 3], "region": region_of(points, femur),
        "mask": by_mask, "profile": profile.thickness_mm, "status": profile.status,
    })  # fmt: skip
    assert profile.shared is not None
    for off in density_off:
        known = replace(profile.shared, cortical_hu=profile.shared.cortical_hu + off)
        table[f"density{off:+g}"] = profile_thickness(
            scan.values, surface, by_mask, scan.grid.spacing_mm, known
        ).thickness_mm
    report(femur, len(points), profile.shared, masked - begun, fitted - masked)
    up = points[:, 2] - points[:, 2].min()
    return table[up > CAP_MM]


def report(femur: pd.Series, vertices: int, shared: Shared, mask_s: float, fit_s: float) -> None:
    """One line a femur."""
    plane, through = shared.blur_mm
    print(f"{femur.subject} {femur.side}: {vertices} vertices, labels {mask_s:.1f} s, profiles {fit_s:.1f} s")
    print(
        f"  cortex {shared.cortical_hu:.0f} HU (true {femur.cortical_hu:.0f}), blur {plane:.2f} and {through:.2f} mm",
        flush=True,
    )


def summarise(table: pd.DataFrame, variant: str, methods: list[str]) -> list[dict[str, object]]:
    """Bias and SD by thickness and by region."""
    groups = {f"{low:g}-{high:g} mm": table[(table.true_mm >= low) & (table.true_mm < high)] for low, high in BINS}
    groups |= {region: table[table.region == region] for region in ("head", "neck", "trochanters", "shaft")}
    groups |= {"0.3-4 mm": table[table.true_mm < 4.0], "all": table}
    rows = list[dict[str, object]]()
    for name, group in groups.items():
        for method in methods:
            error = (group[method] - group.true_mm).dropna()
            rows.append({
                "variant": variant, "method": method, "where": name, "vertices": len(group),
                "measured_percent": round(100 * len(error) / max(len(group), 1), 1),
                "bias_mm": round(float(error.mean()), 3), "sd_mm": round(float(error.std()), 3),
                "off_by_half_mm_percent": round(100 * float((error.abs() > 0.5).mean()), 2),
            })  # fmt: skip
    return rows


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """Thickness against truth, both methods, labels as they are and off."""
    figure = Figure(figsize=(9, 9))
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    edges = np.linspace(0, 7.5, 101)
    for row, variant in zip(axes, ("as_they_are", "outlines_off"), strict=True):
        for axis, method in zip(row, ("mask", "profile"), strict=True):
            known = tables[variant].dropna(subset=[method])
            axis.hist2d(known.true_mm, known[method], bins=(edges, edges), norm="log", cmap="viridis")
            axis.plot([0, 7.5], [0, 7.5], color="red", linewidth=0.7)
            axis.set_title(f"{method}, labels {variant.replace('_', ' ')}", fontsize=10)
            axis.set_aspect("equal")
    figure.supxlabel("true thickness, mm")
    figure.supylabel("measured, mm")
    figure.tight_layout()
    figure.savefig(path, dpi=60)


def main() -> None:
    """Read, measure, write."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    root, out = Path(given["scans"]), Path(given["out"])
    out.mkdir(parents=True, exist_ok=True)
    femurs = pd.read_csv(root.parent / f"{root.name}.truth.csv").set_index(["subject", "side"], drop=False)
    variants: tuple[Callable[[Case], Case], ...] = (as_they_are, outlines_off, thick_slices)
    tables: dict[str, list[pd.DataFrame]] = {variant.__name__: [] for variant in variants}
    density = {"as_they_are": (-100.0, 100.0)}
    for subject in given.get("subjects", "S0011,S0012,S0013,S0014").split(","):
        scan = upright(read_scan(next((root / "scans").glob(f"{subject}*"))))
        for side in SIDES:
            labels = upright(read_nifti(root / "labels" / f"{subject}_{side}.nii.gz")).values.astype(np.uint8)
            truth = read_vertices(root.parent / f"{root.name}.truth" / f"{subject}_{side}_periosteal.ply")
            for variant in variants:
                measured = measure(
                    variant((scan, labels)), truth, femurs.loc[(subject, side)], density.get(variant.__name__, ())
                )
                tables[variant.__name__].append(measured)
    whole = {name: pd.concat(parts) for name, parts in tables.items()}
    rows = list[dict[str, object]]()
    for name, table in whole.items():
        methods = ["mask", "profile", *(column for column in table if column.startswith("density"))]
        rows += summarise(table, name, methods)
        print(name, (100 * table.status.value_counts(normalize=True)).round(2).to_dict())
    results = pd.DataFrame(rows)
    results.to_csv(out / "results.csv", index=False)
    draw(whole, out / "thickness.png")
    print(results.to_string(index=False))


if __name__ == "__main__":
    main()
