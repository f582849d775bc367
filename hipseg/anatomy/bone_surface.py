"""The surface of the bones in a CT."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.ndimage import label
from skimage.measure import marching_cubes

from hipseg.errors import Excluded
from hipseg.geometry.surface import Surface
from hipseg.geometry.volume import Volume

_BONE_HU: Final = 250.0
_STEP_MM: Final = 2.4  # of the grid on which bones are searched
_PIECE_MM3: Final = 4000.0  # smaller ones are no pelvis


def bone_surface(scan: Volume) -> Surface:
    """The surface of bones, on a grid of about 2.4 mm, in the patient's millimetres.

    Raises:
        Excluded: `not_located` if there is no bone.
    """
    steps = [max(1, round(_STEP_MM / mm)) for mm in scan.grid.spacing_mm]
    shape = [length // step for length, step in zip(scan.values.shape, steps, strict=True)]
    if min(shape) < 8:
        raise Excluded("not_located", "it has too few slices for a pelvis")
    kept = scan.values[tuple(slice(0, n * step) for n, step in zip(shape, steps, strict=True))]
    small = np.zeros(shape, dtype=np.float32)
    for index in np.ndindex(*steps):
        small += kept[tuple(slice(first, None, step) for first, step in zip(index, steps, strict=True))]
    small /= np.prod(steps)
    pieces, count = label(small > _BONE_HU)
    voxel = float(np.prod(np.multiply(scan.grid.spacing_mm, steps)))
    large = np.bincount(pieces.ravel(), minlength=count + 1) * voxel > _PIECE_MM3
    large[0] = False
    if not large.any():
        raise Excluded("not_located", "there is no bone in it")
    small[(small > _BONE_HU) & ~large[pieces]] = _BONE_HU - 1
    vertices, faces, _, _ = marching_cubes(small, _BONE_HU)
    placed = scan.grid.to_mm(vertices * steps + (np.array(steps) - 1) / 2)
    turned = np.linalg.det(scan.grid.affine[:3, :3]) < 0
    return Surface(placed, (faces if turned else faces[:, ::-1]).astype(np.int64))
