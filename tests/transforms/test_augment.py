from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass

from hipseg.transforms.augment import Change, ExposureAugmentation, LightAugmentation, NoAugmentation, apply_change

POINTS = np.array([[3.0, 4.0], [20.5, 11.25]])
NOTHING = Change(rotation_deg=0.0, scale=1.0, shift=(0.0, 0.0), contrast=1.0)
LIGHT = LightAugmentation(rotation_deg=8.0, shift_px=6.0, scale=0.1, contrast=0.2)


def pair(shape: tuple[int, int] = (41, 41), seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return rng.random(shape, dtype=np.float32), rng.integers(0, 4, shape, dtype=np.uint8)


def test_no_change_and_no_augmentation_change_nothing() -> None:
    image, label = pair((30, 41))
    for moved, moved_label, move in (
        apply_change(image, label, NOTHING),
        NoAugmentation()(image, label, np.random.default_rng(0)),
    ):
        np.testing.assert_allclose(moved, image, atol=1e-6)
        assert np.array_equal(moved_label, label)
        np.testing.assert_allclose(move(POINTS), POINTS)


@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (-90, 1), (180, 2)])
@pytest.mark.parametrize("size", [40, 41])
def test_quarter_turns_are_clockwise(degrees: float, turns: int, size: int) -> None:
    image, label = pair((size, size))
    moved, moved_label, _ = apply_change(image, label, replace(NOTHING, rotation_deg=degrees))
    # Rounding may put the outermost pixels outside.
    inner = np.s_[1:-1, 1:-1]
    np.testing.assert_allclose(moved[inner], np.rot90(image, turns)[inner], atol=1e-5)
    assert np.array_equal(moved_label[inner], np.rot90(label, turns)[inner])


def test_shift_moves_down_and_right_and_brings_in_0() -> None:
    image, label = pair((20, 30))
    moved, moved_label, _ = apply_change(image, label, replace(NOTHING, shift=(3.0, 5.0)))
    expected, expected_label = np.zeros_like(image), np.zeros_like(label)
    expected[3:, 5:], expected_label[3:, 5:] = image[:-3, :-5], label[:-3, :-5]
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    assert np.array_equal(moved_label, expected_label)


@pytest.mark.parametrize("scale", [0.5, 1.5, 1.9])
def test_scale_enlarges_about_the_middle(scale: float) -> None:
    rows, columns = np.indices((101, 121))
    label = (np.hypot(rows - 50, columns - 60) < 15).astype(np.uint8)
    moved, moved_label, _ = apply_change(label.astype(np.float32), label, replace(NOTHING, scale=scale))
    assert center_of_mass(moved_label) == pytest.approx((50, 60), abs=0.05)
    assert moved_label.sum() == pytest.approx(np.pi * (15 * scale) ** 2, rel=0.03)
    assert moved.sum() == pytest.approx(np.pi * (15 * scale) ** 2, rel=0.03)


def test_turn_and_shift_together_move_a_spot_to_where_geometry_says() -> None:
    image = np.zeros((101, 101), dtype=np.float32)
    image[49:52, 79:82] = 1  # 30 right of the middle
    change = Change(rotation_deg=30.0, scale=1.2, shift=(4.0, -7.0), contrast=1.0)
    moved, label, move = apply_change(image, image.astype(np.uint8), change)
    # Clockwise by 30 degrees on the screen: right turns down.
    expected = (50 + 36 * np.sin(np.pi / 6) + 4, 50 + 36 * np.cos(np.pi / 6) - 7)
    assert center_of_mass(moved) == pytest.approx(expected, abs=0.05)
    assert center_of_mass(label) == pytest.approx(expected, abs=0.3)
    points = move(np.array([[80.0, 50.0], [50.0, 50.0]]))
    np.testing.assert_allclose(points, [expected[::-1], (50 - 7, 50 + 4)])


