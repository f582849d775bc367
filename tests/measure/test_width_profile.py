"""Widths along the weight-bearing region on curves of two circles, in closed form, and beyond their ends."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_joint import Joint

from hipseg.labels.circle import Circle
from hipseg.labels.curves import JointCurves
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure.reference import reference_width
from hipseg.measure.weight_bearing import WidthProfile, width_profile

CENTRE = np.array([212.5, 180.25])
HEAD = Circle(*CENTRE, 26.0)
TWO = Joint(roof_mm=31.0, offset_mm=(-1.5, 0.6), lateral_deg=-41.3, medial_deg=28.6)


def on_circle(radius: Points | float, first_deg: float, last_deg: float, count: int = 4001) -> Points:
    """Points about the head's centre, angles from straight up, medially positive."""
    angle = np.deg2rad(np.linspace(first_deg, last_deg, count))
    return CENTRE + np.asarray(radius)[..., None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)


def curves(joint: Joint, head_first: float = -100.0, head_last: float = 120.0, vertices: int = 4001) -> JointCurves:
    deg = np.linspace(joint.lateral_deg, joint.medial_deg, vertices)
    return JointCurves(
        on_circle(joint.head_mm, head_first, head_last, vertices),
        on_circle(joint.surface_mm(deg), joint.lateral_deg, joint.medial_deg, vertices),
    )


@pytest.mark.parametrize("order", [1, -1])
def test_every_width_is_that_of_eccentric_circles(order: int) -> None:
    """Whichever way the curves run."""
    profile = width_profile(JointCurves(*(curve[::order] for curve in curves(TWO))), HEAD)
    assert np.array_equal(profile.angle_deg, np.arange(-41, 29))
    np.testing.assert_allclose(profile.width_mm, TWO.width_mm(profile.angle_deg), atol=1e-4)
    assert (profile.lateral_deg, profile.medial_deg) == (pytest.approx(-41.3), pytest.approx(28.6))
    assert profile.lateral_mm == pytest.approx(float(TWO.width_mm(-41.3)), abs=1e-4)
    assert profile.apex_mm == pytest.approx(float(TWO.width_mm(0.0)), abs=1e-4)
    assert profile.medial_mm == pytest.approx(float(TWO.width_mm(28.6)), abs=1e-4)
    assert profile.lateral_mm > profile.apex_mm + 0.5 > profile.medial_mm + 1.0


@pytest.mark.parametrize(
    ("lateral", "medial", "first", "last"),
    [(-30.0, 25.0, -30, 25), (-30.4, 25.9, -30, 25), (-0.4, 0.6, 0, 0), (3.2, 9.0, 4, 9), (-20.0, -4.5, -20, -5)],
)
def test_whole_degrees_lie_within_the_region(lateral: float, medial: float, first: int, last: int) -> None:
    profile = width_profile(curves(Joint(lateral_deg=lateral + 1e-9, medial_deg=medial + 1e-9)), HEAD)
    expected = np.arange(first if lateral != first else first + 1, last + 1)
    assert np.array_equal(profile.angle_deg, expected)


def test_a_roof_below_the_heads_surface_has_no_width() -> None:
    """The roof's circle dips 1 mm into the head, medially."""
    joint = Joint(roof_mm=28.0, offset_mm=(-2.0, 2.2))
    profile = width_profile(curves(joint), HEAD)
    widths = joint.width_mm(profile.angle_deg)
    assert widths.min() < -0.5 and widths.max() > 0.5
    np.testing.assert_allclose(profile.width_mm, np.maximum(widths, 0), atol=1e-4)
    assert (profile.lateral_mm, profile.medial_mm) == (
        pytest.approx(max(float(joint.width_mm(joint.lateral_deg)), 0.0), abs=1e-4),
        pytest.approx(max(float(joint.width_mm(joint.medial_deg)), 0.0), abs=1e-4),
    )


@pytest.mark.parametrize(
    ("lateral", "medial", "known"),
    [(1.4, 30.0, True), (1.6, 30.0, False), (-30.0, -1.4, True), (-30.0, -1.6, False), (0.0, 30.0, True)],
)
def test_the_apex_is_known_up_to_a_degree_and_a_half_beyond_the_roof(
    lateral: float, medial: float, known: bool
) -> None:
    for vertices in (4001, 4):
        profile = width_profile(curves(Joint(lateral_deg=lateral, medial_deg=medial), vertices=vertices), HEAD)
        assert np.isfinite(profile.apex_mm) == known
        if known:
            assert profile.apex_mm == pytest.approx(4.0, abs=1e-4)
        assert np.isfinite([profile.lateral_mm, profile.medial_mm, *profile.width_mm]).all()


@pytest.mark.parametrize(("short_deg", "known"), [(5.9, True), (6.1, False)])
def test_a_width_is_known_up_to_six_degrees_beyond_the_heads_curve(short_deg: float, known: bool) -> None:
    joint = Joint(lateral_deg=-40.001, medial_deg=30.001)
    lateral = width_profile(curves(joint, head_first=-40.0 + short_deg), HEAD)
    medial = width_profile(curves(joint, head_last=30.0 - short_deg), HEAD)
    assert np.isfinite(lateral.lateral_mm) == known and np.isfinite(lateral.medial_mm)
    assert np.isfinite(medial.medial_mm) == known and np.isfinite(medial.lateral_mm)
    assert np.isfinite(lateral.width_mm[0]) == known and np.isfinite(medial.width_mm[-1]) == known
    for profile in (lateral, medial):
        seen = np.isfinite(profile.width_mm)
        assert seen.sum() >= len(seen) - 1
        np.testing.assert_allclose(profile.width_mm[seen], 4.0, atol=1e-4)


def test_a_joint_without_curves_has_no_profile() -> None:
    empty = WidthProfile.empty()
    assert len(empty.angle_deg) == len(empty.width_mm) == 0
    numbers = (empty.lateral_deg, empty.medial_deg, empty.lateral_mm, empty.apex_mm, empty.medial_mm)
    assert np.isnan(numbers).all()


def test_landmarks_on_two_circles_have_their_reference_and_profile() -> None:
    """Splines through ten and five landmarks follow their circles to a fiftieth of a millimetre."""
    landmarks = template().copy()
    deg = np.linspace(TWO.lateral_deg, TWO.medial_deg, 5)
    landmarks[18:28] = on_circle(26.0, -66.0, 147.0, 10)
    landmarks[70:75] = on_circle(TWO.surface_mm(deg), TWO.lateral_deg, TWO.medial_deg, 5)
    found = reference_width(landmarks)
    narrowest = TWO.narrowest_deg()
    assert (found.status, found.head, found.bridged_deg) == ("ok", None, 0.0)
    assert found.mjsw_mm == pytest.approx(float(TWO.width_mm(narrowest)), abs=0.03)
    assert np.hypot(*(found.on_head_mm - CENTRE)) == pytest.approx(26.0, abs=0.03)
    assert np.hypot(*(found.on_roof_mm - CENTRE)) == pytest.approx(float(TWO.surface_mm(np.array(narrowest))), abs=0.03)
    np.testing.assert_allclose(found.profile.width_mm, TWO.width_mm(found.profile.angle_deg), atol=0.03)
    assert found.profile.lateral_mm == pytest.approx(float(TWO.width_mm(TWO.lateral_deg)), abs=0.03)
    assert found.profile.medial_mm == pytest.approx(float(TWO.width_mm(TWO.medial_deg)), abs=0.03)
