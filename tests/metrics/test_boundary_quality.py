from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import Point, box
from shapely.ops import unary_union

from hipseg.metrics.boundary import boundary_quality
from hipseg.metrics.surface import surface_of


def bar(rows: slice, columns: slice, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    labels = np.zeros(shape, dtype=np.uint8)
    labels[rows, columns] = 2
    return labels


def ball(centre: tuple[float, ...], radius: float, shape: tuple[int, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """A disc or a ball in mm, label 2."""
    axes = np.ogrid[tuple(slice(length) for length in shape)]
    away = sum((axis * step - at) ** 2 for axis, step, at in zip(axes, spacing, centre, strict=True))
    return np.where(away < radius**2, 2, 0).astype(np.uint8)


def outline(labels: np.ndarray, spacing: float) -> shapely.MultiLineString:
    """The boundary half-way between pixels, corners cut, by polygons: a diamond a pixel, and what two span."""
    there = {tuple(at) for at in np.argwhere(labels == 2).tolist()}
    parts = []
    for row, column in there:
        parts.append(
            shapely.Polygon([(column - 0.5, row), (column, row - 0.5), (column + 0.5, row), (column, row + 0.5)])
        )
        if (row, column + 1) in there:
            parts.append(box(column, row - 0.5, column + 1, row + 0.5))
        if (row + 1, column) in there:
            parts.append(box(column - 0.5, row, column + 0.5, row + 1))
    return shapely.affinity.scale(unary_union(parts), spacing, spacing, origin=(0, 0)).boundary


@pytest.mark.parametrize("spacing", [0.9, 0.2, (0.3, 0.7)])
def test_same_maps_are_perfect(spacing: float | tuple[float, float]) -> None:
    labels = bar(slice(5, 20), slice(7, 30))
    assert boundary_quality(labels, labels, 2, spacing, 1.0) == pytest.approx((0.0, 0.0, 1.0), abs=1e-9)


def test_long_bar_that_grows_downwards() -> None:
    """Its lower side moves by 3 pixels of 0.5 mm: of two long sides of 100 mm one is 1.5 mm away, the other 0."""
    first, second = (bar(slice(10, end), slice(5, 205), (40, 210)) for end in (20, 23))
    found = boundary_quality(first, second, 2, 0.5, 1.49)
    assert found.hd95_mm == pytest.approx(1.5)
    assert found.assd_mm == pytest.approx(1.5 / 2, rel=0.06)
    assert found.surface_dice == pytest.approx(1 / 2, rel=0.12)
    assert boundary_quality(first, second, 2, 0.5, 1.51).surface_dice == pytest.approx(1)


def test_spacing_of_each_axis() -> None:
    """The same bar moved by 3 rows of 0.5 mm, or by 3 columns of 0.2 mm."""
    first = bar(slice(10, 30), slice(10, 30))
    down, right = bar(slice(13, 33), slice(10, 30)), bar(slice(10, 30), slice(13, 33))
    assert boundary_quality(first, down, 2, (0.5, 0.2), 1.0).hd95_mm == pytest.approx(1.5)
    assert boundary_quality(first, right, 2, (0.5, 0.2), 1.0).hd95_mm == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("spacing", "shape", "middle"), [((0.1, 0.1), (300, 300), (15, 15)), ((0.5, 0.4, 0.4), (64, 80, 80), (16, 16, 16))]
)
def test_concentric_circles_and_balls(
    spacing: tuple[float, ...], shape: tuple[int, ...], middle: tuple[float, ...]
) -> None:
    """Radii of 10 and 12 mm: everywhere 2 mm apart, to a quarter of a pixel, by which steps are nearer."""
    found = boundary_quality(
        ball(middle, 10, shape, spacing), ball(middle, 12, shape, spacing), 2, spacing, 2 - max(spacing)
    )
    assert found.assd_mm == pytest.approx(2, abs=max(spacing) / 4)
    assert found.hd95_mm == pytest.approx(2, abs=max(spacing))
    assert found.surface_dice == 0


def test_measure_of_the_surface() -> None:
    """Circumference and area, within what the steps of marching squares and cubes overstate."""
    rows, columns = np.ogrid[:400, :400]
    disc = surface_of(np.hypot(rows - 200, columns - 200) < 150, 0.1)
    assert disc.size.sum() == pytest.approx(2 * np.pi * 15, rel=0.06)
    whole = surface_of(ball((16, 16, 16), 12, (64, 64, 64), (0.5,) * 3) == 2, 0.5)
    assert whole.size.sum() == pytest.approx(4 * np.pi * 144, rel=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_equals_distances_between_polygons(seed: int) -> None:
    """Boundaries built of polygons and walked in steps of a hundredth of a pixel."""
    rng = np.random.default_rng(seed)
    maps = []
    for _ in range(2):
        row, column = rng.integers(3, 12, 2)
        maps.append(bar(slice(row, row + rng.integers(5, 20)), slice(column, column + rng.integers(5, 25))))
        maps[-1][30 + rng.integers(0, 5), 40] = 2
    spacing = float(rng.uniform(0.2, 1))
    lines = [outline(labels, spacing) for labels in maps]
    walked = []
    for line, other in (lines, lines[::-1]):
        steps = np.arange(0, line.length, spacing / 100)
        parts = list(line.geoms) if hasattr(line, "geoms") else [line]
        points = [part.interpolate(at) for part in parts for at in np.arange(0, part.length, spacing / 100)]
        assert len(points) == pytest.approx(len(steps), abs=len(parts))
        walked.append(np.array([other.distance(Point(point)) for point in points]))
    both = np.concatenate(walked)
    found = boundary_quality(*maps, 2, spacing, 1.0)
    assert found.hd95_mm == pytest.approx(max(np.percentile(each, 95) for each in walked), abs=spacing)
    assert found.assd_mm == pytest.approx(both.mean(), rel=0.02)
    assert found.surface_dice == pytest.approx((both <= 1.0).mean(), abs=0.05)  # of some sixty pieces


def test_parts_at_the_edge_of_the_image_end_there() -> None:
    labels = bar(slice(0, 40), slice(0, 10))
    assert boundary_quality(labels, bar(slice(0, 40), slice(0, 10)), 2, 1.0, 1.0) == (0, 0, 1)
    assert boundary_quality(labels, bar(slice(0, 40), slice(0, 12)), 2, 1.0, 1.0).hd95_mm == pytest.approx(2)


def test_empty_maps_follow_the_rule() -> None:
    nothing, something = bar(slice(0), slice(0)), bar(slice(5, 9), slice(5, 9))
    assert boundary_quality(nothing, nothing, 2, 0.9, 1.0) == (0, 0, 1)
    diagonal = 0.9 * np.hypot(40, 50)
    for pair in ((nothing, something), (something, nothing)):
        assert boundary_quality(*pair, 2, 0.9, 1.0) == pytest.approx((diagonal, diagonal, 0))
