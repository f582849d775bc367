from __future__ import annotations

import numpy as np
import pytest

from hipseg.geometry.grid import Grid


def test_film_pixel_centres_lie_half_a_pixel_inside_its_outer_corner() -> None:
    film = Grid.of_film((3, 4), 0.2)
    np.testing.assert_allclose(film.x_mm(), [0.1, 0.3, 0.5, 0.7])
    np.testing.assert_allclose(film.y_mm(), [0.1, 0.3, 0.5])
    assert film.size_mm == pytest.approx((0.8, 0.6))
    assert film.centre_mm == pytest.approx((0.4, 0.3))


@pytest.mark.parametrize(
    ("shape", "x", "y"),
    [((2, 2), [9.55, 10.45], [19.55, 20.45]), ((3, 2), [9.55, 10.45], [19.1, 20.0, 20.9]), ((1, 1), [10.0], [20.0])],
)
def test_centred_grid_lies_evenly_about_its_centre(shape: tuple[int, int], x: list[float], y: list[float]) -> None:
    grid = Grid.centred(shape, 0.9, (10.0, 20.0))
    np.testing.assert_allclose(grid.x_mm(), x)
    np.testing.assert_allclose(grid.y_mm(), y)
    assert grid.centre_mm == pytest.approx((10.0, 20.0))


def test_pixel_coordinates_count_from_the_first_centre_x_then_y() -> None:
    grid = Grid((5, 7), 0.5, (2.0, 10.0))
    points_mm = np.array([[2.0, 10.0], [3.0, 10.0], [2.0, 11.0], [1.75, 9.75]])
    np.testing.assert_allclose(grid.to_pixels(points_mm), [[0, 0], [2, 0], [0, 2], [-0.5, -0.5]])
    np.testing.assert_allclose(grid.to_pixels(np.array([grid.x_mm()[6], grid.y_mm()[4]])), [6, 4])


def test_to_mm_undoes_to_pixels() -> None:
    grid = Grid.centred((512, 512), 0.9, (157.3, 195.2))
    points = np.random.default_rng(0).uniform(-100, 500, (3, 80, 2))
    np.testing.assert_allclose(grid.to_mm(grid.to_pixels(points)), points, atol=1e-10)
