"""Where voxels lie in the patient, and their order, against arithmetic by hand and nibabel's."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg.geometry.volume import Volume, VolumeGrid, like, upright

Array = NDArray[np.float64]
NIBABEL: Any = nib  # untyped
SHAPE = (5, 7, 9)
UPRIGHT = VolumeGrid.of_axes(SHAPE, (0.6, 0.8, 2.5), (-31.0, -52.0, 640.0))
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
WAYS = list(product(permutations(range(3)), product((1, -1), repeat=3)))
TILTS = [(0, 0, 0), (12, -20, 8), (-25, 14, -18), (3, 0, 30)]


def turned(way: tuple[tuple[int, ...], tuple[int, ...]], tilt: tuple[int, int, int] = (0, 0, 0)) -> VolumeGrid:
    """Of 5 x 7 x 9 voxels, with the upright grid's axes in another order, turned round and tilted."""
    order, signs = way
    affine = UPRIGHT.affine.copy()
    axes = Rotation.from_euler("xyz", tilt, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, :3] = axes[:, list(order)] * signs
    return VolumeGrid(SHAPE, affine)


def places(grid: VolumeGrid) -> Array:
    """(slices, rows, columns, 3) x, y, z of every voxel, by the matrix as it is defined."""
    indices = np.stack([*np.indices(grid.shape), np.ones(grid.shape)], axis=-1)
    return np.einsum("ij,...j->...i", grid.affine, indices)[..., :3]


def numbered(grid: VolumeGrid) -> Volume:
    return Volume(np.arange(np.prod(grid.shape)).reshape(grid.shape), grid)


def by_nibabel(volume: Volume) -> Any:
    """The volume as an image whose axes are columns, rows and slices, and which counts to the right and forwards."""
    return NIBABEL.Nifti1Image(volume.values.T.astype(np.int32), LPS @ volume.grid.affine[:, [2, 1, 0, 3]])


def test_slices_go_up_rows_backwards_and_columns_to_the_left() -> None:
    for index, mm in (((0, 0, 0), (-31, -52, 640)), ((1, 0, 0), (-31, -52, 640.6)), ((0, 1, 0), (-31, -51.2, 640)),
                      ((0, 0, 1), (-28.5, -52, 640)), ((4, 6, 8), (-11, -47.2, 642.4))):  # fmt: skip
        np.testing.assert_allclose(UPRIGHT.to_mm(np.array(index)), mm)
        np.testing.assert_allclose(UPRIGHT.to_indices(np.array(mm, dtype=float)), index, atol=1e-9)
    assert UPRIGHT.shape == SHAPE
    assert UPRIGHT.affine[3].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("tilt", TILTS)
def test_millimetres_and_indices_of_a_tilted_grid(tilt: tuple[int, int, int]) -> None:
    grid = turned(((1, 2, 0), (1, -1, -1)), tilt)
    indices = np.random.default_rng(0).uniform(-3, 9, (4, 6, 3))
    expected = np.einsum("ij,...j->...i", grid.affine[:3, :3], indices) + grid.affine[:3, 3]
    np.testing.assert_allclose(grid.to_mm(indices), expected)
    np.testing.assert_allclose(grid.to_indices(expected), indices, atol=1e-9)
    assert grid.spacing_mm == pytest.approx((0.8, 2.5, 0.6))
    assert grid.voxel_mm3 == pytest.approx(2.5 * 0.8 * 0.6)


def test_a_sheared_voxel_is_as_large_as_its_base_times_its_height() -> None:
    affine = UPRIGHT.affine.copy()
    affine[1, 0] = 1.7
    grid = VolumeGrid(SHAPE, affine)
    assert grid.voxel_mm3 == pytest.approx(2.5 * 0.8 * 0.6)
    assert grid.spacing_mm == pytest.approx((np.hypot(0.6, 1.7), 0.8, 2.5))
    np.testing.assert_allclose(grid.to_indices(grid.to_mm(np.array([[1, 2, 3]]))), [[1, 2, 3]], atol=1e-9)


@pytest.mark.parametrize("tilt", TILTS)
def test_upright_keeps_every_voxel_in_its_place(tilt: tuple[int, int, int]) -> None:
    for way in WAYS:
        volume = numbered(turned(way, tilt))
        found = upright(volume)
        before, after = np.zeros((2, volume.values.size, 3))
        before[volume.values], after[found.values] = places(volume.grid), places(found.grid)
        np.testing.assert_allclose(after, before, atol=1e-9)
        assert found.values.shape == found.grid.shape


@pytest.mark.parametrize("tilt", TILTS)
def test_upright_is_up_backwards_and_to_the_left(tilt: tuple[int, int, int]) -> None:
    """As the same tilt of the upright grid, whatever way the axes went."""
    for way in WAYS:
        found = upright(numbered(turned(way, tilt))).grid
        expected = turned(((0, 1, 2), (1, 1, 1)), tilt)
        np.testing.assert_allclose(found.affine[:3, :3], expected.affine[:3, :3], atol=1e-12)


@pytest.mark.parametrize("tilt", TILTS)
def test_upright_is_nibabels_closest_canonical_order(tilt: tuple[int, int, int]) -> None:
    """It counts to the right, forwards and up; so its first two axes are turned round."""
    for way in WAYS:
        volume = numbered(turned(way, tilt))
        found, canonical = upright(volume), NIBABEL.as_closest_canonical(by_nibabel(volume))
        expected = np.asarray(canonical.dataobj)[::-1, ::-1].transpose(2, 1, 0)
        assert np.array_equal(found.values, expected)
        first = np.array([canonical.shape[0] - 1, canonical.shape[1] - 1, 0, 1])
        np.testing.assert_allclose(found.grid.affine[:, 3], LPS @ canonical.affine @ first, atol=1e-4)


def test_upright_leaves_what_is_upright() -> None:
    volume = numbered(UPRIGHT)
    found = upright(volume)
    assert np.array_equal(found.values, volume.values)
    assert np.array_equal(found.grid.affine, UPRIGHT.affine)


def test_upright_changes_nothing_of_its_argument() -> None:
    volume = numbered(turned(((2, 0, 1), (-1, -1, 1))))
    values, affine = volume.values.copy(), volume.grid.affine.copy()
    upright(volume)
    assert np.array_equal(volume.values, values) and np.array_equal(volume.grid.affine, affine)


@pytest.mark.parametrize("tilt", TILTS)
def test_like_brings_upright_values_back(tilt: tuple[int, int, int]) -> None:
    """The volume's own, and others that were made on the upright grid: here the height of every voxel."""
    for way in WAYS:
        volume = numbered(turned(way, tilt))
        found = upright(volume)
        assert np.array_equal(like(found.values, volume.grid), volume.values)
        heights = like(places(found.grid)[..., 2], volume.grid)
        np.testing.assert_allclose(heights, places(volume.grid)[..., 2], atol=1e-9)
