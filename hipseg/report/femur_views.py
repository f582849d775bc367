"""The surfaces of a femur in CT from four sides: how far they lie from the true ones, and how thick the cortex is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface
from hipseg.labels.femur import SURFACES
from hipseg.metrics.surface import signed_distances, triangles_of
from hipseg.report.mesh_views import Painted, Scale, View, draw_meshes

DISTANCE: Final = Scale(
    "distance from the true surface (mm)", -2.0, 2.0, "coolwarm", ("too far\nwithin", "too far\noutside")
)
THICKNESS: Final = Scale("thickness of the cortex (mm)", 0.0, 8.0, "viridis")
VIEWS: Final[Mapping[str, View]] = {
    "front": View((0, -1, 0), "medial", "lateral"),
    "back": View((0, 1, 0), "lateral", "medial"),
    "medial": View((-1, 0, 0), "back", "front"),
    "lateral": View((1, 0, 0), "front", "back"),
}
"""Of a left femur; right ones are stored mirrored."""
_SMOOTH: Final = 1.0  # voxels, as distances between surfaces are measured in `hipseg.evaluation.femur`
_MOST_TRIANGLES: Final = 1_000_000  # a femur with its shaft in voxels of 0.8 x 0.8 x 1 mm has 84,000


def draw_views(painted: Mapping[str, Painted], path: Path) -> None:
    """Periosteal and endosteal surface in four views, coloured by their signed distance from the true ones.

    Args:
        painted: As `compared` gives them, at least one.
        path: PNG to write.

    Raises:
        NoRendering: If nothing on this machine renders.
    """
    draw_meshes({_row_name(name, p.values): p for name, p in painted.items()}, DISTANCE, VIEWS, path)


def draw_thickness(surface: Surface, thickness_mm: NDArray[np.float64], path: Path) -> None:
    """The periosteal surface in four views, coloured by the thickness of the cortex beneath.

    Args:
        surface: As `closed_surface` gives it.
        thickness_mm: (n,), one a vertex; grey where NaN.
        path: PNG to write.

    Raises:
        NoRendering: If nothing on this machine renders.
    """
    median = float(np.nanmedian(thickness_mm))
    name = f"periosteal\n\nmedian\n{median:.1f} mm"
    draw_meshes({name: Painted(surface, thickness_mm)}, THICKNESS, VIEWS, path)


def compared(found: NDArray[np.uint8], truth: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> dict[str, Painted]:
    """Both surfaces with their signed distance from the true ones.

    Args:
        found: (slices upwards, rows backwards, columns to the left) labels of a left femur.
        truth: (slices, rows, columns), the annotated ones.
        spacing_mm: Of the three axes.

    Returns:
        By name, values in mm, outside positive; without surfaces of which either map has nothing, and without those
        of speckle, as an untrained network's.
    """
    painted = {}
    for name, labels in SURFACES.items():
        said, known = np.isin(found, labels), np.isin(truth, labels)
        if not (said.any() and known.any()):
            continue
        surface = closed_surface(said, spacing_mm)
        if len(surface.faces) <= _MOST_TRIANGLES:
            away = signed_distances(surface.vertices[:, ::-1], known, spacing_mm, _SMOOTH)
            painted[name] = Painted(surface, away)
    return painted


def closed_surface(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> Surface:
    """The lightly smoothed surface of a mask (slices, rows, columns), its vertices (column, row, slice) in mm."""
    vertices, faces = triangles_of(mask, spacing_mm, _SMOOTH)
    surface = Surface(np.ascontiguousarray(vertices[:, ::-1]), faces)
    return surface if surface.volume_mm3 > 0 else Surface(surface.vertices, np.ascontiguousarray(faces[:, ::-1]))


def _row_name(name: str, away_mm: NDArray[np.float64]) -> str:
    size = np.abs(away_mm)
    return f"{name}\n\nmean {size.mean():.2f} mm\n95 % within\n{np.percentile(size, 95):.2f} mm"
