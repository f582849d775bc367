from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hipseg.labels.circle import Circle, fit_circle, head_circle, robust_circle
from hipseg.labels.template import template


def arc(circle: Circle, start: float, stop: float, count: int = 10) -> NDArray[np.float64]:
    angle = np.deg2rad(np.linspace(start, stop, count))
    return circle.centre + circle.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize(("start", "stop", "count"), [(0, 324, 10), (200, 340, 10), (250, 290, 10), (10, 130, 3)])
@pytest.mark.parametrize(
    "circle", [Circle(0, 0, 1), Circle(-104, 203, 26), Circle(9000, -7000, 28.9), Circle(2e5, 0, 1e6)]
)
def test_points_on_a_circle_give_it_back(circle: Circle, start: float, stop: float, count: int) -> None:
    assert fit_circle(arc(circle, start, stop, count)) == pytest.approx(circle, rel=1e-7, abs=1e-7)


def geometric_fit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The circle of least squared distances, by an iteration."""
    start = [*points.mean(axis=0), np.ptp(points)]
    found = least_squares(lambda p: np.hypot(*(points - p[:2]).T) - p[2], start, xtol=1e-12, ftol=1e-12)
    return found.x


@pytest.mark.parametrize("seed", range(8))
def test_noisy_arc_gives_nearly_the_geometric_fit(seed: int) -> None:
    points = arc(Circle(100, 200, 26), 190, 350) + np.random.default_rng(seed).normal(0, 0.3, (10, 2))
    np.testing.assert_allclose(fit_circle(points), geometric_fit(points), atol=0.05)


def test_short_noisy_arcs_are_hardly_biased() -> None:
    """Kasa's simpler fit would give a radius too small by 0.8 mm here."""
    rng = np.random.default_rng(0)
    clean = arc(Circle(0, 0, 26), 240, 300, 20)
    radii = [fit_circle(clean + rng.normal(0, 0.2, clean.shape)).radius for _ in range(2000)]
    assert np.mean(radii) == pytest.approx(26, abs=0.2)


def test_template_head_is_as_documented() -> None:
    """Its y axis starts at the head's centre and its head has a radius of 26 mm."""
    circle = head_circle(template())
    assert circle.y == pytest.approx(0, abs=0.1)
    assert circle.radius == pytest.approx(26, abs=0.1)


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [1, 1], [2, 2], [5, 5]],
        [[0, 3], [1, 3], [7, 3]],
        [[4, 0], [4, 1], [4, 9]],
        [[2, 2], [2, 2], [2, 2]],
        [[100.3, 200.1], [101.3, 202.1], [104.3, 208.1]],
        [[0, 0], [3, 1]],
        [[5, 5]],
    ],
)
def test_points_on_a_line_or_spot_and_too_few_are_refused(points: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="can't be fitted"):
        fit_circle(np.array(points, dtype=float))


@pytest.mark.parametrize("place", [[0.1, 0.3], [123456.789, 98765.4321], [1e7 / 3, -1e7 / 7]])
def test_one_point_given_many_times_is_one_point_wherever_it_lies(place: list[float]) -> None:
    with pytest.raises(ValueError, match="to one point"):
        fit_circle(np.array([place] * 7))


def dented(first: int, depth_mm: float) -> NDArray[np.float64]:
    """The template's landmarks, three neighbours of the head's arc pushed so far inwards, along their radius."""
    landmarks = template().copy()
    plain = fit_circle(landmarks[18:28])
    outward = landmarks[first : first + 3] - plain.centre
    landmarks[first : first + 3] -= depth_mm * outward / np.hypot(*outward.T)[:, None]
    return landmarks


@pytest.mark.parametrize("first", range(18, 26))
@pytest.mark.parametrize("depth_mm", [7.0, -7.0])
def test_three_dented_landmarks_hardly_move_the_heads_circle(first: int, depth_mm: float) -> None:
    """The plain fit of seven good landmarks and three dented ones is up to 3.6 mm off."""
    plain, found = fit_circle(template()[18:28]), head_circle(dented(first, depth_mm))
    assert found.radius == pytest.approx(plain.radius, abs=1.0)
    assert np.hypot(*(found.centre - plain.centre)) < 1.5


