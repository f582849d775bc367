from __future__ import annotations

import numpy as np
import pytest

from hipseg.geometry.crop import Crop

FIELD = Crop(row=1, column=2, rows=3, columns=4)
PIXELS = np.arange(6 * 8).reshape(6, 8)


@pytest.mark.parametrize(
    ("mirror", "first_row"),
    [(False, [10, 11, 12, 13]), (True, [13, 12, 11, 10])],
)
def test_cut(mirror: bool, first_row: list[int]) -> None:
    cut = FIELD.cut(PIXELS, mirror)
    assert cut.shape == (3, 4)
    assert cut[0].tolist() == first_row


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        (FIELD, True),
        (Crop(0, 0, 6, 8), True),
        (Crop(0, 0, 7, 8), False),
        (Crop(0, 1, 6, 8), False),
        (Crop(-1, 0, 6, 8), False),
        (Crop(0, -1, 6, 8), False),
    ],
)
def test_fits(field: Crop, fits: bool) -> None:
    assert field.fits((6, 8)) is fits


@pytest.mark.parametrize(("mirror", "stored"), [(False, [2.0, 1.0]), (True, [5.0, 1.0])])
def test_the_fields_first_pixel_in_the_stored_image(mirror: bool, stored: list[float]) -> None:
    assert FIELD.to_stored(np.zeros(2), mirror, 8).tolist() == stored
    assert FIELD.from_stored(np.array(stored), mirror, 8).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("mirror", [False, True])
def test_points_follow_the_pixels(mirror: bool) -> None:
    cut = FIELD.cut(PIXELS, mirror)
    for row, column in np.ndindex(*cut.shape):
        x, y = FIELD.to_stored(np.array([column, row], dtype=float), mirror, 8).astype(int)
        assert PIXELS[y, x] == cut[row, column]


@pytest.mark.parametrize("mirror", [False, True])
def test_points_go_there_and_back(mirror: bool) -> None:
    points = np.random.default_rng(0).normal(0, 50, (7, 5, 2))
    there = FIELD.to_stored(points, mirror, 8)
    np.testing.assert_allclose(FIELD.from_stored(there, mirror, 8), points, atol=1e-12)
