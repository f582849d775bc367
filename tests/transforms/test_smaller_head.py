"""Heads made smaller in their sockets: what becomes of a disc is known; around it things move without folds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.transforms.smaller_head import SmallerHead, draw_smaller

HEAD = Circle(101.3, 93.8, 27.0)
CASES = [(0.8, -35.0), (0.85, 0.0), (0.9, 15.0), (1.0, -10.0)]


def inside_px(circle: Circle) -> NDArray[np.float64]:
    """How far every pixel lies within a circle, below 0 for those beyond it."""
    rows, columns = np.mgrid[:200, :210]
    return np.asarray(circle.radius - np.hypot(rows - circle.y, columns - circle.x))


@pytest.mark.parametrize(("size", "contact_deg"), CASES)
def test_a_disc_becomes_the_smaller_disc_that_touches_the_same_point(size: float, contact_deg: float) -> None:
    before = inside_px(HEAD)
    image = np.clip(0.5 + before / 8, 0, 1).astype(np.float32)
    changed, label = SmallerHead(HEAD, size, contact_deg)(image, (before > 0).astype(np.uint8))
    away, angle = (1 - size) * HEAD.radius, np.deg2rad(contact_deg)
    expected = Circle(HEAD.x + away * np.sin(angle), HEAD.y - away * np.cos(angle), size * HEAD.radius)
    inside = inside_px(expected)
    assert (changed > 0.5)[inside > 0.1].all() and not (changed > 0.5)[inside < -0.1].any()
    # The label that is sampled has stairs of a pixel, which grow where the gap beyond the head is stretched.
    assert (label[inside > 0.75] == 1).all() and not label[inside < -2].any()
    assert changed.dtype == np.float32 and label.dtype == np.uint8


@pytest.mark.parametrize(("size", "contact_deg"), CASES)
def test_nothing_folds_and_what_is_far_away_stays(size: float, contact_deg: float) -> None:
    change = SmallerHead(HEAD, size, contact_deg)
    y, x = np.mgrid[:200, :210].astype(np.float64)
    source = change.source(np.stack([x, y], axis=-1))
    down, right = np.gradient(source, axis=(0, 1))
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    assert area.min() > 0.2
    far = np.hypot(x - HEAD.x, y - HEAD.y) > 2 * HEAD.radius
    assert np.array_equal(source[far], np.stack([x, y], axis=-1)[far])


@pytest.mark.parametrize(("size", "contact_deg"), CASES)
def test_points_move_as_the_image_does(size: float, contact_deg: float) -> None:
    change = SmallerHead(HEAD, size, contact_deg)
    points = np.random.default_rng(0).uniform(10, 190, (500, 2))
    np.testing.assert_allclose(change.source(change.move(points)), points, atol=1e-6)
    top = HEAD.centre + HEAD.radius * np.array([np.sin(np.deg2rad(contact_deg)), -np.cos(np.deg2rad(contact_deg))])
    np.testing.assert_allclose(change.move(top[None])[0], top, atol=1e-9)


def test_draws_keep_to_the_limit() -> None:
    rng = np.random.default_rng(1)
    sizes = [draw_smaller(HEAD, 0.2, rng).size for _ in range(500)]
    assert min(sizes) >= 0.8 and max(sizes) <= 1 and np.ptp(sizes) > 0.18
