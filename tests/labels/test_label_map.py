from __future__ import annotations

import numpy as np
import pytest
import shapely
from matplotlib.path import Path
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import CurveFunction, polygon_curves, spline_curves
from hipseg.labels.label_map import (
    LABEL_NAMES,
    draw_label_map,
    draw_label_shares,
    femur_outline,
    fill,
    head_under_joint,
    hip_outlines,
    joint_space_outline,
    roof_outline,
    soften_label_map,
)
from hipseg.labels.landmarks import Points, mirror_columns
from hipseg.labels.template import template

SHAPE = (512, 512)
GRID = Grid.centred(SHAPE, 0.9, (157.5, 195.6))
CURVES = (spline_curves, polygon_curves)


def right_hip(seed: int) -> Points:
    """The template on the stored grid, each landmark moved at random, the femur now and then into the roof."""
    rng = np.random.default_rng(seed)
    turn = rng.normal(0, 0.1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    landmarks = template() @ rotation * rng.uniform(0.85, 1.15) + rng.normal(0, 0.3, (80, 2))
    landmarks[:40] += [0, -rng.uniform(0, 6)]
    return GRID.to_pixels(landmarks + GRID.centre_mm + rng.uniform(-10, 10, 2))


def disc_under_a_bar(gap: float) -> Points:
    """Femur: a disc of radius 9 about (20.5, 30.5). Roof: the bar from (11.2, 8.3), its lower edge `gap` above it."""
    landmarks = np.zeros((80, 2))
    angle = np.deg2rad(90 + np.arange(35) * 360 / 35)
    landmarks[:35] = np.stack([20.5 + 9 * np.cos(angle), 30.5 + 9 * np.sin(angle)], axis=1)
    bottom = 21.5 - gap
    landmarks[67:70] = [[11.2, 8.3], [11.2, 10.0], [11.2, 12.0]]
    landmarks[70:75] = [[x, bottom] for x in (11.2, 16.0, 20.0, 25.0, 34.2)]
    return landmarks


@pytest.mark.parametrize("curves", CURVES)
@pytest.mark.parametrize("gap", [4.0, -2.0])
def test_disc_under_a_bar(curves: CurveFunction, gap: float) -> None:
    """Every region is known: where they overlap femur lies over roof over joint space."""
    y, x = np.indices((48, 44))
    expected = np.zeros((48, 44), dtype=np.uint8)
    bottom = 21.5 - gap
    # From the lateral end of the sourcil straight to the head's centre, and from there level to the medial side.
    right_of_line = (x - 11.2) * (30.5 - bottom) > (y - bottom) * (20.5 - 11.2)
    expected[(x > 11.2) & (x < 34.2) & (y > 8.3) & (y < 30.5) & ((y < bottom) | right_of_line)] = 3
    expected[(x > 11.2) & (x < 34.2) & (y > 8.3) & (y < bottom)] = 2
    distance = np.hypot(x - 20.5, y - 30.5)
    assert np.abs(distance - 9).min() > 0.04  # no pixel centre between the disc and its chords
    expected[distance < 9] = 1
    assert np.array_equal(draw_label_map(disc_under_a_bar(gap), (48, 44), curves), expected)


def test_label_order_is_the_stores() -> None:
    assert LABEL_NAMES == ("background", "femoral_head", "acetabular_roof", "joint_space")


@pytest.mark.parametrize("curve_function", CURVES)
@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_two_other_rasterisers(curve_function: CurveFunction, seed: int) -> None:
    """Matplotlib's and shapely's point-in-polygon agree but for pixels with their centre on an edge."""
    landmarks = right_hip(seed)
    curves = curve_function(landmarks)
    y, x = np.indices(SHAPE)
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    by_path, by_shapely = np.zeros(SHAPE, dtype=np.uint8), np.zeros(SHAPE, dtype=np.uint8)
    on_edge = np.zeros(SHAPE, dtype=bool)
    outlines = joint_space_outline(landmarks), roof_outline(landmarks, curves), femur_outline(landmarks, curves)
    for outline, label in zip(outlines, (3, 2, 1), strict=True):
        polygon = shapely.Polygon(outline)
        assert polygon.is_valid
        by_path[Path(outline).contains_points(centres).reshape(SHAPE)] = label
        shapely.prepare(polygon)
        by_shapely[shapely.contains_xy(polygon, x, y)] = label
        near = polygon.exterior.buffer(1e-6)
        shapely.prepare(near)
        on_edge |= shapely.contains_xy(near, x, y)
    assert on_edge.sum() < 10
    drawn = draw_label_map(landmarks, SHAPE, curve_function)
    assert set(np.unique(drawn)) >= {0, 1, 2}  # no joint space where the femur reaches deep into the roof
    assert np.array_equal(drawn[~on_edge], by_path[~on_edge])
    assert np.array_equal(drawn[~on_edge], by_shapely[~on_edge])


def test_outlines_are_closed_as_defined() -> None:
    landmarks = right_hip(0)
    curves = spline_curves(landmarks)
    corner = [landmarks[74, 0], landmarks[67, 1]]
    np.testing.assert_allclose(roof_outline(landmarks, curves)[-1], corner)
    assert np.array_equal(roof_outline(landmarks, curves)[:4], landmarks[67:71])
    np.testing.assert_allclose(joint_space_outline(landmarks)[[0, 3, 4]], [landmarks[70], corner, landmarks[67]])
    femur = femur_outline(landmarks, polygon_curves(landmarks))
    assert np.array_equal(femur, landmarks[:35])


@pytest.mark.parametrize("curve_function", CURVES)
def test_mirrored_film_has_exactly_the_mirrored_label_map(curve_function: CurveFunction) -> None:
    for seed in range(50):
        landmarks = right_hip(seed)
        mirrored = draw_label_map(mirror_columns(landmarks, SHAPE[1]), SHAPE, curve_function)
        assert np.array_equal(mirrored, draw_label_map(landmarks, SHAPE, curve_function)[:, ::-1]), f"seed {seed}"


def test_mirror_is_exact_where_an_edge_runs_through_pixel_centres() -> None:
    """The roof's medial edge is vertical; points files end at a thousandth mm, so on 1 film in 900 it hits a column.

    The film is 1867 pixels of 0.15 mm wide; the points file of its mirror image holds 280.05 - x.
    """
    film = Grid.of_film((2000, 1867), 0.15)
    grid = Grid.centred(SHAPE, 0.9, film.centre_mm)
    width = film.size_mm[0]
    failed = []
    for column in range(180, 230):
        points_mm = (template() + film.centre_mm).round(3)
        points_mm[74, 0] = round(float(grid.to_mm(np.array([column, 0.0]))[0]), 3)
        mirrored_mm = np.stack([(width - points_mm[:, 0]).round(3), points_mm[:, 1]], axis=1)
        drawn = draw_label_map(grid.to_pixels(points_mm), SHAPE, spline_curves)
        if not np.array_equal(draw_label_map(grid.to_pixels(mirrored_mm), SHAPE, spline_curves), drawn[:, ::-1]):
            failed.append(column)
    assert failed == []


def test_shifting_by_whole_pixels_shifts_the_map_and_the_border_cuts_it_off() -> None:
    landmarks = right_hip(3)
    whole = draw_label_map(landmarks, SHAPE, spline_curves)
    cut = draw_label_map(landmarks - [150, 200], (130, 90), spline_curves)
    assert set(np.unique(cut)) == {0, 1, 2, 3}
    assert np.array_equal(cut, whole[200:330, 150:240])


def area(labels: NDArray[np.uint8], label: int) -> int:
    return int((labels == label).sum())


def test_a_round_head_is_larger_than_its_chords() -> None:
    """The arc of 144 degrees gains 9 circle segments, the outline between them is the same."""
    landmarks = np.zeros((80, 2))
    angle = np.deg2rad(np.linspace(198, 342, 10))
    landmarks[18:28] = [150.37, 149.81] + 90 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    landmarks[:18] = np.linspace([100.0, 290.0], landmarks[18], 18, endpoint=False)
    landmarks[28:35] = np.linspace([200.0, 290.0], landmarks[27], 7, endpoint=False)[::-1]
    landmarks[67:75] = [[40, 5], [40, 8], [40, 12], [40, 20], [90, 21], [140, 22], [190, 21], [230, 20]]
    round_head, chords = (draw_label_map(landmarks, (300, 300), curves) for curves in CURVES)
    step = np.deg2rad(16)
    gain = 9 * 90**2 / 2 * (step - np.sin(step))
    assert area(round_head, 1) - area(chords, 1) == pytest.approx(gain, abs=12)
    assert area(round_head, 1) == pytest.approx(
        shapely.Polygon(femur_outline(landmarks, spline_curves(landmarks))).area, rel=2e-3
    )


@pytest.mark.parametrize("seed", range(10))
def test_fill_by_scan_lines_equals_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    outline = rng.uniform(-10, 60, (rng.integers(3, 30), 2))  # crosses itself and leaves the image
    assert np.array_equal(fill((50, 40), outline), polygon2mask((50, 40), outline))


def test_shares_sum_to_one_and_are_label_maps_without_steps() -> None:
    rng = np.random.default_rng(0)
    area = np.zeros((2, 4))
    for shift in rng.uniform(-0.5, 0.5, (20, 2)):
        landmarks = template() / 0.9 + 256 + shift
        shares = draw_label_shares(landmarks, (512, 512), spline_curves)
        labels = draw_label_map(landmarks, (512, 512), spline_curves)
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
        sure = shares.max(axis=0) > 0.75
        assert (shares.argmax(axis=0)[sure] == labels[sure]).all()
        area += [shares.sum(axis=(1, 2)), np.bincount(labels.ravel(), minlength=4)]
    np.testing.assert_allclose(area[0], area[1], rtol=0.02)


def test_softening_keeps_what_lies_far_from_the_joint_and_the_finer_the_closer() -> None:
    landmarks = template() / 0.9 + 256.3
    labels = draw_label_map(landmarks, (512, 512), spline_curves)
    exact = draw_label_shares(landmarks, (512, 512), spline_curves)
    worst = []
    for fineness in (2, 4, 8):
        shares = soften_label_map(labels, hip_outlines(landmarks, spline_curves), fineness)
        np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
        assert np.array_equal(np.unique(shares), np.unique(np.rint(shares * fineness**2)) / fineness**2)
        worst.append(np.abs(shares - exact).mean())
    assert worst[0] > 1.5 * worst[1] > 2 * worst[2] > 0
    joint = np.argwhere((labels == 2) | (labels == 3))
    far = np.ones((512, 512), dtype=bool)
    far[joint[:, 0].min() - 8 : joint[:, 0].max() + 9, joint[:, 1].min() - 8 : joint[:, 1].max() + 9] = False
    assert np.array_equal(shares[:, far].argmax(axis=0), labels[far]) and set(np.unique(shares[:, far])) == {0, 1}


def test_no_joint_no_soft_edges() -> None:
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[20:] = 1
    shares = soften_label_map(labels, hip_outlines(template() / 0.9 - 500, spline_curves), 8)
    assert np.array_equal(shares.argmax(axis=0), labels) and set(np.unique(shares)) == {0, 1}


def test_shares_of_a_roof_equal_shapelys_areas() -> None:
    landmarks = template() / 0.9 + 256.3
    shares = draw_label_shares(landmarks, (512, 512), spline_curves)
    curves = spline_curves(landmarks)
    femur, roof = (shapely.Polygon(outline).buffer(0) for outline in (
        femur_outline(landmarks, curves), roof_outline(landmarks, curves)
    ))  # fmt: skip
    bone = roof.difference(femur)
    left, top, right, bottom = (int(edge) for edge in bone.bounds)
    for row in range(top - 1, bottom + 2):
        for column in range(left - 1, right + 2):
            pixel = shapely.box(column - 0.5, row - 0.5, column + 0.5, row + 0.5)
            assert shares[2, row, column] == pytest.approx(bone.intersection(pixel).area, abs=0.04)


def test_edges_are_soft_up_to_eight_pixels_below_roof_and_joint_and_hard_beyond() -> None:
    """The femur's outline goes on below: it crosses the last soft row and the first hard one."""
    landmarks = template() / 0.9 + 256.3
    shares = draw_label_shares(landmarks, (512, 512), spline_curves)
    labels = draw_label_map(landmarks, (512, 512), spline_curves)
    lowest = int(np.flatnonzero(((labels == 2) | (labels == 3)).any(axis=1))[-1])
    soft = ((shares > 0) & (shares < 1)).any(axis=(0, 2))
    assert soft[lowest : lowest + 9].all()
    assert not soft[lowest + 9 :].any()


@pytest.mark.parametrize("curves", CURVES)
def test_an_image_that_cuts_the_roof_has_the_shares_of_the_whole_one(curves: CurveFunction) -> None:
    landmarks = right_hip(3)
    whole = draw_label_shares(landmarks, SHAPE, curves)
    rows, columns = np.nonzero(draw_label_map(landmarks, SHAPE, curves) == 2)
    first = int(np.median(rows)), int(np.median(columns))
    assert (whole[1:, first[0]].max() > 0) and (whole[1:, :, first[1]].max() > 0)
    shape = (SHAPE[0] - first[0], SHAPE[1] - first[1])
    cut = draw_label_shares(landmarks - np.array(first[::-1]), shape, curves)
    np.testing.assert_allclose(cut, whole[:, first[0] :, first[1] :], atol=1 / 256)
    assert (np.abs(cut - whole[:, first[0] :, first[1] :]) > 0).mean() < 1e-4


def test_shares_are_counted_in_256_parts_of_a_pixel() -> None:
    shares = draw_label_shares(template() / 0.9 + 256.3, (512, 512), spline_curves)
    assert np.array_equal(shares * 256, np.rint(shares * 256))
    assert len(np.unique(shares)) > 120


@pytest.mark.parametrize("seed", range(10))
def test_fill_decides_alike_where_vertices_lie_on_pixel_centres(seed: int) -> None:
    """A star of whole coordinates: every pixel that is not on its edge is inside or outside, as shapely says."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 12))
    outline = np.rint(20 + rng.uniform(5, 18, 12)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1))
    polygon = shapely.Polygon(outline)
    row, column = np.indices((42, 41))
    inside, on_edge = shapely.contains_xy(polygon, row, column), shapely.intersects_xy(polygon.exterior, row, column)
    filled = fill((42, 41), outline)
    assert np.array_equal(filled[~on_edge], inside[~on_edge])
    assert inside.sum() > 100 and on_edge.sum() >= 12


@pytest.mark.parametrize(
    ("left", "right", "columns"),
    [
        (-5.0, 0.0, [0]),  # the image's first column lies on the outline's right edge
        (-5.0, -0.5, []),
        (-1.0, 2.5, [0, 1, 2]),  # the edge is where a column more would be
        (0.0, 2.0, [0, 1, 2]),
        (36.5, 39.0, [37, 38, 39]),
        (36.5, 40.0, [37, 38, 39]),  # the edge is where a column more would be
        (39.0, 45.0, [39]),  # the last column lies on its left edge
        (40.0, 45.0, []),
        (-7.0, 47.0, list(range(40))),
    ],
)
def test_a_box_at_the_images_border_fills_what_of_it_lies_in_the_image(
    left: float, right: float, columns: list[int]
) -> None:
    box = np.array([[2.5, left], [6.5, left], [6.5, right], [2.5, right]])
    expected = np.zeros((50, 40), dtype=bool)
    expected[3:7, columns] = True
    assert np.array_equal(fill((50, 40), box), expected)


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
def test_an_image_of_one_row_or_column_is_filled(shape: tuple[int, int]) -> None:
    box = np.array([[-3.5, -2.5], [6.5, -2.5], [6.5, 4.5], [-3.5, 4.5]])
    row, column = np.indices(shape)
    assert np.array_equal(fill(shape, box), (row < 6.5) & (column < 4.5))


def test_of_a_box_that_begins_with_the_images_last_row_or_column_that_row_or_column_is_filled() -> None:
    below = np.array([[49.0, 2.5], [55.5, 2.5], [55.5, 6.5], [49.0, 6.5]])
    row, column = np.indices((50, 50))
    assert np.array_equal(fill((50, 50), below), (row == 49) & (column > 2.5) & (column < 6.5))
    assert np.array_equal(fill((50, 50), below[:, ::-1]), (column == 49) & (row > 2.5) & (row < 6.5))


@pytest.mark.parametrize("seed", range(8))
def test_a_head_is_found_under_its_joint(seed: int) -> None:
    landmarks = right_hip(seed)
    found, circle = head_under_joint(draw_label_map(landmarks, SHAPE, spline_curves)), head_circle(landmarks)
    assert found is not None
    assert np.hypot(found.x - circle.x, found.y - circle.y) < 3.5
    assert found.radius == pytest.approx(circle.radius, abs=3)


@pytest.mark.parametrize("left", [(), (1,), (2, 3)])
def test_without_femur_or_joint_no_head_is_found(left: tuple[int, ...]) -> None:
    labels = draw_label_map(right_hip(0), SHAPE, spline_curves)
    assert head_under_joint(np.where(np.isin(labels, left), labels, 0)) is None