def test_contrast_is_an_exponent_on_the_image_alone() -> None:
    image, label = pair()
    moved, moved_label, _ = apply_change(image, label, replace(NOTHING, contrast=2.0))
    np.testing.assert_allclose(moved, image**2, atol=1e-6)
    assert np.array_equal(moved_label, label)


def test_draws_stay_within_their_limits_and_use_them() -> None:
    rng = np.random.default_rng(0)
    draws = [LIGHT.draw(rng) for _ in range(2000)]
    for values, most in (
        ([draw.rotation_deg for draw in draws], 8.0),
        ([draw.shift[0] for draw in draws], 6.0),
        ([draw.shift[1] for draw in draws], 6.0),
        ([draw.scale - 1 for draw in draws], 0.1),
        ([np.log(draw.contrast) for draw in draws], 0.5),
    ):
        assert np.abs(values).max() <= most + 1e-9
        assert np.min(values) < -0.9 * most and np.max(values) > 0.9 * most
        assert abs(np.mean(values)) < 0.06 * most


def test_the_generator_decides() -> None:
    image, label = pair()
    first, again, other = (LIGHT(image, label, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert np.array_equal(first[2](POINTS), again[2](POINTS)) and not np.array_equal(first[2](POINTS), other[2](POINTS))
    assert not np.array_equal(first[0], other[0])


def test_labels_stay_labels() -> None:
    label = np.full((60, 60), 3, dtype=np.uint8)
    label[:, 30:] = 1
    _, moved, _ = LIGHT(label.astype(np.float32) / 3, label, np.random.default_rng(1))
    assert moved.dtype == np.uint8 and set(np.unique(moved)) <= {0, 1, 3}


@pytest.mark.parametrize("change", [NOTHING, Change(20.0, 0.7, (3.0, -5.0), 1.3)])
def test_what_is_moved_in_from_a_margin_is_the_same_image_cut(change: Change) -> None:
    image, label = pair((61, 71))
    whole, whole_label, whole_move = apply_change(image, label, change)
    inner, inner_label, move = apply_change(image, label, change, 10)
    np.testing.assert_allclose(inner, whole[10:-10, 10:-10], atol=1e-6)
    assert np.array_equal(inner_label, whole_label[10:-10, 10:-10])
    np.testing.assert_allclose(move(POINTS), whole_move(POINTS) - 10)


def test_no_augmentation_leaves_a_margin_away() -> None:
    image, label = pair((30, 41))
    inner, inner_label, move = NoAugmentation()(image, label, np.random.default_rng(0), 4)
    assert np.array_equal(inner, image[4:-4, 4:-4]) and np.array_equal(inner_label, label[4:-4, 4:-4])
    np.testing.assert_allclose(move(POINTS), POINTS - 4)


def test_exposures_make_smaller_further_than_larger() -> None:
    exposure = ExposureAugmentation(
        rotation_deg=7, shift_px=8, scale=0.1, contrast=0.2, smaller=0.3, slow=0, sharpen=0, blur_px=0, noise=0, cover=0
    )
    rng = np.random.default_rng(0)
    sizes = np.array([exposure.draw(rng).scale for _ in range(2000)])
    assert 0.7 <= sizes.min() < 0.71 and 1.09 < sizes.max() <= 1.1
    assert np.mean(sizes < 1) == pytest.approx(0.5, abs=0.04)
    # As often by every amount.
    assert np.median(sizes[sizes < 1]) == pytest.approx(0.85, abs=0.01)


def test_what_is_only_made_smaller_is_made_so() -> None:
    exposure = ExposureAugmentation(
        rotation_deg=0, shift_px=0, scale=0, contrast=0, smaller=0.3,
        slow=0, sharpen=0, blur_px=0, noise=0, cover=0,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    sizes = np.array([exposure.draw(rng).scale for _ in range(500)])
    assert 0.7 <= sizes.min() < 0.71 and sizes.max() == 1
