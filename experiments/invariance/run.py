"""How far a measurement moves when only the film's pixels, polarity, side or place change.

Run from anywhere: `python experiments/invariance/run.py checkpoint=FILE.ckpt out=FOLDER [locator=FILE.ckpt]`.
Films and predictions lie in the folder; the table is printed and written to `results_film.csv` or, with a locator,
`results_joint.csv` beside this file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf

import hipseg
from hipseg.commands import main as command
from hipseg.config import conf_folder
from hipseg.geometry.grid import Grid
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import SIDES, Points, Side, mirror_columns
from hipseg.measure import joint_space_width
from hipseg.phantom.film import expose_film
from hipseg.phantom.skeleton import pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject

SIZE_MM, SPACINGS_MM, USUAL_MM = (348.0, 420.0), (0.1, 0.15, 0.2), 0.2
SHIFTS_PX = ((0, 9), (18, -27))  # down, right in film pixels; 1.8 mm are nine of them and two stored ones of 0.9
SEED, FULL = 41, 4095


class Variant(NamedTuple):
    """One film of a subject; landmarks (80, 2) of both sides in film millimetres."""

    pixels: NDArray[np.uint16]
    spacing_mm: float
    photometric: str
    hips: dict[Side, Points]
    swapped: bool = False


def expose(subject: int, spacing_mm: float) -> Variant:
    """The same subject, pose and beam on pixels of any size."""
    preset = instantiate(OmegaConf.load(conf_folder() / "preset" / "standard.yaml"))
    rng = np.random.default_rng([SEED, subject])
    person = draw_subject(rng, preset)
    rows, columns = (round(length / spacing_mm) for length in SIZE_MM)
    grid = Grid.of_film((rows, columns), spacing_mm)
    stance, beam = draw_stance(rng, preset.pose), draw_beam(rng, preset.exposure)
    skeleton = pose_skeleton(person, stance, person.widths_mm, grid.centre_mm)
    exposed = expose_film(person, skeleton, beam, grid, rng)
    pixels = np.rint(exposed.values * FULL).astype(np.uint16)
    return Variant(pixels, spacing_mm, "MONOCHROME2", {side: skeleton.hips[side].landmarks for side in SIDES})


def variants(subject: int) -> dict[str, Variant]:
    """All films of a subject by name."""
    films = {f"{spacing_mm:.2f} mm": expose(subject, spacing_mm) for spacing_mm in SPACINGS_MM}
    usual = films[f"{USUAL_MM:.2f} mm"]
    inverted = (FULL - usual.pixels).astype(np.uint16)
    films["MONOCHROME1"] = usual._replace(pixels=inverted, photometric="MONOCHROME1")
    films["header lies"] = usual._replace(pixels=inverted)
    right, left = (usual.hips[side] * [-1, 1] + [SIZE_MM[1], 0] for side in SIDES)
    mirrored = np.ascontiguousarray(usual.pixels[:, ::-1])
    films["mirrored"] = usual._replace(pixels=mirrored, hips={"right": left, "left": right}, swapped=True)
    for down, across in SHIFTS_PX:
        moved = np.roll(usual.pixels, (down, across), axis=(0, 1))
        hips = {side: points + np.array([across, down]) * USUAL_MM for side, points in usual.hips.items()}
        films[f"moved {down * USUAL_MM:.1f} down, {across * USUAL_MM:.1f} mm right"] = usual._replace(
            pixels=moved, hips=hips
        )
    return films


def soft_map_width(film: Variant, side: Side, made: dict[str, object]) -> float:
    """Measured on the true soft label map of one hip, as the film's pixels are stored for the network."""
    shape, spacing_mm = (int(made["rows"]), int(made["columns"])), float(made["spacing_mm"])  # type: ignore[call-overload, arg-type]
    grid = Grid.of_film((film.pixels.shape[0], film.pixels.shape[1]), film.spacing_mm)
    circle = head_circle(film.hips[side])
    centre = (circle.x, circle.y) if made.get("region") == "joint" else grid.centre_mm
    points = Grid.centred(shape, spacing_mm, centre).to_pixels(film.hips[side])
    points = mirror_columns(points, shape[1]) if side == "left" else points
    return joint_space_width(draw_label_shares(points, shape, spline_curves), spacing_mm).mjsw_mm


def main() -> None:
    """Print and write the table."""
    options = dict(argument.split("=") for argument in sys.argv[1:])
    made = hipseg.load(options["checkpoint"]).record["preprocessing"]
    films, out = Path(options["out"]) / "films", Path(options["out"]) / "predictions"
    rows = []
    for subject in range(int(options.get("subjects", 10))):
        for number, (name, film) in enumerate(variants(subject).items()):
            spacing = (film.spacing_mm, film.spacing_mm)
            header = Header(
                f"S{subject}",
                "20200101",
                "CR",
                spacing,
                "PixelSpacing",
                film.photometric,
                12,
                "plain",
                f"{subject}/{number}",
            )
            path = films / f"{subject:03d}_{number}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_radiograph(path, header, film.pixels)
            for side in SIDES:
                body: Side = {"right": "left", "left": "right"}[side] if film.swapped else side  # type: ignore[assignment]
                soft = soft_map_width(film, side, made)
                rows.append(
                    {"file": path.name, "side": side, "hip": f"{subject}/{body}", "variant": name, "soft": soft}
                )
    locator = [f"locator={options['locator']}"] if "locator" in options else []
    command(["predict", f"checkpoint={options['checkpoint']}", *locator, f"input={films}", f"out={out}"])
    table = pd.DataFrame(rows).merge(pd.read_csv(out / "predictions.csv"), on=["file", "side"])
    table = table.rename(columns={"mjsw_mm": "predicted"}).set_index(["hip", "variant"])
    lines = []
    for what in ("soft", "predicted"):
        by_variant = table[what].unstack()
        off = by_variant.sub(by_variant[f"{USUAL_MM:.2f} mm"], axis=0)
        for name in dict.fromkeys(row["variant"] for row in rows):
            known = off[name].dropna()
            lines.append((what, name, len(known), known.mean(), known.abs().median(), known.abs().max()))
        spread = (by_variant.max(axis=1) - by_variant.min(axis=1)).dropna()
        lines.append((what, "largest - smallest of all", len(spread), spread.mean(), spread.median(), spread.max()))
    said = pd.DataFrame(lines, columns=["measured on", "variant", "hips", "mean_mm", "median_abs_mm", "worst_mm"])
    kind = "joint" if locator else "film"
    said.to_csv(Path(__file__).parent / f"results_{kind}.csv", index=False, float_format="%.4f")
    print(said.round(4).to_string(index=False))


if __name__ == "__main__":
    main()
