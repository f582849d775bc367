"""Are hips found, outlined and measured wherever they lie? Phantoms whose film is larger, smaller or off centre.

Run from anywhere: `python experiments/anywhere/run.py checkpoint=FILE.ckpt out=FOLDER [each=40] [seed=5]
[preset=standard]`; draws films of five kinds, gives them to `hipseg predict` and writes `results.csv` beside itself.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from skimage.io import imread

import hipseg
from hipseg.commands import main as command
from hipseg.config import conf_folder
from hipseg.geometry.grid import Grid
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import LABEL_NAMES, draw_label_map
from hipseg.labels.landmarks import SIDES
from hipseg.measure.reference import reference_gap
from hipseg.metrics.dice import dice_scores
from hipseg.phantom.film import expose_film, inside
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject

SPACING_MM = 0.3
# Rows and columns in mm, and how far the body lies right of and below the film's middle, at most and at least.
KINDS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "centred": ((350, 420), (0, 0), (20, 20)),
    "off centre": ((440, 440), (-25, 25), (-120, 60)),
    "larger than the grid": ((620, 560), (-90, 90), (-150, 150)),
    "one-sided": ((300, 230), (95, 95), (-20, 30)),
    "whole leg": ((1100, 430), (-15, 15), (-420, -320)),
}


def main() -> None:
    """Draw, predict, compare, print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    out, each, seed = Path(options["out"]), int(options.get("each", 40)), int(options.get("seed", 5))
    preset = instantiate(OmegaConf.load(conf_folder() / "preset" / f"{options.get('preset', 'standard')}.yaml"))
    truth: dict[tuple[str, str], Any] = {}
    for kind in KINDS:
        for number in range(each):
            name = f"{kind.replace(' ', '_')}_{number:03d}.dcm"
            truth |= {
                (name, side): known for side, known in _draw(out / "films" / name, kind, preset, seed, number).items()
            }
    command(["predict", f"checkpoint={options['checkpoint']}", f"input={out / 'films'}", f"out={out / 'predicted'}"])
    table = pd.read_csv(out / "predicted" / "predictions.csv", dtype={"file": str}).set_index(["file", "side"])
    crop = hipseg.load(options["checkpoint"]).record["dataset"]["crop"]
    offset = np.array([-crop["lateral_mm"], crop["below_mm"]])
    rows = [_compare(out, key, known, table, offset) for key, known in truth.items()]
    compared = pd.DataFrame(rows)
    compared.to_csv(out / "hips.csv", index=False)
    found = compared.groupby("kind", sort=False).agg(
        hips=("ok", "size"), within_5_mm=("within_5_mm", "sum"), ok=("ok", "sum"), dice=("dice", "mean"),
        mae_mm=("error_mm", lambda error: error.abs().mean()), worst_mm=("error_mm", lambda error: error.abs().max()),
    )  # fmt: skip
    found.round(3).to_csv(Path(__file__).parent / "results.csv")
    print(found.round(3).to_string())


def _draw(path: Path, kind: str, preset: Any, seed: int, number: int) -> dict[str, Any]:
    """Write one film; the landmarks and width of every hip that lies on it whole."""
    (height, width), right, below = KINDS[kind]
    rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
    subject, stance, beam = draw_subject(rng, preset), draw_stance(rng, preset.pose), draw_beam(rng, preset.exposure)
    place = float(rng.uniform(*right)), float(rng.uniform(*below))
    if kind == "one-sided" and number % 2:
        place = -place[0], place[1]
    grid = Grid.of_film((round(height / SPACING_MM), round(width / SPACING_MM)), SPACING_MM)
    skeleton = pose_skeleton(subject, replace(stance, centre_mm=place), subject.widths_mm, grid.centre_mm)
    film = expose_film(subject, skeleton, beam, grid, rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    spacing = grid.spacing_mm, grid.spacing_mm
    header = Header(f"{number:04d}", "20260101", "CR", spacing, "PixelSpacing", "MONOCHROME2", 12, "plain", path.name)
    write_radiograph(path, header, np.rint(film.values * 4095).astype(np.uint16))
    hips = {side: skeleton.hips[side].landmarks for side in SIDES}
    return {
        side: (kind, points, reference_gap(spline_curves(points)).width)
        for side, points in hips.items() if inside(points, grid)
    }  # fmt: skip


def _compare(out: Path, key: tuple[str, str], known: Any, table: pd.DataFrame, middle_mm: np.ndarray) -> dict[str, Any]:
    """One hip's prediction beside its truth.

    Args:
        out: Where predictions lie.
        key: File and side.
        known: Kind, landmarks and width.
        table: `predictions.csv`.
        middle_mm: From a head to the middle of its window, of a right hip.
    """
    (name, side), (kind, points, width) = key, known
    row = table.loc[key] if key in table.index else None
    found: dict[str, Any] = {"kind": kind, "file": name, "side": side, "status": "" if row is None else row["status"]}
    found |= {"ok": found["status"] == "ok", "within_5_mm": False, "dice": 0.0, "error_mm": np.nan}
    label = out / "predicted" / "labels" / f"{name}_{side}.png"
    if row is None or not label.is_file():
        return found
    predicted, spacing_mm = imread(label), float(row["labels_spacing_mm"])
    # A left hip's label map runs to the left.
    run = np.array([-1.0 if side == "left" else 1.0, 1.0])
    local = (points - row[["labels_x_mm", "labels_y_mm"]].to_numpy(dtype=float)) * run / spacing_mm
    middle = (np.array(predicted.shape[::-1]) - 1) / 2
    away_mm = (head_circle(local).centre - middle) * spacing_mm + middle_mm
    found["within_5_mm"] = bool(np.hypot(*away_mm) < 5)
    true = draw_label_map(local, predicted.shape, spline_curves)
    scores = dice_scores(torch.from_numpy(predicted)[None], torch.from_numpy(true)[None], len(LABEL_NAMES))
    found["dice"] = float(scores[0, 1:].mean())
    if found["ok"]:
        found["error_mm"] = float(row["mjsw_mm"]) - width
    return found


if __name__ == "__main__":
    main()
