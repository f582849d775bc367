from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from hipseg.labels.circle import Circle, fit_circle, head_circle
from hipseg.labels.template import template


def arc(circle: Circle, start: float, stop: float, count: int = 10) -> NDArray[np.float64]:
    angle = np.deg2rad(np.linspace(start, stop, count))
    return circle.centre + circle.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize(("start", "stop", "count"), [(0, 324, 10), (200, 340, 10), (250, 290, 10), (10, 130, 3)])
@pytest.mark.parametrize("circle", [Circle(0, 0, 1), Circle(-104, 203, 26), Circle(9000, -7000, 28.9)])
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
    ],
)
def test_points_on_a_line_or_spot_are_refused(points: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="can't be fitted"):
        fit_circle(np.array(points, dtype=float))
