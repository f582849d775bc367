from __future__ import annotations

import numpy as np
import pytest
import shapely

from hipseg.labels.curves import CurveFunction, JointCurves, polygon_curves, spline_curves
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure.reference import reference_gap


def arc(radius: float, start: float, stop: float, count: int) -> Points:
    angle = np.deg2rad(np.linspace(start, stop, count))
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.mark.parametrize("gap", [0.4, 2.0, 4.5])
def test_concentric_arcs_are_their_radii_apart(gap: float) -> None:
    landmarks = np.zeros((80, 2))
    landmarks[18:28] = arc(26, 190, 350, 10)
    landmarks[70:75] = arc(26 + gap, 235, 300, 5)
    assert reference_gap(spline_curves(landmarks)).width == pytest.approx(gap, abs=0.02)


def test_narrowest_place_of_excentric_arcs() -> None:
    """A socket 3 mm larger, its centre moved by 1 mm along 60 degrees: 2 mm remain, straight above there."""
    direction = np.array([np.cos(np.deg2rad(60)), -np.sin(np.deg2rad(60))])
    curves = JointCurves(arc(26, 180, 360, 501), arc(29, 230, 350, 501) - direction)
    gap = reference_gap(curves)
    assert gap.width == pytest.approx(2.0, abs=1e-3)
    np.testing.assert_allclose(gap.on_head, 26 * direction, atol=0.3)
    np.testing.assert_allclose(gap.on_sourcil, 28 * direction, atol=0.3)


@pytest.mark.parametrize("swap", [False, True])
def test_nearest_point_may_lie_within_a_segment(swap: bool) -> None:
    """A corner at (3, -2) above or below a straight line: the foot (3, 0) is no vertex."""
    line, corner = np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[0.0, -5.0], [3.0, -2.0], [8.0, -6.0]])
    if swap:
        corner[:, 1] *= -1
    gap = reference_gap(JointCurves(*((corner, line) if swap else (line, corner))))
    assert gap.width == pytest.approx(2.0)
    ends = (gap.on_sourcil, gap.on_head) if swap else (gap.on_head, gap.on_sourcil)
    np.testing.assert_allclose(ends, [[3, 0], [3, 2 if swap else -2]])


def test_ends_beyond_the_other_curve_are_measured_to_its_end() -> None:
    gap = reference_gap(JointCurves(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[4.0, -4.0], [9.0, -4.0]])))
    assert gap.width == pytest.approx(5.0)
    np.testing.assert_allclose([gap.on_head, gap.on_sourcil], [[1, 0], [4, -4]])


def random_joint(rng: np.random.Generator) -> Points:
    landmarks = template() + rng.normal(0, 0.2, (80, 2))
    landmarks[:40] -= [0, rng.uniform(0, 6)]
    return landmarks


def exact_width(curves: JointCurves) -> float:
    """By shapely: 0 where the sourcil meets the head, closed by its chord."""
    sourcil = shapely.LineString(curves.sourcil)
    if shapely.Polygon(curves.femoral_head).intersects(sourcil):
        return 0.0
    return float(shapely.LineString(curves.femoral_head).distance(sourcil))


def check_against_shapely(curve_function: CurveFunction) -> None:
    rng = np.random.default_rng(0)
    touching = 0
    for _ in range(400):
        curves = curve_function(random_joint(rng))
        gap = reference_gap(curves)
        assert gap.width == pytest.approx(exact_width(curves), abs=1e-9)
        assert np.hypot(*(gap.on_head - gap.on_sourcil)) == pytest.approx(gap.width, abs=1e-9)
        assert shapely.LineString(curves.sourcil).distance(shapely.Point(gap.on_sourcil)) < 1e-9
        if gap.width > 0:
            assert shapely.LineString(curves.femoral_head).distance(shapely.Point(gap.on_head)) < 1e-9
        touching += gap.width == 0
    assert 50 < touching < 350


def test_splines_agree_with_shapely() -> None:
    check_against_shapely(spline_curves)


def test_chords_agree_with_shapely_also_where_they_cross_between_their_vertices() -> None:
    check_against_shapely(polygon_curves)


def test_crossing_lines_are_bone_on_bone_though_no_vertex_lies_in_the_head() -> None:
    head = np.array([[0.0, 10.0], [5.0, 0.0], [10.0, 10.0]])
    gap = reference_gap(JointCurves(head, np.array([[0.0, 1.0], [10.0, 1.0]])))
    assert gap.width == 0
    assert gap.on_head.tolist() in ([4.5, 1.0], [5.5, 1.0])
    assert np.array_equal(gap.on_head, gap.on_sourcil)


@pytest.mark.parametrize("seed", range(5))
def test_lines_that_cross_once_do_so_where_shapely_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.uniform(100, 200, 2)
    head, sourcil = (place + np.outer([-rng.uniform(5, 9), rng.uniform(5, 9)], rng.normal(size=2)) for _ in range(2))
    gap = reference_gap(JointCurves(head, sourcil))
    assert gap.width == 0
    crossing = shapely.LineString(head).intersection(shapely.LineString(sourcil))
    np.testing.assert_allclose([gap.on_head, gap.on_sourcil], [[crossing.x, crossing.y]] * 2, atol=1e-6)


def test_sourcil_in_the_head_is_bone_on_bone() -> None:
    gap = reference_gap(JointCurves(arc(26, 180, 360, 50), arc(24, 240, 300, 20)))
    assert gap.width == 0
    assert np.array_equal(gap.on_head, gap.on_sourcil)
    assert np.hypot(*gap.on_head) == pytest.approx(24)
    np.testing.assert_allclose(gap.on_head, arc(24, 240, 300, 20)[10])  # the middle of what lies in the head


def test_of_many_crossings_the_middle_one_is_the_place() -> None:
    head = np.array([[0.0, 10.0], [1.0, 0.0], [2.0, 8.0], [3.0, 0.0], [4.0, 10.0]])
    gap = reference_gap(JointCurves(head, np.array([[-5.0, 1.0], [9.0, 1.0]])))
    np.testing.assert_allclose([gap.on_head, gap.on_sourcil], [[2.875, 1.0]] * 2)


@pytest.mark.parametrize("unit", [1 / 0.9, 10.0])
def test_unit_and_mirror_only_scale(unit: float) -> None:
    curves = spline_curves(template())
    changed = JointCurves(*(curve * [-unit, unit] + [7, 9] for curve in curves))
    here, there = reference_gap(curves), reference_gap(changed)
    assert there.width == pytest.approx(unit * here.width)
    np.testing.assert_allclose(there.on_head, here.on_head * [-unit, unit] + [7, 9])


def test_template_is_as_documented() -> None:
    """Between 3.49 and 3.90 mm by chords, splines or circles."""
    by_spline, by_chords = (reference_gap(curves(template())).width for curves in (spline_curves, polygon_curves))
    assert 3.49 <= by_chords < by_spline <= 3.90
