from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from hipseg.geometry.grid import Grid
from hipseg.transforms.resample import inside_film, resample

Array = NDArray[np.float64]
SPACINGS = (0.1, 0.143, 0.16896, 0.2)
PARITIES = ((0, 0), (0, 1), (1, 0), (1, 1))


def stored_grid(film: Grid) -> Grid:
    return Grid.centred((512, 512), 0.9, film.centre_mm)


def draw(film: Grid, distance: Callable[[Array, Array], Array]) -> NDArray[np.float32]:
    """A film of coverage by the shape where `distance(x, y)` mm is positive: 16 x 16 samples in every edge pixel."""
    x, y = np.meshgrid(film.x_mm(), film.y_mm())
    depth = distance(x, y)
    image = (depth > 0).astype(np.float32)
    rows, columns = np.nonzero(np.abs(depth) < film.spacing_mm)
    step = ((np.arange(16) + 0.5) / 16 - 0.5) * film.spacing_mm
    across, down = (part.ravel() for part in np.meshgrid(step, step))
    inside = distance(x[rows, columns][:, None] + across, y[rows, columns][:, None] + down) > 0
    image[rows, columns] = inside.mean(axis=1)
    return image


def edge_offsets(image: NDArray[np.float32], grid: Grid, points_mm: Array, normals: Array) -> Array:
    """Pixels by which the 0.5 crossing of the image lies outside each landmark, along its outward normal."""
    reach = np.linspace(-2, 2, 81)
    points = grid.to_pixels(points_mm)[:, None] + reach[:, None] * normals[:, None]
    values = map_coordinates(image, [points[..., 1], points[..., 0]], order=1)
    assert (values[:, 0] > 0.9).all() and (values[:, -1] < 0.1).all()
    return np.array([np.interp(-0.5, -profile, reach) for profile in values])


def assert_exact(offsets: Array, normals: Array) -> None:
    assert np.abs(offsets).mean() <= 0.05
    assert np.abs(offsets).max() <= 0.2
    # A shift would cancel around a closed edge: look for it by itself.
    assert np.abs((offsets[:, None] * normals).mean(axis=0)).max() <= 0.02


def measure_head(film: Grid, centre: Array, radius: float) -> None:
    x, y = centre
    image = resample(draw(film, lambda u, v: radius - np.hypot(u - x, v - y)), film, stored_grid(film))
    angle = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    normals = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert_exact(edge_offsets(image, stored_grid(film), centre + radius * normals, normals), normals)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("odd", PARITIES)
def test_edge_of_a_head_stays_at_its_landmarks(spacing: float, odd: tuple[int, int]) -> None:
    film = Grid.of_film((2 * int(38 / spacing) + odd[0], 2 * int(34 / spacing) + odd[1]), spacing)
    measure_head(film, np.array([33.137, 38.291]), 26.03)


def test_edge_of_a_head_on_a_film_of_real_size() -> None:
    measure_head(Grid.of_film((2317, 1860), 0.16896), np.array([77.77, 201.3]), 24.4)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("angle", [0, 90, 180, 270, 17, 133])
def test_straight_edge_stays_at_its_landmarks(spacing: float, angle: float) -> None:
    film = Grid.of_film((int(41 / spacing) | 1, 2 * int(19 / spacing)), spacing)
    normal = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    along = np.linspace(-9, 9, 20)[:, None] * np.array([-normal[1], normal[0]])
    offsets = []
    for phase in np.arange(0, 0.9, 0.1):  # where the edge lies between two pixel centres
        foot = np.array([18.613, 20.457]) + phase * normal
        film_image = draw(film, lambda u, v, x=foot[0], y=foot[1]: (x - u) * normal[0] + (y - v) * normal[1])
        image = resample(film_image, film, stored_grid(film))
        offsets.append(edge_offsets(image, stored_grid(film), foot + along, np.broadcast_to(normal, along.shape)))
    assert np.abs(np.concatenate(offsets)).mean() <= 0.05
    assert np.abs(np.concatenate(offsets)).max() <= 0.2
    assert abs(np.concatenate(offsets).mean()) <= 0.01


def dense_triangle(source: Grid, target_mm: Array, source_mm: Array, width_mm: float) -> Array:
    """The filter's weights written out as one dense matrix."""
    weights = np.clip(1 - np.abs(target_mm[:, None] - source_mm[None]) / width_mm, 0, None)
    half = source.spacing_mm / 2
    outside = (target_mm < source_mm[0] - half) | (target_mm > source_mm[-1] + half)
    weights[outside] = 0
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


