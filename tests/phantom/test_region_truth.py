"""Planes in the patient of a femur that is built of a ball and cylinders and lies on an oblique grid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hipseg.geometry.volume import VolumeGrid
from hipseg.phantom.ct.region_truth import region_truth

HEAD = np.array([31.0, -12.0, 140.0])  # in the patient
NECK = np.array([np.cos(np.radians(50)), 0.0, -np.sin(np.radians(50))])
DOWN = np.array([0.0, 0.0, -1.0])
RADIUS, NECK_RADIUS, OFFSET = 24.0, 15.0, 45.0
MEETING = HEAD + NECK * OFFSET / NECK[0]


def _labels(grid: VolumeGrid) -> np.ndarray:
    points = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1)) - HEAD
    along = points @ NECK
    beside = np.linalg.norm(points - along[..., None] * NECK, axis=-1)
    down = (points + HEAD - MEETING) @ DOWN
    off = np.linalg.norm(points + HEAD - MEETING - down[..., None] * DOWN, axis=-1)
    neck = ((beside < NECK_RADIUS) & (along > 0) & (along < 48)) | ((beside < 21) & (along > 38) & (along < 66))
    shaft = (off < 15.5) & (down > -10) & (points @ DOWN < 150)
    return ((np.linalg.norm(points, axis=-1) < RADIUS) | neck | shaft).astype(np.uint8)


def _grid() -> VolumeGrid:
    spacing = (1.8, 1.5, 1.5)
    shape = (146, 60, 100)
    grid = VolumeGrid.of_axes(shape, spacing, [0.0, 0.0, 0.0])
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [6, -5, 4], degrees=True).as_matrix() @ grid.affine[:3, :3]
    middle = HEAD + np.array([28.0, 0.0, -55.0])
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return VolumeGrid(shape, affine)


def _place(row: dict[str, float], name: str, unit: str = "_mm") -> np.ndarray:
    return np.array([row[f"region_{name}_{axis}{unit}"] for axis in "xyz"])


def test_head_planes_and_normals_lie_where_geometry_says() -> None:
    grid = _grid()
    row = region_truth(_labels(grid), grid)
    assert row["regions"] == "ok"
    assert row["region_head_radius_mm"] == pytest.approx(RADIUS, abs=0.4)
    np.testing.assert_allclose(_place(row, "head"), HEAD, atol=0.5)
    assert _place(row, "neck_axis", "") @ NECK > np.cos(np.radians(2))
    assert _place(row, "shaft_axis", "") @ DOWN > np.cos(np.radians(1))
    end = HEAD + np.sqrt(RADIUS**2 - NECK_RADIUS**2) * NECK
    np.testing.assert_allclose(_place(row, "head_end"), end, atol=1.2)
    np.testing.assert_allclose(_place(row, "trochanter_end"), MEETING, atol=1.5)
    np.testing.assert_allclose(_place(row, "intertrochanter_end"), MEETING + 2 * RADIUS * DOWN, atol=2.0)
    assert 30 < (_place(row, "neck_end") - HEAD) @ NECK < 40


def test_a_femur_without_a_head_has_no_planes() -> None:
    grid = _grid()
    labels = _labels(grid)
    labels[(grid.to_mm(np.stack(np.indices(grid.shape), axis=-1)) - MEETING) @ DOWN < 10] = 0
    row = region_truth(labels, grid)
    assert row["regions"] != "ok"
    assert np.isnan(_place(row, "head_end")).all() and np.isnan(row["region_head_radius_mm"])
