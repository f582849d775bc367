"""Scans seen from in front: sums and attenuations of blocks that can be worked out by hand, and where points appear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_pelvis import draw_scan
from numpy.typing import NDArray
from scipy.ndimage import center_of_mass, gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from hipseg.anatomy.pelvis_fit import PelvisLandmarks, find_pelvis
from hipseg.geometry.surface import Points3
from hipseg.geometry.volume import Volume, VolumeGrid, upright
from hipseg.labels.landmarks import Side
from hipseg.transforms.ct_projection import AnteriorFrame, ProjectedScan, Projection, project

HEADS: dict[Side, Points3] = {"right": np.array([-90.0, 60.0, -70.0]), "left": np.array([90.0, 60.0, -70.0])}
MARKS = {
    "asis_right": np.array([-115.0, 0.0, 0.0]), "asis_left": np.array([115.0, 0.0, 0.0]),
    "tubercle_right": np.array([-25.0, 0.0, -95.0]), "tubercle_left": np.array([25.0, 0.0, -95.0]),
}  # fmt: skip
PLANE = PelvisLandmarks.of(MARKS)
WATER = 0.0195  # a mm


def scene(turn: NDArray[np.float64] | None = None) -> tuple[Volume, Points3, Points3]:
    """Air with blocks, 2 mm voxels, and x, y, z of every voxel as if it were not turned."""
    shape = (130, 90, 140)
    grid = VolumeGrid.of_axes(shape, (2.0, 2.0, 2.0), (-139.0, -20.0, -199.0))
    points = grid.to_mm(np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1))
    if turn is not None:
        affine = np.eye(4)
        affine[:3, :3] = turn
        grid = replace(grid, affine=affine @ grid.affine)
    return Volume(np.full(shape, -1000, dtype=np.int16), grid), points, np.moveaxis(points, -1, 0)


def seen(scan: Volume, projection: Projection, turn: NDArray[np.float64] | None = None) -> ProjectedScan:
    turn = np.eye(3) if turn is None else turn
    marks = PelvisLandmarks.of({name: turn @ point for name, point in MARKS.items()})
    heads = {side: turn @ point for side, point in HEADS.items()}
    return project(upright(scan), marks, heads, projection)


def at(picture: ProjectedScan, point: Points3) -> float:
    x, y = picture.grid.to_pixels(picture.to_film(point))
    return float(picture.pixels[round(float(y)), round(float(x))])


@pytest.mark.parametrize("degrees", [(0, 0, 0), (14, 0, 0), (-9, 6, 5)])
def test_a_block_has_the_sum_of_its_units_however_the_patient_lies(degrees: tuple[float, float, float]) -> None:
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    scan, _, (x, y, z) = scene(turn)
    inside = (np.abs(x) < 40) & (y >= 30) & (y < 90) & (np.abs(z + 70) < 40)
    scan.values[inside] = 200
    scan.values[inside & (x > 0)] = 2500  # clipped to 600
    picture = seen(scan, "sum", turn)
    for place, units in ((-20.0, 350.0), (20.0, 750.0)):
        assert at(picture, turn @ np.array([place, 60.0, -70.0])) == pytest.approx(units * 6.0, rel=0.02)
    assert at(picture, turn @ np.array([-80.0, 60.0, -70.0])) == pytest.approx(0.0, abs=1.0)


def test_rays_are_weakened_by_beer_and_lambert_s_law_and_run_farther_aside() -> None:
    scan, _, (_, y, _) = scene()
    scan.values[(y >= 30) & (y < 90)] = 0
    scan.values[(y >= 50) & (y < 60)] = 1000
    picture = seen(scan, "drr")
    middle = np.array([0.0, 60.0, -70.0])
    expected = WATER * (50 + 2 * 10)  # mm of water, and of what is twice as dense
    assert at(picture, middle) == pytest.approx(expected, rel=0.02)
    aside = np.array([100.0, 60.0, -70.0])
    assert at(picture, aside) == pytest.approx(expected * np.hypot(1, 0.1), rel=0.02)


@pytest.mark.parametrize("projection", ["sum", "drr"])
def test_what_is_dense_appears_where_its_place_is_said_to_be_and_the_right_side_on_the_left(
    projection: Projection,
) -> None:
    for point in ([-60.0, 30.0, -20.0], [70.0, 100.0, -110.0]):
        scan, points, _ = scene()
        scan.values[np.linalg.norm(points - point, axis=-1) < 7] = 500
        picture = seen(scan, projection)
        row, column = center_of_mass(picture.pixels - picture.pixels.min())
        x, y = picture.grid.to_mm(np.array([column, row]))
        assert np.abs(picture.to_film(np.array(point)) - [x, y]).max() < 0.6
        assert (x < picture.grid.size_mm[0] / 2) == (point[0] < 0)
        assert y == pytest.approx(picture.corner_mm[1] - point[2], abs=8)


def test_what_lies_15_mm_nearer_to_the_source_is_larger_by_one_and_a_half_percent() -> None:
    scan, _, (_, y, _) = scene()
    scan.values[y > 30] = 0
    picture = seen(scan, "drr")
    wide = [
        np.ptp(picture.to_film(np.array([[x, depth, -70.0] for x in (-50.0, 50.0)]))[:, 0]) for depth in (60.0, 45.0)
    ]
    assert wide[0] == pytest.approx(100.0)
    assert wide[1] / wide[0] == pytest.approx(1.015, abs=0.001)
    flat = seen(scan, "sum")
    assert np.ptp(flat.to_film(np.array([[x, 45.0, -70.0] for x in (-50.0, 50.0)]))[:, 0]) == pytest.approx(100.0)


def test_the_frame_s_plane_holds_the_spines_and_the_tubercles_middle() -> None:
    turn = Rotation.from_euler("xyz", (11, -4, 7), degrees=True).as_matrix()
    points = {name: turn @ np.add(point, [3.0, 2.0, 1.0]) for name, point in MARKS.items()}
    frame = AnteriorFrame.of(PelvisLandmarks.of(points))
    assert np.allclose(frame.axes @ frame.axes.T, np.eye(3)) and np.linalg.det(frame.axes) > 0
    placed = {name: frame.to_frame(point) for name, point in points.items()}
    assert np.allclose([placed["asis_right"], placed["asis_left"]], [[-115, 0, 0], [115, 0, 0]], atol=1e-9)
    assert np.allclose((placed["tubercle_right"] + placed["tubercle_left"]) / 2, [0, 0, -95], atol=1e-9)
    assert np.allclose(frame.to_patient(placed["asis_left"]), points["asis_left"])


def test_a_tilted_pelvis_gives_the_picture_of_the_untilted_one() -> None:
    degrees = (12, 4, -5)
    pictures, marks = [], []
    for turned in ((0, 0, 0), degrees):
        drawn = draw_scan(5, turned)
        found = find_pelvis(drawn.scan)
        pictures.append(project(drawn.scan, found.landmarks, found.heads_mm, "sum"))
        marks.append(found.landmarks.each())
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    assert max(np.linalg.norm(turn.T @ marks[1][name] - point) for name, point in marks[0].items()) < 1.0
    first, second = pictures
    # Both at the first one's pixels, where the tilted scan is whole too.
    x, y = np.meshgrid(np.arange(-100.0, 100.0), np.arange(-20.0, 110.0))
    sampled = [
        map_coordinates(
            gaussian_filter(picture.pixels, 0.7),
            [
                (y + picture.corner_mm[1]) / picture.grid.spacing_mm - 0.5,
                (x - picture.corner_mm[0]) / picture.grid.spacing_mm - 0.5,
            ],
            order=1,
        )
        for picture in (first, second)
    ]
    assert np.corrcoef(sampled[0].ravel(), sampled[1].ravel())[0, 1] > 0.99
