"""Distances between the surfaces of two balls, which geometry knows: about one middle, and about two."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.evaluation.evaluator import Case
from hipseg.evaluation.femur import FemurSurfaces
from hipseg.metrics.surface import surface_of

Triple = tuple[float, float, float]
ISOTROPIC: Triple = (0.8, 0.8, 0.8)
SCANNED: Triple = (0.987, 0.8, 0.8)
MIDDLE: Triple = (0.21, -0.13, 0.37)  # off any voxel's


def ball(radius_mm: float, spacing_mm: Triple, middle_mm: Triple = MIDDLE) -> NDArray[np.uint8]:
    counts = [2 * round((radius_mm + 6) / step) + 1 for step in spacing_mm]
    axes = [
        (np.arange(count) - count // 2) * step - off
        for count, step, off in zip(counts, spacing_mm, middle_mm, strict=True)
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    return (z**2 + y**2 + x**2 < radius_mm**2).astype(np.uint8)


def put_into(small: NDArray[np.uint8], large: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A map about the same voxel as a larger one, and of its size."""
    return np.pad(small, [((b - a) // 2, (b - a) // 2) for a, b in zip(small.shape, large.shape, strict=True)])


def measured(found: NDArray[np.uint8], truth: NDArray[np.uint8], spacing_mm: Triple) -> dict[str, float]:
    probabilities, outside = np.zeros((3, 1, 1, 1), dtype=np.float32), np.zeros(3, dtype=np.int64)
    return FemurSurfaces(1.0).compare(Case("a/b/left", 0, probabilities, found, truth, outside, spacing_mm)).columns


@pytest.mark.parametrize(
    ("larger_mm", "smaller_mm", "spacing_mm"),
    [
        (10.8, 10.0, ISOTROPIC), (13.0, 11.0, ISOTROPIC), (18.0, 17.6, ISOTROPIC), (25.0, 23.2, ISOTROPIC),
        (10.8, 10.0, SCANNED), (13.0, 11.0, SCANNED), (18.0, 17.6, SCANNED),
    ],
)  # fmt: skip
def test_balls_about_one_middle_lie_their_radii_s_difference_apart(
    larger_mm: float, smaller_mm: float, spacing_mm: Triple
) -> None:
    larger = ball(larger_mm, spacing_mm)
    smaller = put_into(ball(smaller_mm, spacing_mm), larger)
    columns, apart = measured(larger, smaller, spacing_mm), larger_mm - smaller_mm
    assert columns["assd_mm_periosteal"] == pytest.approx(apart, abs=0.02)
    # The farthest twentieth sees the unevenness that a blur of one voxel leaves; the study's formula sees all stairs.
    assert columns["hd95_mm_periosteal"] == pytest.approx(apart, abs=0.2)
    assert columns["asd_mm_periosteal"] == pytest.approx(apart, abs=0.15)


@pytest.mark.parametrize("middle_mm", [(0.0, 0.0, 0.0), (0.4, 0.4, 0.4), (-0.3, 0.11, 0.25)])
def test_a_ball_that_voxels_draw_too_large_or_small_is_measured_as_it_is_drawn(middle_mm: Triple) -> None:
    """About a voxel's own middle or corner its stairs are alike in all directions and add up: to 0.05 mm of radius."""
    larger = ball(15.0, ISOTROPIC, middle_mm)
    smaller = put_into(ball(13.5, ISOTROPIC, middle_mm), larger)
    drawn = [float((3 * mask.sum() * np.prod(ISOTROPIC) / (4 * np.pi)) ** (1 / 3)) for mask in (larger, smaller)]
    assert drawn == pytest.approx([15.0, 13.5], abs=0.05)
    assert measured(smaller, larger, ISOTROPIC)["assd_mm_periosteal"] == pytest.approx(drawn[0] - drawn[1], abs=0.01)


@pytest.mark.parametrize(
    ("moved_mm", "spacing_mm"),
    [((1.0, 0.0, 0.0), SCANNED), ((0.0, -2.0, 0.0), ISOTROPIC), ((0.7, 1.1, -0.9), SCANNED)],
)
def test_balls_about_two_middles_lie_as_far_apart_as_integrals_say(moved_mm: Triple, spacing_mm: Triple) -> None:
    """Of points on a ball of radius s the mean distance from a place d off its middle is s + d^2 / (3 s)."""
    larger_mm, smaller_mm = 17.0, 13.0
    middle = (MIDDLE[0] + moved_mm[0], MIDDLE[1] + moved_mm[1], MIDDLE[2] + moved_mm[2])
    larger = ball(larger_mm, spacing_mm)
    smaller = put_into(ball(smaller_mm, spacing_mm, middle), larger)
    off = float(np.linalg.norm(moved_mm))
    inwards = larger_mm + off**2 / (3 * larger_mm) - smaller_mm
    outwards = larger_mm - smaller_mm - off**2 / (3 * smaller_mm)
    expected = float(np.average([inwards, outwards], weights=[larger_mm**2, smaller_mm**2]))
    columns = measured(larger, smaller, spacing_mm)
    assert columns["assd_mm_periosteal"] == pytest.approx(expected, abs=0.02)
    # Along the way they were moved, places are spread evenly from -d to d: 95 % of them lie below 0.9 d.
    assert columns["hd95_mm_periosteal"] == pytest.approx(larger_mm - smaller_mm + 0.9 * off, abs=0.2)


@pytest.mark.parametrize("radius_mm", [10.0, 16.0])
def test_the_surface_of_a_ball_is_as_far_out_and_as_large_as_a_blur_leaves_it(radius_mm: float) -> None:
    """A blur moves a curved surface inwards, a ball's by its variance over the radius."""
    surface = surface_of(ball(radius_mm, ISOTROPIC) > 0, ISOTROPIC, smooth=1.0)
    middle_mm = [round((radius_mm + 6) / 0.8) * 0.8 + off for off in MIDDLE]
    away_mm = np.linalg.norm(surface.middles - middle_mm, axis=1)
    expected = radius_mm - 0.8**2 / radius_mm
    assert np.average(away_mm, weights=surface.size) == pytest.approx(expected, abs=0.02)
    assert surface.size.sum() == pytest.approx(4 * np.pi * expected**2, rel=0.01)
