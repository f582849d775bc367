from __future__ import annotations

import numpy as np
import pytest

from hipseg.geometry.crop import Crop, HeadCrop

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


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("field", [Crop(-2, -1, 5, 6), Crop(3, 5, 6, 6), Crop(-9, 0, 4, 4), Crop(20, 30, 3, 3)])
def test_beyond_the_image_a_field_is_black(field: Crop, mirror: bool) -> None:
    cut = field.cut(PIXELS + 1, mirror)
    assert cut.shape == (field.rows, field.columns)
    seen = (PIXELS + 1)[:, ::-1] if mirror else PIXELS + 1
    for row, column in np.ndindex(*cut.shape):
        y, x = row + field.row, column + field.column
        assert cut[row, column] == (seen[y, x] if 0 <= y < 6 and 0 <= x < 8 else 0)


def test_what_a_field_and_an_image_share() -> None:
    inner, outer = Crop(-2, 5, 5, 6).overlap((6, 8))
    assert (inner, outer) == ((slice(2, 5), slice(0, 3)), (slice(0, 3), slice(5, 8)))
    inner, outer = Crop(-9, 0, 4, 4).overlap((6, 8))
    assert np.zeros((4, 4))[inner].size == PIXELS[outer].size == 0


def test_a_window_follows_the_head() -> None:
    """Its middle 10 mm below and 5 mm lateral of (100, 80): 20 and 10 pixels of half a millimetre."""
    field = HeadCrop(rows=41, columns=31, below_mm=10.0, lateral_mm=5.0, shrink=4).around(100.0, 80.0, 0.5)
    assert field == Crop(80 + 20 - 20, 100 - 10 - 15, 41, 31)
    assert field.shifted(-100, 3) == Crop(-20, 78, 41, 31)