@pytest.mark.parametrize("circle", [Circle(-104, 203, 26), Circle(3, -1, 17.5), Circle(211.7, 180.2, 230.0)])
def test_without_a_dent_the_heads_circle_is_the_plain_fit(circle: Circle) -> None:
    landmarks = np.zeros((80, 2))
    landmarks[18:28] = arc(circle, 195, 338)
    np.testing.assert_allclose(head_circle(landmarks), fit_circle(landmarks[18:28]), atol=1e-9)
    np.testing.assert_allclose(head_circle(landmarks), circle, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_what_an_annotator_is_off_by_does_not_count_as_a_dent(seed: int) -> None:
    landmarks = template() + np.random.default_rng(seed).normal(0, 0.3, (80, 2))
    np.testing.assert_allclose(head_circle(landmarks), fit_circle(landmarks[18:28]), atol=0.05)


def test_the_heads_circle_is_that_of_landmarks_18_to_27_alone() -> None:
    landmarks = np.random.default_rng(0).uniform(-500, 500, (80, 2))
    landmarks[18:28] = arc(Circle(40, 50, 25), 190, 350)
    np.testing.assert_allclose(head_circle(landmarks), (40, 50, 25), atol=1e-9)


# Where the plain fit ends and the robust one begins ------------------------------------------------------------------


def pushed(off_mm: float, scale: float = 1.0, index: int = 4) -> NDArray[np.float64]:
    """Ten points of a circle of 26 mm about (-104, 3), one pushed outward by so much."""
    points = arc(Circle(-104, 3, 26), 195, 338)
    outward = points[index] - (-104, 3)
    points[index] += off_mm * outward / np.hypot(*outward)
    return scale * points


def roundness(points: NDArray[np.float64]) -> float:
    """The root mean square distance from the circle of least squares, of that from the mean."""
    x, y, radius = geometric_fit(points)
    off = np.hypot(*(points - (x, y)).T) - radius
    return float(np.sqrt(np.mean(off**2) / np.mean(np.sum((points - points.mean(axis=0)) ** 2, axis=1))))


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
def test_a_head_as_round_as_sound_ones_keeps_all_its_landmarks_in_any_unit(scale: float) -> None:
    """One landmark 3 mm off is less than the root mean square of 0.047 that the roughest sound heads have: no dent."""
    points = pushed(3.0, scale)
    assert 0.044 < roundness(points) < 0.046
    np.testing.assert_allclose(robust_circle(points), geometric_fit(points), atol=0.2 * scale)
    assert robust_circle(points).radius < 25.5 * scale


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("index", range(10))
def test_a_landmark_far_off_leaves_the_circle_of_the_others_in_any_unit(scale: float, index: int) -> None:
    points = pushed(4.5, scale, index)
    assert roundness(points) > 0.048
    np.testing.assert_allclose(robust_circle(points), scale * np.array([-104, 3, 26]), rtol=1e-9)


@pytest.mark.parametrize("scale", [0.01, 1.0, 40.0])
@pytest.mark.parametrize(("off_mm", "takes_part"), [(2.2, True), (2.45, False), (-2.2, True), (-2.45, False)])
def test_beside_a_dent_landmarks_within_nine_hundredths_of_the_radius_take_part(
    scale: float, off_mm: float, takes_part: bool
) -> None:
    """These are 2.34 mm; seven landmarks lie on the circle, the eighth so far off it, two neighbours 9 mm."""
    points = pushed(-9.0, scale, 3)
    points[4], points[8] = pushed(-9.0, scale, 4)[4], pushed(off_mm, scale, 8)[8]
    others = [0, 1, 2, 5, 6, 7, *[8] * takes_part, 9]
    np.testing.assert_allclose(robust_circle(points), fit_circle(points[others]), rtol=1e-9)


def test_three_landmarks_on_a_line_do_not_end_the_search() -> None:
    """Three neighbours lie one above another, 7 mm off: no circle runs through these, but one through the others."""
    points = arc(Circle(-104, 3, 26), 195, 338)
    points[:3] = [[-137.0, 1.0], [-137.0, -3.0], [-137.0, -9.0]]
    with pytest.raises(ValueError, match="on a line"):
        fit_circle(points[:3])
    np.testing.assert_allclose(robust_circle(points), (-104, 3, 26), rtol=1e-9)


def through(three: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre and radius of the circle through three points, where their perpendicular bisectors meet."""
    first, others = three[0], three[1:]
    centre = np.linalg.solve(2 * (others - first), (others**2).sum(axis=1) - (first**2).sum())
    return np.array([*centre, np.hypot(*(first - centre))])


@pytest.mark.parametrize("seed", range(40))
def test_on_a_rough_dented_head_those_take_part_that_least_median_of_squares_keeps(seed: int) -> None:
    """Rousseeuw's estimate over all 120 circles through three; his limit is three robust standard deviations."""
    rng = np.random.default_rng(seed)
    points = arc(Circle(-104, 3, 26), 195, 338)
    outward, first = (points - (-104, 3)) / 26, int(rng.integers(0, 8))
    points += outward * rng.normal(0, 0.9, (10, 1))
    points[first : first + 3] -= outward[first : first + 3] * rng.uniform(3, 9)
    if roundness(points) < 0.05:
        points[first] -= 9 * outward[first]
    circles = [through(points[list(three)]) for three in combinations(range(10), 3)]
    distances = [np.abs(np.hypot(*(points - circle[:2]).T) - circle[2]) for circle in circles]
    best = int(np.argmin([np.median(distance) for distance in distances]))
    deviation = np.median(distances[best]) / 0.67449  # the normal distribution's third quartile
    kept = distances[best] <= max(3 * deviation, 0.09 * circles[best][2])
    np.testing.assert_allclose(robust_circle(points), fit_circle(points[kept]), rtol=1e-6)


@pytest.mark.parametrize("count", [11, 60, 400])
def test_a_dented_contour_of_many_points_has_the_circle_of_the_rest(count: int) -> None:
    points = arc(Circle(300, 200, 90), 195, 338, count)
    dent = slice(count // 5, count // 2)
    points[dent] = (300, 200) + 0.7 * (points[dent] - (300, 200))
    np.testing.assert_allclose(robust_circle(points), (300, 200, 90), rtol=1e-9)


def test_a_circle_is_one_however_small_and_rounding_is_none() -> None:
    """Beside 1 mm a double's last digits are 1e-16; what is a few thousand of them wide is a spot, or not one."""
    assert fit_circle(arc(Circle(0, 0, 1.2e-12), 0, 324)).radius == pytest.approx(1.2e-12)
    with pytest.raises(ValueError, match="to one point"):
        fit_circle(arc(Circle(0, 0, 1e-13), 0, 324))
