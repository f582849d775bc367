"""Redrawn ends of a sourcil whose radius, ends and slants are given, in images that are zero where they end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hipseg.labels.landmarks import Points
from hipseg.measure.sourcil_ends import redraw_ends
from hipseg.measure.tracing import Image, polar
from hipseg.measure.weight_bearing import angles

CENTRE, RADIUS = np.array([60.3, 70.8]), 40.0
LATERAL, MEDIAL = -38.0, 33.0
Y, X = np.mgrid[:110, :120].astype(float)
AWAY = np.hypot(X - CENTRE[0], Y - CENTRE[1]) - RADIUS
DEG = np.rad2deg(np.arctan2(X - CENTRE[0], CENTRE[1] - Y))
EVERYWHERE, NOWHERE = np.ones_like(X), -np.ones_like(X)
PX = np.rad2deg(1 / RADIUS)  # of the curve, in degrees


def bone(lateral: float = 0.0, medial: float = 0.0, lateral_deg: float = LATERAL, medial_deg: float = MEDIAL) -> Image:
    """Pixels to the nearer end, which goes outward by so many pixels for every pixel towards the centre."""
    return np.minimum((DEG - lateral_deg) / PX - lateral * AWAY, (medial_deg - DEG) / PX - medial * AWAY)


def curve(
    radius: Callable[[Points], Points] = lambda deg: np.full(len(deg), RADIUS),
    bent_px: float = 1.0,
    step_px: float = 0.5,
) -> Points:
    """A sourcil whose last two pixels bend up at both ends, as a blurred corner bends them."""
    deg = np.arange(LATERAL, MEDIAL + 1e-9, step_px * PX)
    to_end = np.minimum(deg - deg[0], deg[-1] - deg) / PX
    return CENTRE + polar(np.deg2rad(deg), radius(deg) + bent_px * np.maximum(0, 1 - to_end / 2.0) ** 2)


def ends(redrawn: Points) -> tuple[float, float]:
    """Lateral and medial, in pixels further out than they are."""
    deg = np.rad2deg(angles(redrawn, CENTRE))
    assert (np.diff(deg) > 0).all()
    return float((LATERAL - deg[0]) / PX), float((deg[-1] - MEDIAL) / PX)


def radii(redrawn: Points) -> Points:
    return np.hypot(*(redrawn - CENTRE).T)


@pytest.mark.parametrize("lateral", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("medial", [0.0, 0.5, 1.0])
def test_ends_where_the_slanting_end_of_the_joint_meets_it(lateral: float, medial: float) -> None:
    redrawn = redraw_ends(curve(), bone(lateral, medial), NOWHERE, CENTRE)
    np.testing.assert_allclose(ends(redrawn), 0, atol=0.1)
    np.testing.assert_allclose(radii(redrawn), RADIUS, atol=1e-6)


def moved(slant: float, out_px: float) -> Image:
    """Slanting ends of a joint or roof that meet the curve further out than it ends."""
    return bone(slant, slant, LATERAL - out_px * PX, MEDIAL + out_px * PX)


@pytest.mark.parametrize(
    ("slant", "out_px", "found_px"),
    [(1.5, -1.5, -1.5), (1.7, -1.5, -1.5 + 1.7 * 1.25), (-0.3, 1.0, 1.0 - 0.3 * 1.25), (-1.5, 1.0, 1.0 - 1.5 * 1.25)],
)
def test_a_joint_that_ends_further_in_below_or_far_out_ends_where_it_is_first_seen(
    slant: float, out_px: float, found_px: float
) -> None:
    """1.25 pixels below the sourcil. From there to twice that depth it may go out by two pixels: by 1.6 a pixel."""
    redrawn = redraw_ends(curve(), moved(slant, out_px), NOWHERE, CENTRE)
    np.testing.assert_allclose(ends(redrawn), found_px, atol=0.15)


@pytest.mark.parametrize(
    ("slant", "out_px", "found_px"),
    [
        (0.0, 0.0, 0.0),
        (0.8, 0.0, 0.0),
        (-0.8, 0.0, 0.0),
        (1.5, 2.0, 2.0),
        (1.7, 2.0, 2.0 - 1.7 * 1.25),
        (-1.5, -1.5, -1.5),
        (-1.7, -1.5, -1.5 + 1.7 * 1.25),
    ],
)
def test_in_a_narrow_joint_it_ends_where_the_roof_does_whichever_way_that_slants(
    slant: float, out_px: float, found_px: float
) -> None:
    redrawn = redraw_ends(curve(), EVERYWHERE, moved(slant, out_px), CENTRE)
    np.testing.assert_allclose(ends(redrawn), found_px, atol=0.15)
    np.testing.assert_allclose(radii(redrawn), RADIUS, atol=1e-6)


def test_the_joint_decides_before_the_roof_and_each_end_for_itself() -> None:
    shorter = bone(lateral_deg=LATERAL + 2 * PX, medial_deg=MEDIAL - 1.5 * PX)
    np.testing.assert_allclose(ends(redraw_ends(curve(), bone(), shorter, CENTRE)), 0, atol=0.1)
    joint = bone(lateral_deg=-170.0)
    np.testing.assert_allclose(ends(redraw_ends(curve(), joint, shorter, CENTRE)), (-2.0, 0), atol=0.1)
    np.testing.assert_allclose(ends(redraw_ends(curve(), bone(), NOWHERE, CENTRE)), 0, atol=0.1)


def test_an_end_within_the_bend_or_beyond_it_is_found_and_none_further_in() -> None:
    """The curve is kept up to 2.5 pixels from its end, and continued from there by 6.5, which is up to 4 beyond."""
    for out_px, found_px in ((2.0, 2.0), (-1.5, -1.5), (-5.0, -2.79), (2.8, 2.8)):
        joint = bone(lateral_deg=LATERAL - out_px * PX, medial_deg=MEDIAL + out_px * PX)
        np.testing.assert_allclose(ends(redraw_ends(curve(), joint, NOWHERE, CENTRE)), found_px, atol=0.1)


def test_without_an_end_in_sight_it_goes_on_as_far_as_one_is_looked_for() -> None:
    redrawn = redraw_ends(curve(), EVERYWHERE, EVERYWHERE, CENTRE)
    np.testing.assert_allclose(ends(redrawn), 3.25, atol=0.3)
    np.testing.assert_allclose(radii(redrawn), RADIUS, atol=1e-6)


def test_ends_are_continued_as_a_parabola() -> None:
    def radius(deg: Points) -> Points:
        return RADIUS + 0.07 * deg + 0.002 * deg**2

    redrawn = redraw_ends(curve(radius), EVERYWHERE, EVERYWHERE, CENTRE)
    deg = np.rad2deg(angles(redrawn, CENTRE))
    np.testing.assert_allclose(radii(redrawn), radius(deg), atol=1e-5)
    assert np.hypot(*np.diff(redrawn, axis=0).T).max() < 0.6


def test_continued_from_nine_pixels_before_the_bend_and_from_nothing_else() -> None:
    plain = redraw_ends(curve(), bone(), NOWHERE, CENTRE)
    for from_end_px, seen in ((12.5, False), (10.5, True), (3.2, True), (1.8, False)):
        disturbed = curve()
        px = (MEDIAL - np.rad2deg(angles(disturbed, CENTRE))) / PX
        place = np.abs(px - from_end_px) < 0.6
        disturbed[place] = CENTRE + (disturbed[place] - CENTRE) * 1.01
        redrawn = redraw_ends(disturbed, bone(), NOWHERE, CENTRE)
        moved = np.abs(radii(redrawn[-8:]) - radii(plain[-8:])).max()
        assert (moved > 1e-3) == seen, f"{from_end_px} pixels from the end moves it by {moved}"


@pytest.mark.parametrize(("step_px", "continued"), [(3.1, False), (2.3, True)])
def test_three_points_make_no_parabola(step_px: float, continued: bool) -> None:
    """Between 2.5 and 11.5 pixels from the end lie three points 3.1 pixels apart, or four 2.3 apart."""
    before = curve(bent_px=0.0, step_px=step_px)
    redrawn = redraw_ends(before, EVERYWHERE, EVERYWHERE, CENTRE)
    assert (len(redrawn) > len(before)) == continued
    if not continued:
        np.testing.assert_allclose(redrawn, before, atol=1e-9)


@pytest.mark.parametrize(("behind_px", "kept"), [(2.2, True), (2.8, False), (12.0, False)])
def test_what_lies_behind_the_sourcil_is_left_out(behind_px: float, kept: bool) -> None:
    """A second layer of points above the curve, as where joint space reaches up beside the roof."""
    deg = np.arange(-10.0, 10.0, 0.6 * PX)
    layer = CENTRE + polar(np.deg2rad(deg), np.full(len(deg), RADIUS + behind_px))
    redrawn = redraw_ends(np.concatenate([layer, curve()]), bone(), NOWHERE, CENTRE)
    assert (radii(redrawn).max() > RADIUS + 1) == kept


def test_points_may_come_in_any_order() -> None:
    plain = redraw_ends(curve(), bone(), NOWHERE, CENTRE)
    shuffled = np.random.default_rng(0).permutation(curve())
    np.testing.assert_allclose(redraw_ends(shuffled, bone(), NOWHERE, CENTRE), plain, atol=1e-9)
