"""The square about a femoral head."""

from __future__ import annotations

import numpy as np
import pytest

from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.transforms.hip_square import hip_square


def _film(spacing: float = 0.5) -> tuple[np.ndarray, Grid]:
    grid = Grid.of_film((400, 480), spacing)
    return np.random.default_rng(0).normal(100, 10, grid.shape).astype(np.float32), grid


def test_a_hip_and_its_mirror_image_make_the_same_picture() -> None:
    pixels, grid = _film()
    right = hip_square(pixels, grid, (80.0, 110.0), 96.0, 64, mirror=False)
    left = hip_square(pixels[:, ::-1], grid, (240.0 - 80.0, 110.0), 96.0, 64, mirror=True)
    # But for the rounding of one of 65,535 grey values.
    assert np.abs(right.astype(int) - left).max() <= 1


def test_the_head_lies_in_the_middle_at_the_scale_that_is_asked_for() -> None:
    pixels, grid = _film()
    pixels[:] = 10
    x, y = grid.x_mm()[None, :], grid.y_mm()[:, None]
    pixels[np.hypot(x - 90, y - 100) < 24] = 200
    picture = hip_square(pixels, grid, (90.0, 100.0), 96.0, 192, mirror=False)
    bright = picture > 32768
    assert bright.sum() == pytest.approx(np.pi * 48**2, rel=0.01)
    rows, columns = np.nonzero(bright)
    assert (rows.mean(), columns.mean()) == pytest.approx((95.5, 95.5), abs=0.1)


def test_what_lies_beyond_the_film_is_black_and_a_cut_head_is_refused() -> None:
    pixels, grid = _film()
    picture = hip_square(pixels, grid, (35.0, 100.0), 96.0, 64, mirror=False)
    assert (picture[:, :8] == 0).all() and picture[:, 20:].mean() > 10_000
    with pytest.raises(Excluded, match="beyond the image"):
        hip_square(pixels, grid, (25.0, 100.0), 96.0, 64, mirror=False)


def test_a_square_of_one_grey_value_is_refused() -> None:
    _, grid = _film()
    with pytest.raises(Excluded, match="one grey value"):
        hip_square(np.full(grid.shape, 3.0), grid, (80.0, 100.0), 96.0, 64, mirror=False)
