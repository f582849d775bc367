"""Square pictures as a network sees them, and how training changes them."""

from __future__ import annotations

import numpy as np
import pytest

from hipseg.transforms.crop_augment import CropAugmentation
from hipseg.transforms.picture import MEAN, SPREAD, centre_square, prepare_picture, saturate


def test_the_middle_square_is_kept() -> None:
    pixels = np.arange(6 * 10).reshape(6, 10)
    np.testing.assert_array_equal(centre_square(pixels), pixels[:, 2:8])
    np.testing.assert_array_equal(centre_square(pixels.T), pixels.T[2:8])


def test_the_darkest_and_brightest_pixels_are_saturated() -> None:
    ramp = np.linspace(0, 1, 1001, dtype=np.float32).reshape(7, 143)
    found = saturate(ramp, 0.1)
    assert (found == 0).mean() == pytest.approx(0.1, abs=0.002) and (found == 1).mean() == pytest.approx(0.1, abs=0.002)
    np.testing.assert_allclose(found[ramp == 0.5], 0.5, atol=1e-6)


def test_a_picture_of_one_value_is_black_and_one_spot_stays_visible() -> None:
    assert (saturate(np.full((4, 4), 7.0, dtype=np.float32), 0.01) == 0).all()
    spot = np.zeros((20, 20), dtype=np.float32)
    spot[3, 3] = 5
    assert saturate(spot, 0.01)[3, 3] == 1


def test_grey_values_may_be_on_any_scale() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.random((40, 40))
    a, b = (prepare_picture(pixels * factor + shift, 32, 0.01) for factor, shift in ((1, 0), (4000, 100)))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert (
        a.shape == (32, 32)
        and a.min() == pytest.approx(-MEAN / SPREAD)
        and a.max() == pytest.approx((1 - MEAN) / SPREAD)
    )


def test_a_coarse_picture_is_that_of_its_block_means() -> None:
    pixels = np.random.default_rng(1).random((40, 40))
    # Both go through the triangle filter once more, so that only what lies between blocks differs.
    blocks = pixels.reshape(10, 4, 10, 4).mean(axis=(1, 3))
    found = prepare_picture(pixels, 10, 0.0, coarse=10) * SPREAD + MEAN
    assert np.corrcoef(found.ravel(), blocks.ravel())[0, 1] > 0.85


@pytest.mark.parametrize(("zoom", "size"), [(0.5, 8), (2.0, 32)])
def test_scaling_makes_a_square_as_large_as_it_says(zoom: float, size: int) -> None:
    picture = np.zeros((64, 64), dtype=np.float32)
    picture[24:40, 24:40] = 1
    found = CropAugmentation(0.0, 0.0, (zoom, zoom))(picture, np.random.default_rng(0))
    assert found.sum() == pytest.approx(size**2, rel=0.15)
    rows = np.nonzero(found[:, 32] > 0.5)[0]
    assert rows.mean() == pytest.approx(31.5, abs=0.6)


def test_mirroring_turns_left_and_right_round_and_nothing_else() -> None:
    picture = np.random.default_rng(2).random((15, 15)).astype(np.float32)
    found = CropAugmentation(0.0, 0.0, (1.0, 1.0), mirror=1.0)(picture, np.random.default_rng(0))
    np.testing.assert_allclose(found, picture[:, ::-1], atol=1e-6)


def test_a_shift_moves_no_farther_than_it_says() -> None:
    picture = np.zeros((41, 41), dtype=np.float32)
    picture[20, 20] = 1
    found = [CropAugmentation(0.0, 0.1, (1.0, 1.0))(picture, np.random.default_rng(seed)) for seed in range(60)]
    places = np.array(
        [[(each.sum(axis=1 - axis) * np.arange(41)).sum() / each.sum() for axis in (0, 1)] for each in found]
    )
    assert np.abs(places - 20).max() <= 4.1 + 1e-3 and np.abs(places - 20).max() > 3
