"""Hounsfield units of the CT phantom by tissue, and a sheet of its slices.

Usage: python run.py out=FOLDER [subjects=4] [seed=9]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from scipy.ndimage import distance_transform_edt

from hipseg.config import conf_folder
from hipseg.labels.landmarks import SIDES
from hipseg.phantom.ct.cohort import CtJob, Scanned, scan_subject
from hipseg.phantom.ct.muscles import ARTERY, MUSCLES, ORGANS

# mean, or least and most, and where from.
KNOWN = {
    "fat under the skin": "-100 to -50 (Prokop, Spiral and Multislice CT of the Body, 2003)",
    "iliopsoas": "40 to 80 (Grainger & Allison's Diagnostic Radiology)",
    "femoral artery": "30 to 65, blood without contrast (Prokop 2003; Buzug 2008)",
    "bladder": "0 to 15, fluid",
    "femoral head, middle": "above 245 without osteoporosis (Andresen et al., Orthopaedie 2025, threshold)",
    "femoral neck, middle": "132 normal, 99 osteopenia, 41 osteoporosis (J Korean Soc Radiol 2021;82:173)",
    "shaft, cortex": "to 2000 (compact bone)",
    "shaft, marrow": "-100 to -50, fat",
}


def by_tissue(scanned: Scanned) -> dict[str, np.ndarray]:
    """Voxels of every tissue."""
    truth, found = scanned.truth, {name: list[np.ndarray]() for name in KNOWN}
    hu = scanned.hu.astype(np.float32)
    rotation, shift = truth.place[:3, :3], truth.place[:3, 3]
    index = np.stack(np.indices(hu.shape), axis=-1)

    def ball(place: np.ndarray, radius_mm: float) -> np.ndarray:
        middle = scanned.grid.to_indices(rotation @ place + shift)
        reach = np.ceil(radius_mm / np.array(scanned.grid.spacing_mm)).astype(int) + 1
        window = tuple(
            slice(max(int(at) - more, 0), int(at) + more + 1) for at, more in zip(middle, reach, strict=True)
        )
        away = (index[window] - middle) * scanned.grid.spacing_mm
        return hu[window][np.linalg.norm(away, axis=-1) < radius_mm]

    for side in SIDES:
        femur, outward = truth.bones.femurs[side], np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        muscle = next(tube for tube in MUSCLES if tube.name == "iliopsoas")
        found["iliopsoas"].append(ball(femur.head_mm + outward * muscle.pelvis[1], 6.0))
        found["femoral artery"].append(ball(femur.head_mm + outward * ARTERY.pelvis[-1], 2.0))
        found["femoral head, middle"].append(ball(femur.head_mm, 8.0))
        found["femoral neck, middle"].append(ball(femur.neck_mm + 0.25 * (femur.neck_mm - femur.head_mm), 5.0))
        labels = scanned.labels[side][:60]
        deep = distance_transform_edt(labels == 1, scanned.grid.spacing_mm) > 1.6
        found["shaft, cortex"].append(hu[:60][deep])
        found["shaft, marrow"].append(hu[:20][distance_transform_edt(labels[:20] == 2, scanned.grid.spacing_mm) > 2.0])
        row = scanned.grid.to_indices(rotation @ femur.head_mm + shift).round().astype(int)
        line = hu[row[0], :, row[2]]
        skin = int(np.argmax(line > -300))
        found["fat under the skin"].append(line[skin + 6 : skin + 12])
    found["bladder"].append(ball(np.array(ORGANS[0].centre_mm, dtype=float), 10.0))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def draw(scanned: Scanned, path: Path) -> None:
    """Five slices, and a coronal plane through the heads."""
    heads = scanned.grid.to_indices(
        np.array([scanned.truth.place[:3, :3] @ scanned.truth.bones.femurs[side].head_mm for side in SIDES])
        + scanned.truth.place[:3, 3]
    ).round().astype(int)  # fmt: skip
    level, row = heads[0][:2]
    figure = Figure(figsize=(15, 9))
    axes = figure.subplots(2, 3).ravel()
    for axis, step in zip(axes, (45, 18, 0, -38, -105), strict=False):
        axis.imshow(scanned.hu[level + step], cmap="gray", vmin=-160, vmax=340)
        axis.set_title(f"{step * scanned.grid.spacing_mm[0]:+.0f} mm from the heads", fontsize=9)
    axes[5].imshow(scanned.hu[::-1, row], cmap="gray", vmin=-160, vmax=700, aspect=0.987 / 0.8)
    axes[5].set_title("through the heads, coronal", fontsize=9)
    for axis in axes:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


def main() -> None:
    """Scan, measure, write."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    out = Path(given["out"])
    out.mkdir(parents=True, exist_ok=True)
    preset = instantiate(OmegaConf.load(conf_folder() / "ct_preset" / "hips.yaml"))
    values: dict[str, list[np.ndarray]] = {name: [] for name in KNOWN}
    for subject in range(int(given.get("subjects", 4))):
        scanned = scan_subject(CtJob(out, preset, int(given.get("seed", 9)), subject))
        for name, voxels in by_tissue(scanned).items():
            values[name].append(voxels)
        draw(scanned, out / f"subject_{subject}.png")
    rows = [
        {
            "tissue": name,
            "mean_hu": round(float(np.mean([part.mean() for part in parts]))),
            "between_subjects_sd": round(float(np.std([part.mean() for part in parts]))),
            "within_sd": round(float(np.mean([part.std() for part in parts]))),
            "elsewhere": KNOWN[name],
        }
        for name, parts in values.items()
    ]
    table = pd.DataFrame(rows)
    table.to_csv(out / "tissues.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
