from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.transforms.film import PreparedFilm, centred_grid, prepare_film
from hipseg.transforms.intensity import DARKEST, LEVELS
from hipseg.transforms.resample import resample

SHAPE = (512, 512)
FILM = Grid.of_film((1301, 1200), 0.2)


def prepare(pixels: NDArray[np.float32], film: Grid = FILM, shape: tuple[int, int] = SHAPE) -> PreparedFilm:
    return prepare_film(pixels, film, shape, 0.9)


def body() -> NDArray[np.float32]:
    """An oval thickest in its middle, air around it."""
    y, x = np.indices(FILM.shape) * 0.2
    thickness = np.sqrt(np.clip(1 - ((x - 120) / 105) ** 2 - ((y - 130) / 160) ** 2, 0, None))
    noise = np.random.default_rng(0).normal(0, 5, FILM.shape)
    return (gaussian_filter(3000 * thickness, 4) + 500 + noise).astype(np.float32)


def test_grid_lies_on_the_films_centre() -> None:
    grid = centred_grid(FILM, SHAPE, 0.9)
    assert grid.centre_mm == pytest.approx((120.0, 130.1))
    assert grid.size_mm == pytest.approx((460.8, 460.8))


@pytest.mark.parametrize(("spacing", "most"), [(0.1, 4608), (0.15, 3072), (0.2, 2304), (0.18, 2560)])
def test_a_film_of_exactly_the_grids_size_fits_and_one_pixel_more_does_not(spacing: float, most: int) -> None:
    centred_grid(Grid.of_film((most, most), spacing), SHAPE, 0.9)
    for shape in ((most + 1, 100), (100, most + 1)):
        with pytest.raises(Excluded) as caught:
            centred_grid(Grid.of_film(shape, spacing), SHAPE, 0.9)
        assert caught.value.reason == "too_large"


def test_the_whole_range_is_kept_and_0_lies_outside() -> None:
    pixels = body()
    prepared = prepare(pixels)
    inside = prepared.image[prepared.inside]
    assert inside.size == pytest.approx(1301 * 1200 * 0.04 / 0.81, rel=0.01)
    assert inside.min() == DARKEST and inside.max() == pytest.approx(1)
    outside = prepared.image.copy()
    outside[prepared.inside] = 0
    assert (outside == 0).all()
    assert prepared.polarity == "stated"
    # Moved and stretched, but not otherwise changed.
    raw = resample(pixels, FILM, prepared.grid)[prepared.inside]
    factor, offset = np.polyfit(raw.ravel(), inside.ravel(), 1)
    np.testing.assert_allclose(inside, factor * raw + offset, atol=1e-5)
    np.testing.assert_allclose(prepared.quantiles, np.percentile(inside, LEVELS), atol=1e-6)


def test_padding_and_shutters_take_no_part_in_the_distribution_and_padding_is_no_image() -> None:
    pixels = body()
    alone = prepare(pixels[:, 300:900], Grid.of_film((1301, 600), 0.2))
    padding = np.zeros(FILM.shape, dtype=bool)
    padding[:, :300] = True
    pixels[:, :300] = pixels[:, 900:] = pixels[:, 300:900].min()  # a shutter on the right, flush with the darkest
    prepared = prepare_film(pixels, FILM, SHAPE, 0.9, padding)
    # But for the shutter's edge, of which a pixel is taken for a mixture.
    np.testing.assert_allclose(prepared.quantiles[5:], alone.quantiles[5:], atol=0.01)
    assert prepared.quantiles[0] > 0.005
    left, right = prepared.grid.to_pixels(np.array([[60.0, 0.0], [180.0, 0.0]]))[:, 0]
    columns = np.arange(512)
    assert (prepared.image[:, columns < left - 2] == 0).all()
    rows = prepared.inside[0]
    shutter = prepared.image[rows, int(right) + 3 : prepared.inside[1].stop]
    assert (shutter > 0).all() and (shutter < 0.01).all()


def test_an_inverted_film_is_corrected_to_the_same_image() -> None:
    right, wrong = prepare(body()), prepare(4095 - body())
    assert wrong.polarity == "corrected"
    np.testing.assert_allclose(wrong.image, right.image, atol=1e-4)


def test_a_constant_film_is_excluded() -> None:
    with pytest.raises(Excluded) as caught:
        prepare(np.full(FILM.shape, 7, dtype=np.float32))
    assert caught.value.reason == "constant"


@pytest.mark.parametrize("pixels", [1, 8])
@pytest.mark.parametrize("shape", [(512, 512), (511, 511)])
def test_a_film_smaller_than_two_pixels_of_the_grid_is_excluded_and_no_crash(
    pixels: int, shape: tuple[int, int]
) -> None:
    film = Grid.of_film((pixels, pixels), 0.1)
    with pytest.raises(Excluded) as caught:
        prepare(np.random.default_rng(0).random(film.shape, dtype=np.float32), film, shape)
    assert caught.value.reason == "constant"
