from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.transforms.intensity import (
    DARKEST,
    LEVELS,
    FilmPercentiles,
    Local,
    flat_areas,
    quantiles_of,
    to_uint16,
    whole_range,
)

INSIDE = (slice(1, 11), slice(2, 13))


def seen(shape: tuple[int, int] = (12, 15)) -> NDArray[np.bool_]:
    there = np.zeros(shape, dtype=bool)
    there[INSIDE] = True
    return there


def test_the_darkest_grey_that_is_seen_is_not_what_no_image_is() -> None:
    image = np.full((12, 15), 1e6, dtype=np.float32)  # what lies outside must not count
    image[INSIDE] = np.arange(110, dtype=np.float32).reshape(10, 11)
    scaled = whole_range(image, seen())
    expected = DARKEST + np.arange(110).reshape(10, 11) / 109 * (1 - DARKEST)
    np.testing.assert_allclose(scaled[INSIDE], expected, atol=1e-6)
    assert (scaled[~seen()] == 0).all()
    assert (image[~seen()] == 1e6).all()  # the input is left alone


@pytest.mark.parametrize("there", [seen(), np.zeros((12, 15), dtype=bool)])
def test_one_grey_value_or_none_is_refused(there: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="constant"):
        whole_range(np.full((12, 15), 3, dtype=np.float32), there)


def test_the_thesis_clips_at_the_films_percentiles() -> None:
    image = np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, 10_000)).reshape(100, 100).astype(np.float32)
    shown = FilmPercentiles((5.0, 95.0)).of_film(image, quantiles_of(image, 0.9))
    assert (shown == 0).mean() == pytest.approx(0.05, abs=2e-4)
    assert (shown == 1).mean() == pytest.approx(0.05, abs=2e-4)
    # The 5th percentile is 0.14 and the 95th 0.86.
    np.testing.assert_allclose(shown, np.clip((image - 0.14) / 0.72, 0, 1), atol=2e-4)


def test_what_is_no_image_stays_0() -> None:
    image = np.full((30, 30), 0.5, dtype=np.float32)
    image[:, 15:] = np.linspace(0.2, 0.8, 450).reshape(30, 15)
    image[:5] = 0
    quantiles = np.linspace(0.4, 0.8, len(LEVELS)).astype(np.float32)
    for intensity in (FilmPercentiles((0.0, 100.0)), Local(20.0, (10.0, 90.0), (0.4, 0.6))):
        shown = intensity.of_window(intensity.of_film(image, quantiles), (15.0, 15.0), 0.9)
        assert (shown[:5] == 0).all() and shown[5:].max() > 0.3


def test_surroundings_decide_and_what_lies_beyond_them_does_not() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.5, 0.6, (200, 180)).astype(np.float32)
    row, column = np.ogrid[:200, :180]
    near = np.hypot(row - 80, column - 100) < 50 / 0.9
    local = Local(50.0, (2.0, 98.0), (0.15, 0.85))
    bright = np.where(near, image, rng.uniform(0.05, 0.95, image.shape)).astype(np.float32)
    shown, other = local.of_window(image, (100.0, 80.0), 0.9), local.of_window(bright, (100.0, 80.0), 0.9)
    np.testing.assert_allclose(other[near], shown[near], atol=1e-6)
    # Evenly from 0.5 to 0.6: the 2nd percentile is 0.502, the 98th 0.598.
    np.testing.assert_allclose(shown, 0.15 + (image - 0.502) / 0.096 * 0.7, atol=0.01)


@pytest.mark.parametrize(("factor", "offset"), [(0.5, 0.0), (1.4, -0.2), (1.0, 0.2)])
def test_local_greys_do_not_depend_on_the_exposure(factor: float, offset: float) -> None:
    image = np.random.default_rng(1).uniform(0.3, 0.6, (90, 90)).astype(np.float32)
    local = Local(50.0, (2.0, 98.0), (0.15, 0.85))
    shown = local.of_window(image, (45.0, 45.0), 0.9)
    np.testing.assert_allclose(local.of_window(image * factor + offset, (45.0, 45.0), 0.9), shown, atol=1e-5)


@pytest.mark.parametrize("grey", [float(DARKEST), 1.0, 0.0])
def test_shutters_letters_and_padding_take_no_part_in_the_surroundings(grey: float) -> None:
    image = np.random.default_rng(1).uniform(0.3, 0.6, (120, 120)).astype(np.float32)
    local = Local(50.0, (2.0, 98.0), (0.15, 0.85))
    shown = local.of_window(image, (60.0, 60.0), 0.9)
    image[:50] = grey
    np.testing.assert_allclose(local.of_window(image, (60.0, 60.0), 0.9)[50:], shown[50:], atol=0.01)


@pytest.mark.parametrize("grey", [0.0, 1.0, 0.4])
def test_a_window_of_one_grey_is_no_division_by_zero(grey: float) -> None:
    shown = Local(50.0, (2.0, 98.0), (0.15, 0.85)).of_window(np.full((9, 9), grey, np.float32), (4.0, 4.0), 0.9)
    assert np.isfinite(shown).all() and shown.min() >= 0 and shown.max() <= 1


def test_flat_areas_are_black_or_white_and_wide() -> None:
    image = np.random.default_rng(0).uniform(0.1, 0.9, (100, 100)).astype(np.float32)
    image[:30], image[40:60, 40:60], image[70, :] = DARKEST, 1.0, 1.0
    image[90:, 90:] = 0.5  # flat, but neither
    image[70:75, 2:7], image[80:82, 2:4] = 0.0, 1.0
    flat = flat_areas(image, 0.9)
    expected = np.zeros_like(flat)
    expected[:31] = expected[39:61, 39:61] = True  # and the pixels beside, which may be mixtures
    assert np.array_equal(flat, expected)


def test_flat_areas_take_no_part_in_the_distribution() -> None:
    image = np.random.default_rng(0).uniform(0.2, 0.6, (100, 100)).astype(np.float32)
    expected = np.percentile(image[31:], LEVELS)
    image[:30] = 1.0
    np.testing.assert_allclose(quantiles_of(image, 0.9), expected, atol=1e-6)


def test_a_film_that_is_nearly_all_white_has_a_distribution_all_the_same() -> None:
    image = np.ones((60, 60), dtype=np.float32)
    image[0, :3] = [DARKEST, 0.2, 0.4]
    assert quantiles_of(image, 0.9)[0] == pytest.approx(DARKEST)
    assert (quantiles_of(image, 0.9)[1:] > 0.4).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
def test_16_bits_keep_the_stated_precision_and_only_nothing_becomes_0(bits: int) -> None:
    image = np.linspace(0, 1, 100_001, dtype=np.float32)
    stored = to_uint16(image, bits)
    assert stored.dtype == np.uint16
    assert stored[0] == 0 and stored[1] > 0 and stored[-1] == 65535
    assert (np.diff(stored.astype(np.int64)) >= 0).all()
    error = np.abs(stored / 65535.0 - image)
    assert error.max() <= 2.0**-bits + 1e-7 and error[image > 2.0**-bits].max() <= 2.0 ** -(bits + 1) + 1e-7
    assert (stored[stored < 65535] % 2 ** (16 - bits) == 0).all()
    assert len(np.unique(stored)) == 2**bits + (bits < 16)
