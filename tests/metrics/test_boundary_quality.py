from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hipseg.metrics.boundary import boundary_quality


def box(rows: slice, columns: slice, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint8)
    labels[rows, columns] = 2
    return labels


def boundary(mask: np.ndarray) -> np.ndarray:
    """Pixels of a mask that have a neighbour outside it, side by side."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inner)


@pytest.mark.parametrize("spacing", [0.9, 0.2])
def test_same_maps_are_perfect(spacing: float) -> None:
    labels = box(slice(5, 20), slice(7, 30))
    assert boundary_quality(labels, labels, 2, spacing, 1.0) == (0.0, 0.0, 1.0)


def test_shifted_box_by_hand() -> None:
    """A long bar moved down by 3 pixels of 0.5 mm: every pixel of its long sides is 1.5 mm away."""
    first, second = box(slice(10, 11), slice(5, 45)), box(slice(13, 14), slice(5, 45))
    assert boundary_quality(first, second, 2, 0.5, 1.49) == pytest.approx((1.5, 1.5, 0.0))
    assert boundary_quality(first, second, 2, 0.5, 1.51).surface_dice == 1


@pytest.mark.parametrize("seed", range(5))
def test_equals_all_pairs_of_boundary_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(2):
        row, column = rng.integers(3, 12, 2)
        maps.append(box(slice(row, row + rng.integers(5, 20)), slice(column, column + rng.integers(5, 25))))
        maps[-1][30 + rng.integers(0, 5), 40] = 2
    spacing = float(rng.uniform(0.2, 1))
    distances = spacing * cdist(*(boundary(labels == 2) for labels in maps))
    forth, back = distances.min(axis=1), distances.min(axis=0)
    both = np.concatenate([forth, back])
    expected = max(np.percentile(forth, 95), np.percentile(back, 95)), both.mean(), (both <= 1.0).mean()
    assert boundary_quality(*maps, 2, spacing, 1.0) == pytest.approx(expected, rel=1e-5)


def test_empty_maps_follow_the_rule() -> None:
    nothing, something = box(slice(0), slice(0)), box(slice(5, 9), slice(5, 9))
    assert boundary_quality(nothing, nothing, 2, 0.9, 1.0) == (0, 0, 1)
    diagonal = 0.9 * np.hypot(40, 50)
    for pair in ((nothing, something), (something, nothing)):
        assert boundary_quality(*pair, 2, 0.9, 1.0) == pytest.approx((diagonal, diagonal, 0))
