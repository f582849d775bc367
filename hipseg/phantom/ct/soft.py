"""What lies around the bones as Hounsfield units: skin, fat, muscles, vessels, organs."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.phantom.ct.body import COARSE, Build, SoftFields, Volume
from hipseg.phantom.ct.muscles import Tissue

FAT_HU: Final = -102.0
AIR_HU: Final = -1000.0
SKIN_HU: Final = 25.0
MUSCLE_HU: Final = 56.0
VESSEL_HU: Final = 42.0
PLAQUE_HU: Final = 620.0
_ORGAN_HU: Final[dict[Tissue, float]] = {
    "bladder": 6.0,
    "organ": 42.0,
    "rectum": 30.0,
    "bowel": 28.0,
    "gas": -960.0,
    "joint": 78.0,
}
_WALL_HU: Final = 38.0
_WALL_MM: Final = 2.5
_SEPTUM_MM: Final = 1.6
_SKIN_MM: Final = 1.8


def soft_tissue(fields: SoftFields, build: Build, slices: range, shape: tuple[int, int], voxel_mm: float) -> Volume:
    """Hounsfield units (x, y, slices) without bones.

    Args:
        fields: On the coarse grid.
        build: Of the body.
        slices: Indices of the full grid's slices.
        shape: Of the full grid along x and y.
        voxel_mm: The width over which edges blur.
    """

    def full(field: Volume) -> Volume:
        return _double(_double(_double(field, 2, slices), 0, range(shape[0])), 1, range(shape[1]))

    def within(distance: Volume) -> Volume:
        return np.clip(np.float32(0.5) - distance / np.float32(voxel_mm), 0, 1)

    skin, weave = full(fields.skin), full(fields.weave)
    share = np.float32(build.infiltration)
    muscle_hu = MUSCLE_HU + (FAT_HU - MUSCLE_HU) * share + weave * (4 + 45 * share)
    hu = FAT_HU + 7 * weave
    inside = within(full(fields.fascia)) * within(full(fields.muscle)) * within(_SEPTUM_MM - full(fields.septum))
    hu += inside * (muscle_hu - hu)
    for organ, field in fields.organs:
        distance = full(field)
        wall = 0.0 if organ.tissue in ("gas", "joint") else _WALL_MM
        hu += within(distance - wall) * (_WALL_HU - hu)
        hu += within(distance) * (_ORGAN_HU[organ.tissue] + (3 if organ.tissue == "bladder" else 9) * weave - hu)
    for field, plaque in ((fields.vein, None), (fields.artery, fields.plaque)):
        distance = full(field)
        hu += within(distance) * (VESSEL_HU - hu)
        if plaque is not None:
            shell = within(np.abs(distance + 0.6) - 0.7) * within(full(plaque))
            hu += shell * (PLAQUE_HU - hu)
    hu += within(-_SKIN_MM - skin) * (SKIN_HU - hu)
    hu += (1 - within(skin)) * (AIR_HU - hu)
    return hu


def _double(field: Volume, axis: int, wanted: range) -> Volume:
    """A field of the coarse grid at indices of the full one, along an axis."""
    index = np.asarray(wanted)
    lower = field.take(index // COARSE, axis=axis)
    upper = field.take((index + 1) // COARSE, axis=axis)
    return (lower + upper) * np.float32(0.5)
