from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

from hipseg.labels.curves import SAMPLES_PER_SPAN, centripetal_spline, polygon_curves, spline_curves
from hipseg.labels.template import template


def test_runs_through_every_point_and_ends_at_the_last() -> None:
    points = np.random.default_rng(0).uniform(0, 10, (7, 2)).cumsum(axis=0)
    curve = centripetal_spline(points, samples_per_span=5)
    assert curve.shape == (31, 2)
    np.testing.assert_allclose(curve[::5], points, atol=1e-12)


def test_equals_another_spline_with_centripetal_knots() -> None:
    points = np.array([[0, 0], [1, 2], [4, 3], [5, 1], [9, 2], [9.5, 4]], dtype=float)
    knots = [0.0]
    for a, b in pairwise(points):
        knots.append(knots[-1] + np.hypot(*(b - a)) ** 0.5)
    at = np.concatenate([np.linspace(a, b, 8, endpoint=False) for a, b in pairwise(knots)])
    expected = make_interp_spline(knots, points, k=3)(np.append(at, knots[-1]))
    np.testing.assert_allclose(centripetal_spline(points, samples_per_span=8), expected, atol=1e-9)


@pytest.mark.parametrize(("jitter", "most"), [(0.0, 0.015), (1.0, 0.15)])
def test_follows_a_circle_between_its_points(jitter: float, most: float) -> None:
    """Chords of 20 degrees cut the arc of a head by 0.4 mm; landmarks 1 degree (0.45 mm) off their even spacing."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        angle = np.deg2rad(np.linspace(180, 360, 10) + rng.uniform(-jitter, jitter, 10))
        curve = centripetal_spline(26 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
        assert np.abs(np.hypot(*curve.T) - 26).max() < most


@pytest.mark.parametrize("x", [[0, 1, 2, 3, 4], [0, 1, 4, 5, 8], [12, 7, 6, 5, 0], [0, 1, 5, 6, 10]])
def test_a_straight_line_stays_straight_and_never_turns_back(x: list[float]) -> None:
    points = np.stack([x, 2 * np.array(x) + 1], axis=1)
    curve = centripetal_spline(points)
    np.testing.assert_allclose(curve[:, 1], 2 * curve[:, 0] + 1, atol=1e-9)
    steps = np.diff(curve[:, 0])
    assert (steps > 0).all() or (steps < 0).all()


def test_two_landmarks_on_one_spot_make_no_loop() -> None:
    points = np.array([[0, 0], [3, 1], [3, 1], [6, 1], [9, 0]], dtype=float)
    curve = centripetal_spline(points)
    assert np.isfinite(curve).all()
    assert curve.min() > -0.2 and curve[:, 1].max() < 1.5 and curve[:, 0].max() < 9.2


def test_curves_are_those_of_head_and_sourcil() -> None:
    landmarks = template()
    curves = spline_curves(landmarks)
    assert (len(curves.femoral_head), len(curves.sourcil)) == (9 * 24 + 1, 4 * 24 + 1)
    np.testing.assert_allclose(curves.femoral_head[::SAMPLES_PER_SPAN], landmarks[18:28], atol=1e-9)
    np.testing.assert_allclose(curves.sourcil[::SAMPLES_PER_SPAN], landmarks[70:75], atol=1e-9)
    chords = polygon_curves(landmarks)
    assert np.array_equal(chords.femoral_head, landmarks[18:28])
    assert np.array_equal(chords.sourcil, landmarks[70:75])


def test_no_curve_sees_beyond_its_corner() -> None:
    landmarks = template()
    others = np.ones(80, dtype=bool)
    others[18:28] = others[70:75] = False
    moved = landmarks.copy()
    moved[others] += 50
    for curve, same in zip(spline_curves(moved), spline_curves(landmarks), strict=True):
        assert np.array_equal(curve, same)


@pytest.mark.parametrize("unit", [1 / 0.9, 0.1, 40.0])
def test_unit_and_frame_do_not_matter(unit: float) -> None:
    landmarks = template()
    for there, here in zip(spline_curves(landmarks * unit + [70, -3]), spline_curves(landmarks), strict=True):
        np.testing.assert_allclose(there, here * unit + [70, -3], atol=1e-8)
