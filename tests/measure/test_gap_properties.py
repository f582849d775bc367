"""The shortest line between any two curves, against shapely's."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from hipseg.labels.curves import JointCurves
from hipseg.labels.landmarks import Points
from hipseg.measure.reference import reference_gap

SEEDS = st.integers(0, 2**32 - 1)


def line(rng: np.random.Generator, count: int, low: float, high: float) -> Points:
    """Left to right, up and down at random."""
    x = np.sort(rng.uniform(0, 50, count))
    return np.stack([x, rng.uniform(low, high, count)], axis=1)


def check(head: Points, sourcil: Points) -> None:
    curves, gap = JointCurves(head, sourcil), reference_gap(JointCurves(head, sourcil))
    ends = shapely.Point(gap.on_head), shapely.Point(gap.on_sourcil)
    head_line, sourcil_line = shapely.LineString(head), shapely.LineString(sourcil)
    closed = shapely.Polygon(head)
    assume(closed.is_valid)
    expected = 0.0 if closed.intersects(sourcil_line) else head_line.distance(sourcil_line)
    assert gap.width == pytest.approx(expected, abs=1e-7)
    assert ends[0].distance(ends[1]) == pytest.approx(gap.width, abs=1e-9)
    assert sourcil_line.distance(ends[1]) < 1e-7
    assert gap.width == 0 or head_line.distance(ends[0]) < 1e-7
    other = reference_gap(JointCurves(*(curve[::-1] for curve in curves)))
    assert other.width == pytest.approx(gap.width, abs=1e-9)


@given(SEEDS, st.integers(2, 12), st.integers(2, 12), st.floats(-6, 20))
def test_apart_touching_or_crossing(seed: int, head_count: int, sourcil_count: int, apart: float) -> None:
    rng = np.random.default_rng(seed)
    sourcil = line(rng, sourcil_count, 0, 10)
    bowl = line(rng, head_count, 10 + apart, 20 + apart)
    head = np.concatenate([[[-1.0, 60.0]], bowl, [[51.0, 60.0]]])
    check(head, sourcil)


@given(SEEDS, st.floats(0, 360), st.floats(0.05, 20), st.floats(-1000, 1000))
def test_turning_scaling_and_moving_only_scales(seed: int, turn_deg: float, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    curves = JointCurves(line(rng, 9, 20, 30), line(rng, 6, 0, 15))
    turn = np.deg2rad(turn_deg)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    plain, moved = reference_gap(curves), reference_gap(JointCurves(*(c @ matrix.T + shift for c in curves)))
    assert moved.width == pytest.approx(scale * plain.width, rel=1e-6)
    np.testing.assert_allclose(moved.on_head - moved.on_sourcil, matrix @ (plain.on_head - plain.on_sourcil),
                               atol=1e-6 * scale)  # fmt: skip
