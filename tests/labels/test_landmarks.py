from __future__ import annotations

import numpy as np
import pytest

from hipseg.labels import landmarks as rows
from hipseg.labels.landmarks import Side, hip_landmarks, mirror_columns


@pytest.mark.parametrize(("side", "first"), [("right", 0), ("left", 80)])
def test_right_hip_comes_first(side: Side, first: int) -> None:
    points = np.arange(320, dtype=float).reshape(160, 2)
    assert np.array_equal(hip_landmarks(points, side), points[first : first + 80])


def test_rows_are_bonefinders() -> None:
    numbers = list(range(80))
    assert numbers[rows.FEMUR] == list(range(0, 35))
    assert numbers[rows.FEMORAL_HEAD] == list(range(18, 28))
    assert numbers[rows.ROOF] == list(range(67, 75))
    assert numbers[rows.SOURCIL] == list(range(70, 75))
    assert (rows.ROOF_TOP, rows.SOURCIL_LATERAL, rows.SOURCIL_MEDIAL) == (67, 70, 74)


@pytest.mark.parametrize("width", [7, 8])
def test_mirrored_coordinates_find_the_same_pixel_in_the_mirrored_image(width: int) -> None:
    image = np.arange(5 * width).reshape(5, width)
    points = np.array([[0, 0], [2, 3], [width - 1, 4]], dtype=float)
    there = mirror_columns(points, width).astype(int)
    columns, lines = points.astype(int).T
    assert np.array_equal(image[:, ::-1][there[:, 1], there[:, 0]], image[lines, columns])
    assert np.array_equal(mirror_columns(mirror_columns(points, width), width), points)


def test_many_hips_are_mirrored_at_once() -> None:
    points = np.random.default_rng(0).uniform(0, 500, (3, 80, 2))
    expected = points * [-1, 1] + [510, 0]
    np.testing.assert_allclose(mirror_columns(points, 511), expected)
