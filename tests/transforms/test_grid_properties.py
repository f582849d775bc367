"""What must hold of grids, fields and resampling whatever the film."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hipseg.geometry.crop import Crop
from hipseg.geometry.grid import Grid
from hipseg.transforms.resample import inside_film, resample

SPACINGS = st.floats(0.05, 2.0)
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))
PLACES = st.tuples(st.floats(-300, 600), st.floats(-300, 600))
POINTS = st.lists(PLACES, min_size=1, max_size=8).map(np.array)


@given(SHAPES, SPACINGS, PLACES, POINTS)
def test_a_grid_leads_to_millimetres_and_back(
    shape: tuple[int, int], spacing_mm: float, origin_mm: tuple[float, float], points: np.ndarray
) -> None:
    grid = Grid(shape, spacing_mm, origin_mm)
    np.testing.assert_allclose(grid.to_mm(grid.to_pixels(points)), points, atol=1e-9)
    np.testing.assert_allclose(grid.to_pixels(grid.to_mm(points)), points, atol=1e-8)
    corners = np.array([[0, 0], [shape[1] - 1, shape[0] - 1]], dtype=float)
    np.testing.assert_allclose(grid.to_mm(corners)[:, 0], grid.x_mm()[[0, -1]], atol=1e-9)
    np.testing.assert_allclose(grid.to_mm(corners)[:, 1], grid.y_mm()[[0, -1]], atol=1e-9)


@given(SHAPES, SPACINGS, PLACES)
def test_a_centred_grid_lies_about_its_centre(
    shape: tuple[int, int], spacing_mm: float, centre_mm: tuple[float, float]
) -> None:
    grid = Grid.centred(shape, spacing_mm, centre_mm)
    np.testing.assert_allclose(grid.centre_mm, centre_mm, atol=1e-9)
    middle = np.array([grid.x_mm()[[0, -1]].mean(), grid.y_mm()[[0, -1]].mean()])
    np.testing.assert_allclose(middle, centre_mm, atol=1e-9)
    np.testing.assert_allclose(grid.size_mm, (shape[1] * spacing_mm, shape[0] * spacing_mm))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30), st.booleans(), st.data())
def test_a_field_leads_to_the_stored_image_and_back_and_cuts_the_same_pixels(
    row: int, column: int, rows: int, columns: int, mirror: bool, data: st.DataObject
) -> None:
    field, shape = Crop(row, column, rows, columns), (60, 61)
    assert field.fits(shape)
    stored = np.arange(shape[0] * shape[1]).reshape(shape)
    cut = field.cut(stored, mirror)
    assert cut.shape == (rows, columns)
    place = np.array([data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))])
    there = field.to_stored(place.astype(float), mirror, shape[1])
    assert cut[place[1], place[0]] == stored[int(there[1]), int(there[0])]
    np.testing.assert_allclose(field.from_stored(there, mirror, shape[1]), place)


@given(st.tuples(SHAPES, SHAPES), SPACINGS, SPACINGS, PLACES, st.integers(0, 2**32 - 1))
def test_resampling_is_linear_stays_in_range_and_keeps_a_constant(
    shapes: tuple[tuple[int, int], tuple[int, int]],
    source_mm: float,
    target_mm: float,
    shift: tuple[float, float],
    seed: int,
) -> None:
    film = Grid.of_film(shapes[0], source_mm)
    target = Grid.centred(shapes[1], target_mm, (film.centre_mm[0] + shift[0] / 40, film.centre_mm[1] + shift[1] / 40))
    inside = inside_film(film, target)
    first, second = np.random.default_rng(seed).random((2, *film.shape), dtype=np.float32)
    one, other = resample(first, film, target), resample(second, film, target)
    np.testing.assert_allclose(resample(2 * first - second, film, target), 2 * one - other, atol=1e-4)
    np.testing.assert_allclose(resample(np.ones_like(first), film, target)[inside], 1, atol=1e-5)
    if one[inside].size:
        assert first.min() - 1e-5 <= one[inside].min() and one[inside].max() <= first.max() + 1e-5
    outside = np.ones(target.shape, dtype=bool)
    outside[inside] = False
    assert (one[outside] == 0).all()


@given(st.tuples(st.integers(12, 40), st.integers(12, 40)), SPACINGS, SPACINGS, st.tuples(*[st.floats(-3, 3)] * 3))
def test_resampling_leaves_a_plane_where_it_is(
    shape: tuple[int, int], source_mm: float, target_mm: float, plane: tuple[float, float, float]
) -> None:
    """A slope would show any shift; a filter's width from the film's edge the plane goes on unchanged."""
    film = Grid.of_film(shape, source_mm)
    target = Grid.centred((25, 25), target_mm, film.centre_mm)
    a, b, c = plane
    x, y = np.meshgrid(film.x_mm() - film.centre_mm[0], film.y_mm() - film.centre_mm[1])
    found = resample((a * x + b * y + c).astype(np.float32), film, target)
    x, y = np.meshgrid(target.x_mm() - film.centre_mm[0], target.y_mm() - film.centre_mm[1])
    margin = max(source_mm, target_mm) + source_mm
    clear = (np.abs(x) < film.size_mm[0] / 2 - margin) & (np.abs(y) < film.size_mm[1] / 2 - margin)
    assume(clear.any())
    # Between coarse samples a triangle of the target's width is exact only where it is no multiple of the source's.
    slack = 1e-3 + (abs(a) + abs(b)) * (0 if source_mm >= target_mm else 0.13 * source_mm)
    np.testing.assert_allclose(found[clear], (a * x + b * y + c)[clear], atol=slack)
