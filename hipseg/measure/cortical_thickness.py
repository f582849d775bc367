"""Thickness of a femur's cortex at its periosteal surface: by its labels, and by profiles of Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter
from skimage.measure import marching_cubes

from hipseg.geometry.arrays import part_with
from hipseg.geometry.surface import Points3, Surface
from hipseg.labels.femur import SURFACES
from hipseg.measure.cortical_profile import EDGES_AND_LEVELS, Fits, Floats, Layer, Lines, fit_layers, layers_to_start
from hipseg.measure.cortical_shared import Shared, shared_of
from hipseg.metrics.surface import distances, surface_of

Spacing = tuple[float, ...]

_SMOOTH: Final = 1.0  # voxels, of labels
_STEP_MM: Final = 0.25
_INWARDS_MM: Final = 12.0
_OUTWARDS_MM: Final = 4.0
_BEHIND_MM: Final = 4.0  # of what the cortex encloses; further in it is no longer one density
_OTHER_BONE_HU: Final = 150.0  # above the darkest place before it
_SOFT_HU: Final = 300.0  # which only bone, metal and contrast medium exceed
_METAL_HU: Final = 600.0  # above the cortex
# What experiments/cortical_thickness set:
_ROOM_MM: Final = 1.0  # of soft tissue outside
_ASTRAY_MM: Final = 2.0
_INNER_SHARE: Final = 0.6  # of the step from soft tissue to cortex
_RESIDUAL_SHARE: Final = 0.06  # likewise


@dataclass(frozen=True)
class ProfileThickness:
    """What profiles say at n vertices.

    Attributes:
        thickness_mm: (n,), NaN unless the status is `ok`.
        offset_mm: (n,) of the periosteal surface from the vertex, outwards positive; NaN likewise.
        residual_hu: (n,) root mean square of what the layers leave.
        status: (n,) `ok`, `beyond_scan`, `metal`, `other_bone` (too little soft tissue before it), `no_edge` (no two
            edges near the vertex), `residual` (three layers are not what is there), or `no_thick_cortex` for all.
        shared: What all profiles have in common; None if no cortex is thick enough to tell.
    """

    thickness_mm: Floats
    offset_mm: Floats
    residual_hu: Floats
    status: NDArray[np.str_]
    shared: Shared | None


def mask_thickness(labels: NDArray[Any], spacing_mm: Spacing, stride: int = 1) -> tuple[Surface, Floats]:
    """The periosteal surface of labels, and how far the endosteal one lies from its vertices.

    Args:
        labels: (slices, rows, columns): 0 outside, 1 the cortex, 2 what it encloses.
        spacing_mm: Between slices, rows and columns.
        stride: Voxels between vertices.

    Returns:
        The surface, its coordinates along the array's axes in mm from the first voxel's centre, open where the bone
        goes on beyond the array; and (n,) mm.

    Raises:
        ValueError: If one of the labels is missing.
    """
    outside, inside = (np.isin(labels, parts) for parts in (SURFACES["periosteal"], SURFACES["endosteal"]))
    if not inside.any() or not (outside & ~inside).any():
        raise ValueError("labels must have a cortex (1) and what it encloses (2)")
    there = part_with(outside, stride + int(np.ceil(4 * _SMOOTH)))
    part, low = outside[there].astype(np.float32), np.array([axis.start for axis in there])
    smooth = gaussian_filter(part, _SMOOTH, mode="nearest")
    vertices, faces, *_ = marching_cubes(smooth if smooth.max() > 0.5 else part, 0.5, step_size=stride)
    # In the order of the array's axes, scikit-image's faces run clockwise seen from outside.
    outwards = np.ascontiguousarray(faces[:, ::-1], dtype=np.int64)
    surface = Surface((vertices.astype(np.float64) + low) * spacing_mm, outwards)
    return surface, thickness_beneath(surface.vertices, labels, spacing_mm)


def thickness_beneath(points_mm: Points3, labels: NDArray[Any], spacing_mm: Spacing) -> Floats:
    """(n,) mm from points on the periosteal surface to the nearest place of the endosteal one; NaN if there is none.

    Args:
        points_mm: (n, 3) along the array's axes, from the first voxel's centre.
        labels: (slices, rows, columns): 0 outside, 1 the cortex, 2 what it encloses.
        spacing_mm: Between slices, rows and columns.
    """
    enclosed = np.isin(labels, SURFACES["endosteal"])
    if not enclosed.any():
        return np.full(len(points_mm), np.nan)
    return distances(points_mm, surface_of(enclosed, spacing_mm, _SMOOTH))


def profile_thickness(
    image_hu: NDArray[Any],
    surface: Surface,
    about_mm: Floats,
    spacing_mm: Spacing,
    shared: Shared | None = None,
) -> ProfileThickness:
    """Thickness from the blurred profile along every vertex' normal, as far below the voxels' size as noise lets it.

    The method of Treece et al. (see `cortical_profile`): cortical density and blur are first estimated where the cortex
    is thick, and held; then edges and the densities on both sides are fitted at every vertex.

    Args:
        image_hu: (slices, rows, columns) Hounsfield units.
        surface: As `mask_thickness` returns it, within a millimetre or so.
        about_mm: (n,) thickness at its vertices to start from, which says how far inwards a profile counts.
        spacing_mm: Between slices, rows and columns.
        shared: What profiles have in common, where that is known better than this femur tells.
    """
    normals = surface.normals()
    lines, is_seen = _lines(image_hu, surface.vertices, normals, about_mm, spacing_mm)
    start = layers_to_start(lines, about_mm)
    shared = shared_of(lines, start, normals) if shared is None else shared
    if shared is None:
        unknown = np.full(len(start), np.nan)
        return ProfileThickness(unknown, unknown, unknown, np.full(len(start), "no_thick_cortex"), None)
    start[:, Layer.CORTICAL_HU], start[:, Layer.BLUR_MM] = shared.cortical_hu, shared.blur_along(normals)
    fits = fit_layers(lines, start, EDGES_AND_LEVELS)
    status = _status(lines, fits, is_seen)
    thickness, offset = (
        np.where(status == "ok", fits.layers[:, column], np.nan) for column in (Layer.THICKNESS_MM, Layer.OUTER_MM)
    )
    return ProfileThickness(thickness, offset, fits.residual_hu, status, shared)


def _lines(
    image_hu: NDArray[Any], vertices: Points3, normals: Points3, about_mm: Floats, spacing_mm: Spacing
) -> tuple[Lines, NDArray[np.bool_]]:
    """The profiles, and (n,) whether the image reaches as far as they count."""
    at_mm = np.arange(-_INWARDS_MM, _OUTWARDS_MM + _STEP_MM / 2, _STEP_MM)
    low = np.maximum(np.floor((vertices.min(axis=0) - _INWARDS_MM) / spacing_mm).astype(int), 0)
    high = np.ceil((vertices.max(axis=0) + _INWARDS_MM) / spacing_mm).astype(int) + 1
    part = spline_filter(image_hu[tuple(map(slice, low, high))].astype(np.float32), 3, np.float32)
    points = (vertices[:, None] + at_mm[:, None] * normals[:, None]) / spacing_mm - low
    hu = map_coordinates(part, points.transpose(2, 0, 1), order=3, prefilter=False, mode="nearest")
    beyond = ((points < 0) | (points > np.array(part.shape) - 1)).any(axis=-1)
    counts = (at_mm >= -(about_mm[:, None] + _BEHIND_MM)) & _before_other_bone(at_mm, hu)
    return Lines(at_mm, hu, counts), ~(beyond & counts).any(axis=1)


def _before_other_bone(at_mm: Floats, hu: NDArray[Any]) -> NDArray[np.bool_]:
    """(n, m) samples up to the darkest place outside, if the profile rises again beyond it; else all."""
    first = int(np.searchsorted(at_mm, 0.0))
    outside = hu[:, first:]
    rises = outside > np.minimum.accumulate(outside, axis=1) + _OTHER_BONE_HU
    open_to = np.where(rises.any(axis=1), rises.argmax(axis=1), outside.shape[1])
    is_open = np.arange(outside.shape[1]) < open_to[:, None]
    darkest = np.where(is_open, outside, np.inf).argmin(axis=1)
    last = first + np.where(rises.any(axis=1), darkest, outside.shape[1])
    return np.asarray(np.arange(len(at_mm)) <= last[:, None])


def _status(lines: Lines, fits: Fits, is_seen: NDArray[np.bool_]) -> NDArray[np.str_]:
    """(n,) see `ProfileThickness`; the first that applies."""
    outer, thickness, soft, inner, cortical, blur = fits.layers.T
    first, last = lines.reach_mm
    step = cortical - soft
    has_edges = fits.settled & (np.abs(outer) < _ASTRAY_MM) & (inner < soft + _INNER_SHARE * step)
    # No edge lies where no sample is, nor is a cortex as thin as the least that is tried.
    has_edges &= (step > 0) & (outer - thickness > first + blur) & (thickness > 0.1)
    brightest = np.where(lines.counts, lines.hu, -np.inf).max(axis=1)
    reasons = {
        "beyond_scan": ~is_seen,
        "metal": brightest > cortical + _METAL_HU,
        "other_bone": (last < np.minimum(outer + _ROOM_MM, _OUTWARDS_MM)) | (soft > _SOFT_HU),
        "no_edge": ~has_edges,
        "residual": fits.residual_hu > _RESIDUAL_SHARE * step,
    }
    return np.select(list(reasons.values()), list(reasons), "ok")
