"""Films at a glance, on spots whose place is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import center_of_mass

from hipseg.transforms.overview import OverviewAugmentation, from_overview, glance_at, to_overview

STILL = {
    "shift_mm": 0.0,
    "rotation_deg": 0.0,
    "zoom": (1.0, 1.0),
    "cut": 0.0,
    "bright": 0.0,
    "contrast": 0.0,
    "noise": 0.0,
}

ALL = OverviewAugmentation(
    shift_mm=150.0, rotation_deg=8.0, zoom=(0.75, 1.3), cut=0.5, bright=0.5, contrast=0.6, noise=0.06
)


def spot(x: float, y: float, shape: tuple[int, int] = (96, 128), width: float = 3.0) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * width**2)).astype(np.float32)


def test_blocks_become_their_mean_and_places_go_with_them() -> None:
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    # Blocks have the means 3.5, 5.5, 7.5 and 15.5, 17.5, 19.5; the 1st percentile is 3.6, the 98th 19.3.
    means = np.array([[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]])
    expected = np.clip((means - 3.6) / (19.3 - 3.6), 0, 1)
    assert glance_at(image, 2)[0, 0].numpy() == pytest.approx(expected, abs=1e-5)
    # The middle of the first block of two lies half a pixel behind the first pixel's.
    assert to_overview(np.array([0.5, 2.5]), 2).tolist() == [0.0, 1.0]
    assert from_overview(np.array([0.0, 1.0]), 2).tolist() == [0.5, 2.5]


@pytest.mark.parametrize("size", [(7, 9), (8, 12), (5, 5)])
def test_incomplete_blocks_are_made_of_what_there_is(size: tuple[int, int]) -> None:
    # In every block of rows the same, rising from block to block.
    image = (1.0 + torch.arange(size[0]) // 4)[:, None].expand(size)[None, None]
    small = glance_at(image, 4)
    assert small.shape[2:] == (-(-size[0] // 4), -(-size[1] // 4))
    assert torch.allclose(small, torch.arange(small.shape[2])[:, None] / (small.shape[2] - 1.0), atol=0.05)


def test_films_have_their_own_contrast_and_no_image_stays_black() -> None:
    films = torch.rand(2, 1, 40, 40, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.1
    films[1] = films[0] * 2.5
    films[:, :, :8] = 0
    seen = glance_at(films, 4)
    assert (seen[:, :, :2] == 0).all() and seen[:, :, 2:].min() == 0 and seen.max() == 1
    assert torch.allclose(seen[0], seen[1], atol=1e-5)


@pytest.mark.parametrize("black", [0.0, 2.0**-12])
def test_black_areas_take_no_part_in_the_percentiles(black: float) -> None:
    film = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.1
    alone = glance_at(film[:, :, 8:], 4)
    film[:, :, :8] = black
    seen = glance_at(film, 4)
    assert (seen[:, :, :2] == 0).all()
    assert torch.equal(seen[:, :, 2:], alone)


def test_a_black_film_stays_black() -> None:
    assert (glance_at(torch.zeros(1, 1, 16, 16), 4) == 0).all()


def test_a_spot_keeps_its_place() -> None:
    image = 0.1 + 0.5 * spot(50.0, 41.0)
    image[88:] = 1.0  # so that the percentiles are those of ground and rim, and nothing of the spot is clipped
    small = glance_at(torch.from_numpy(image)[None, None], 4)[0, 0, :22].numpy()
    assert small.max() < 0.6
    row, column = center_of_mass(small)
    assert from_overview(np.array([column, row]), 4).tolist() == pytest.approx([50, 41], abs=0.05)


@pytest.mark.parametrize("seed", range(12))
def test_the_head_moves_with_its_film(seed: int) -> None:
    change = OverviewAugmentation(**STILL | {"shift_mm": 60.0, "rotation_deg": 20.0, "zoom": (0.7, 1.4)})
    image, head = change(spot(70.0, 40.0), np.array([70.0, 40.0]), 3.6, np.random.default_rng(seed))
    row, column = center_of_mass(image)
    assert head.tolist() == pytest.approx([column, row], abs=0.3)


def test_films_turn_shift_and_grow_both_ways() -> None:
    change = OverviewAugmentation(**STILL | {"shift_mm": 36.0, "zoom": (0.5, 2.0)})
    found = [change(spot(63.5, 47.5), np.array([63.5, 47.5]), 3.6, np.random.default_rng(seed)) for seed in range(60)]
    shifts = np.array([head for _, head in found]) - [63.5, 47.5]
    assert np.abs(shifts).max() <= 10
    assert (shifts.min(axis=0) < -5).all()
    assert (shifts.max(axis=0) > 5).all()
    sizes = np.array([image.sum() for image, _ in found]) / spot(63.5, 47.5).sum()
    assert 0.2 < sizes.min() < 0.5
    assert 2.0 < sizes.max() < 4.5


def test_a_head_that_leaves_the_film_is_none() -> None:
    change = OverviewAugmentation(**STILL | {"shift_mm": 1000.0})
    places = [change(spot(5.0, 5.0), np.array([5.0, 5.0]), 3.6, np.random.default_rng(s))[1] for s in range(20)]
    assert any(np.isnan(head).all() for head in places)
    for head in places:
        assert np.isnan(head).all() or ((head >= 0) & (head <= [127, 95])).all()


@pytest.mark.parametrize("seed", range(20))
def test_what_is_cut_away_is_black_and_its_head_gone(seed: int) -> None:
    change = OverviewAugmentation(**STILL | {"cut": 1.0})
    image, head = change(np.full((96, 128), 0.5, np.float32), np.array([70.0, 40.0]), 3.6, np.random.default_rng(seed))
    black = image == 0
    assert 0.1 < black.mean() < 0.9
    assert black.all(axis=0).any() or black.all(axis=1).any()
    assert bool(np.isnan(head).all()) == bool(black[40, 70])


@pytest.mark.parametrize("seed", range(20))
def test_grey_values_stay_in_their_range_and_black_stays_black(seed: int) -> None:
    change = OverviewAugmentation(**STILL | {"contrast": 0.6, "noise": 0.2})
    image = spot(70.0, 40.0)
    image[:, :20] = 0
    changed, head = change(image, np.array([70.0, 40.0]), 3.6, np.random.default_rng(seed))
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed[:, :20] == 0).all()
    assert changed.std() > 0
    assert head.tolist() == [70, 40]


def test_something_bright_is_added_and_nothing_else_changed() -> None:
    image, head = np.full((96, 128), 0.3, np.float32), np.array([70.0, 40.0])
    without, bright = (OverviewAugmentation(**STILL | {"bright": share}) for share in (0.0, 1.0))
    added = 0
    for seed in range(20):
        before, after = (change(image, head, 3.6, np.random.default_rng(seed))[0] for change in (without, bright))
        assert ((after == before) | (after >= 0.5)).all()
        added += bool((after > before).any())
    assert added >= 18


def test_the_same_draw_is_the_same_film() -> None:
    first, second = (ALL(spot(60, 40), np.array([60.0, 40.0]), 3.6, np.random.default_rng(5)) for _ in "ab")
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1], equal_nan=True)
