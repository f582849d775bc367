"""The periosteal surface of a predicted femur with the thickness of its cortex: a file, a picture, two numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface
from hipseg.geometry.volume import Volume
from hipseg.io.ply import write_ply
from hipseg.labels.landmarks import Side
from hipseg.measure.cortical_thickness import mask_thickness, profile_thickness
from hipseg.report.femur_views import draw_thickness
from hipseg.report.mesh_views import NoRendering

COLUMNS: Final = ("cortex_mean_mm", "cortex_fitted")
_STRIDE: Final = 2  # voxels between vertices, as in experiments/cortical_thickness


def write_cortex(
    scan: Volume, labels: NDArray[np.uint8], side: Side, surface_file: Path, picture: Path
) -> dict[str, float]:
    """Measure the thickness of the cortex by profiles of grey values, and write what was found.

    Args:
        scan: In Hounsfield units, upright.
        labels: (slices, rows, columns) of one femur on its voxels: 1 the cortex, 2 what it encloses; both are there.
        side: Of the femur.
        surface_file: PLY to write, in the patient's millimetres, with `thickness_mm` at every vertex, NaN where no
            profile fits.
        picture: PNG to write; none where nothing renders or no profile fits.

    Returns:
        By `COLUMNS`: the mean in mm over the area of the whole periosteal surface where profiles fit, NaN if none does;
        and the share of all vertices where they do.
    """
    surface, about = mask_thickness(labels, scan.grid.spacing_mm, _STRIDE)
    thickness = profile_thickness(scan.values, surface, about, scan.grid.spacing_mm).thickness_mm
    write_ply(surface_file, scan.grid.to_patient(surface), {"thickness_mm": thickness})
    fitted = np.isfinite(thickness)
    if not fitted.any():
        return dict(zip(COLUMNS, (float("nan"), 0.0), strict=True))
    try:
        draw_thickness(_as_left(surface, side), thickness, picture)
    except NoRendering as error:
        print(f"warning: {picture.name} is not drawn, because {error}")
    mean = np.average(thickness[fitted], weights=surface.vertex_areas()[fitted])
    return dict(zip(COLUMNS, (float(mean), float(fitted.mean())), strict=True))


def _as_left(surface: Surface, side: Side) -> Surface:
    """A surface along slices, rows and columns as pictures show it: (column, row, slice), right femurs mirrored."""
    turned = Surface(np.ascontiguousarray(surface.vertices[:, ::-1]), np.ascontiguousarray(surface.faces[:, ::-1]))
    return turned.mirrored() if side == "right" else turned
