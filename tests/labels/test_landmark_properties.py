"""What must hold of circles, splines, mirrored points and points files whatever the hip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hipseg.labels.circle import Circle, fit_circle
from hipseg.labels.curves import centripetal_spline
from hipseg.labels.landmarks import SIDES, hip_landmarks, mirror_columns
from hipseg.labels.points_file import read_points, write_points

SEEDS = st.integers(0, 2**32 - 1)
COORDINATES = st.floats(-500, 1000)


def arc(circle: Circle, first_deg: float, span_deg: float, count: int) -> np.ndarray:
    angle = np.deg2rad(first_deg + np.linspace(0, span_deg, count))
    return circle.centre + circle.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@given(COORDINATES, COORDINATES, st.floats(5, 300), st.floats(0, 360), st.floats(40, 350), st.integers(3, 30))
def test_any_arc_gives_its_circle_back(
    x: float, y: float, radius: float, first: float, span: float, count: int
) -> None:
    circle = Circle(x, y, radius)
    np.testing.assert_allclose(
        fit_circle(arc(circle, first, span, count)), circle, atol=1e-6 * (radius + abs(x) + abs(y))
    )


@given(SEEDS, st.floats(0, 360), st.floats(0.1, 10), COORDINATES, COORDINATES, st.booleans())
def test_a_fitted_circle_turns_scales_mirrors_and_moves_with_its_points(
    seed: int, turn_deg: float, scale: float, x: float, y: float, mirror: bool
) -> None:
    rng = np.random.default_rng(seed)
    points = arc(Circle(0, 0, 26), 190, 160, 10) + rng.normal(0, 0.5, (10, 2))
    turn = np.deg2rad(turn_deg)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.diag([-1.0 if mirror else 1.0, 1.0])
    plain, moved = fit_circle(points), fit_circle(points @ matrix.T + [x, y])
    assert moved.radius == pytest.approx(scale * plain.radius, rel=1e-6)
    np.testing.assert_allclose(moved.centre, matrix @ plain.centre + [x, y], atol=1e-5 * (1 + scale))
    np.testing.assert_allclose(fit_circle(rng.permutation(points)), plain, atol=1e-7)


@given(SEEDS, st.integers(3, 12), st.integers(1, 30))
def test_a_spline_runs_through_its_landmarks_forwards_and_backwards(seed: int, count: int, samples: int) -> None:
    points = np.random.default_rng(seed).uniform(-100, 300, (count, 2))
    curve = centripetal_spline(points, samples)
    assert curve.shape == ((count - 1) * samples + 1, 2)
    np.testing.assert_allclose(curve[::samples], points, atol=1e-8)
    np.testing.assert_allclose(centripetal_spline(points[::-1], samples)[::-1][::samples], points, atol=1e-8)


@given(SEEDS, st.floats(0, 360), st.floats(0.1, 20), COORDINATES, COORDINATES)
def test_a_spline_turns_scales_and_moves_with_its_landmarks(
    seed: int, turn_deg: float, scale: float, x: float, y: float
) -> None:
    points = np.random.default_rng(seed).uniform(0, 60, (6, 2))
    turn = np.deg2rad(turn_deg)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    there = centripetal_spline(points @ matrix.T + [x, y])
    np.testing.assert_allclose(there, centripetal_spline(points) @ matrix.T + [x, y], atol=1e-6 * scale)


@given(arrays(float, (80, 2), elements=COORDINATES), st.integers(1, 4000))
def test_mirroring_twice_is_nothing_and_leaves_the_height(points: np.ndarray, width: int) -> None:
    mirrored = mirror_columns(points, width)
    np.testing.assert_allclose(mirror_columns(mirrored, width), points, atol=1e-9)
    assert np.array_equal(mirrored[:, 1], points[:, 1])
    # The same way from the image's middle, to its other side.
    np.testing.assert_allclose(mirrored[:, 0] + points[:, 0], width - 1, atol=1e-9)


def test_both_sides_are_all_points() -> None:
    points = np.random.default_rng(0).normal(size=(160, 2))
    assert np.array_equal(np.concatenate([hip_landmarks(points, side) for side in SIDES]), points)


@given(arrays(float, (160, 2), elements=st.floats(-1e4, 1e5) | st.just(float("nan"))))
def test_points_files_keep_points_to_a_thousandth(tmp_path_factory: pytest.TempPathFactory, points: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pts"
    write_points(path, points)
    read = read_points(path)
    np.testing.assert_allclose(read, points, rtol=0, atol=5.0001e-4)
    write_points(path, read)
    assert np.array_equal(read_points(path), read, equal_nan=True)


@given(arrays(float, (3, 2), elements=COORDINATES))
def test_three_points_have_the_circle_through_them(points: np.ndarray) -> None:
    (ax, ay), (bx, by) = points[1] - points[0], points[2] - points[0]
    sides = np.hypot(*np.diff(points[[0, 1, 2, 0]], axis=0).T)
    assume(sides.min() > 1 and abs(ax * by - ay * bx) > 0.02 * sides.max() ** 2)
    circle = fit_circle(points)
    # Circumradius: the product of the sides over four times the area.
    assert circle.radius == pytest.approx(np.prod(sides) / (2 * abs(ax * by - ay * bx)), rel=1e-6)
    np.testing.assert_allclose(np.hypot(*(points - circle.centre).T), circle.radius, rtol=1e-6)
