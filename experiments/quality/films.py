"""Films of phantoms that are sound, and films whose hips can't be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.io.dicom_writer import Header, write_radiograph
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.film import expose_film
from hipseg.phantom.preset import Preset, Surroundings
from hipseg.phantom.skeleton import Skeleton, pose_skeleton
from hipseg.phantom.subject import draw_beam, draw_stance, draw_subject

SPACING_MM = 0.2
SIZE_MM = (350.0, 420.0)
Image = NDArray[np.float32]
NOTHING = Surroundings(belly=0, ruler=0, letter=0, text=0, boxes=0, zipper=0, clips=(0, 0), ball=0, hardware=0)


class Drawn:
    """A film: its grey values, its pixels, the body on it, and the spacing that its header states."""

    def __init__(self, preset: Preset, seed: int, number: int, hardware: bool, prosthesis: Side | None) -> None:
        self.rng = np.random.default_rng([seed, number])
        subject, stance = draw_subject(self.rng, preset), draw_stance(self.rng, preset.pose)
        beam = draw_beam(self.rng, preset.exposure)
        rows, columns = (round(length / SPACING_MM) for length in SIZE_MM)
        self.grid, self.stated_mm = Grid.of_film((rows, columns), SPACING_MM), SPACING_MM
        self.skeleton: Skeleton = pose_skeleton(subject, stance, subject.widths_mm, self.grid.centre_mm)
        around = replace(preset.surroundings or NOTHING, hardware=float(hardware))
        self.values: Image = expose_film(
            subject, self.skeleton, beam, self.grid, self.rng, prosthesis, around if hardware else preset.surroundings
        ).values

    def head(self, side: Side) -> NDArray[np.float64]:
        """Column, row and radius of a head in pixels."""
        circle = head_circle(self.skeleton.hips[side].landmarks)
        return np.array([circle.x, circle.y, circle.radius]) / SPACING_MM

    def write(self, path: Path) -> None:
        """As DICOM."""
        path.parent.mkdir(parents=True, exist_ok=True)
        spacing = self.stated_mm, self.stated_mm
        header = Header(
            path.stem, "20260101", "CR", spacing, "PixelSpacing", "MONOCHROME2", 12, "plain", str(path.name)
        )
        write_radiograph(path, header, np.rint(self.values * 4095).astype(np.uint16))


def _cut_by_the_film(film: Drawn) -> None:
    """What lies above the middle of both heads is missing."""
    row = int(max(film.head(side)[1] for side in SIDES) - film.rng.uniform(-0.4, 0.4) * film.head("right")[2])
    film.values = film.values[row:]


def _box_over_the_roof(film: Drawn) -> None:
    for side in SIDES:
        x, y, radius = film.head(side)
        low, high = int(y - 1.6 * radius), int(y - film.rng.uniform(0.6, 0.95) * radius)
        film.values[low:high, int(x - 1.5 * radius) : int(x + 1.5 * radius)] = 0


def _stated_spacing(factor: float) -> Callable[[Drawn], None]:
    def state(film: Drawn) -> None:
        film.stated_mm = factor * SPACING_MM

    return state


def _thighs_alone(film: Drawn) -> None:
    row = int(max(film.head(side)[1] + 2.2 * film.head(side)[2] for side in SIDES))
    film.values = film.values[row:]


def _nothing_but_soft_tissue(film: Drawn) -> None:
    """Slow changes with grain, as of a belly."""
    rows, columns = (np.linspace(-1, 1, n)[:, None] for n in film.values.shape)
    thickness = np.clip(1 - 0.5 * (rows**2 + columns.T**2), 0, None) ** film.rng.uniform(0.5, 2)
    film.values = np.clip(0.6 * thickness + film.rng.normal(0, 0.02, film.values.shape), 0, 1).astype(np.float32)


def _unchanged(film: Drawn) -> None:
    return


# What is done to the film, whether it has hardware, and whose side has a prosthesis; a prosthesis is its side's alone.
KINDS: dict[str, tuple[Callable[[Drawn], None], bool, Side | None]] = {
    "prosthesis, right": (_unchanged, False, "right"),
    "prosthesis, left": (_unchanged, False, "left"),
    "screws, nails, plates": (_unchanged, True, None),
    "film ends within the head": (_cut_by_the_film, False, None),
    "black box over the roof": (_box_over_the_roof, False, None),
    "spacing stated as half": (_stated_spacing(0.5), False, None),
    "spacing stated as 1.8 times": (_stated_spacing(1.8), False, None),
    "thighs alone": (_thighs_alone, False, None),
    "soft tissue alone": (_nothing_but_soft_tissue, False, None),
}


def draw(folder: Path, preset: Preset, kind: str | None, films: int, seed: int) -> dict[str, tuple[Side, ...]]:
    """Write films of a kind, sound ones if None; the sides that count of each, by its file's name."""
    change, hardware, prosthesis = KINDS[kind] if kind is not None else (_unchanged, False, None)
    names = {}
    for number in range(films):
        film = Drawn(preset, seed, number, hardware, prosthesis)
        change(film)
        name = f"{number:04d}.dcm"
        film.write(folder / name)
        names[name] = SIDES if prosthesis is None else (prosthesis,)
    return names