@pytest.mark.parametrize(("source_mm", "target_mm"), [(0.17, 0.9), (0.9, 0.9), (1.3, 0.9)])
def test_equals_the_dense_filter(source_mm: float, target_mm: float) -> None:
    source = Grid.of_film((47, 38), source_mm)
    target = Grid.centred((30, 44), target_mm, (source.centre_mm[0] + 0.31, source.centre_mm[1] - 1.7))
    image = np.random.default_rng(0).random(source.shape, dtype=np.float32)
    width = max(source_mm, target_mm)
    rows = dense_triangle(source, target.y_mm(), source.y_mm(), width)
    columns = dense_triangle(source, target.x_mm(), source.x_mm(), width)
    np.testing.assert_allclose(resample(image, source, target), rows @ image @ columns.T, atol=2e-6)


def test_finer_target_is_linear_interpolation() -> None:
    source = Grid.of_film((12, 9), 1.0)
    target = Grid.centred((40, 30), 0.25, source.centre_mm)
    image = np.random.default_rng(1).random(source.shape, dtype=np.float32)
    y, x = np.meshgrid((target.y_mm() - 0.5), (target.x_mm() - 0.5), indexing="ij")
    expected = map_coordinates(image, [y, x], order=1, mode="nearest")
    np.testing.assert_allclose(resample(image, source, target), expected, atol=1e-6)


def test_same_grid_changes_nothing() -> None:
    film = Grid.of_film((21, 34), 0.3)
    image = np.random.default_rng(2).random(film.shape, dtype=np.float32)
    np.testing.assert_allclose(resample(image, film, film), image, atol=1e-6)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_constant_film_stays_constant_and_0_lies_outside(spacing: float) -> None:
    film = Grid.of_film((401, 322), spacing)
    target = stored_grid(film)
    image = resample(np.full(film.shape, 7.5, dtype=np.float32), film, target)
    on_film = np.zeros(target.shape, dtype=bool)
    on_film[inside_film(film, target)] = True
    np.testing.assert_allclose(image[on_film], 7.5, rtol=1e-5)
    assert (image[~on_film] == 0).all()
    assert on_film.sum() * 0.81 == pytest.approx(401 * 322 * spacing**2, rel=0.05)


def test_what_is_finer_than_the_target_becomes_grey() -> None:
    film = Grid.of_film((600, 601), 0.1)
    checkers = np.indices(film.shape).sum(axis=0, dtype=np.float32) % 2
    image = resample(checkers, film, stored_grid(film))
    np.testing.assert_allclose(image[inside_film(film, stored_grid(film))], 0.5, atol=0.02)


def test_never_overshoots() -> None:
    film = Grid.of_film((333, 250), 0.16896)
    image = (np.random.default_rng(3).random(film.shape) > 0.5).astype(np.float32) * 9 + 1
    inside = resample(image, film, stored_grid(film))[inside_film(film, stored_grid(film))]
    assert inside.min() >= 1 - 1e-5 and inside.max() <= 10 + 1e-5


@pytest.mark.parametrize("shape", [(300, 301), (301, 300)])
def test_mirrored_film_gives_the_mirrored_image(shape: tuple[int, int]) -> None:
    film = Grid.of_film(shape, 0.16896)
    image = np.random.default_rng(4).random(shape, dtype=np.float32)
    mirrored = resample(image[:, ::-1], film, stored_grid(film))
    np.testing.assert_allclose(mirrored, resample(image, film, stored_grid(film))[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("spacing", [0.1, 0.15, 0.175, 0.18])
def test_film_edge_through_pixel_centres_is_decided_alike_everywhere(spacing: float) -> None:
    """Where the film ends exactly at a pixel's centre, rounding must not decide: not by side, not by function."""
    for rows in range(60, 400):
        film = Grid.of_film((rows, 20), spacing)
        target = stored_grid(film)
        covered = resample(np.ones(film.shape, dtype=np.float32), film, target) > 0
        on_film = np.zeros(target.shape, dtype=bool)
        on_film[inside_film(film, target)] = True
        assert np.array_equal(covered, on_film), f"{rows} rows: image and inside_film differ"
        assert np.array_equal(covered, covered[::-1]), f"{rows} rows: first and last row differ"
