"""Regions of a femur that is built of a ball, cylinders and another ball, whose volumes geometry says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hipseg.measure.femur_geometry import NoFemur, find_geometry
from hipseg.measure.femur_regions import HEAD, NECK, REGION_NAMES, find_planes, measure_femur, region_map

Floats = NDArray[np.float64]

RADIUS, NECK_RADIUS, SHAFT_RADIUS = 24.0, 15.0, 15.5
ROOT, WIDE = 38.0, 21.0  # where along its axis the neck ends in a wide cylinder, and that one's radius
OFFSET = 45.0  # from the head's centre to the shaft's axis
NECK_AXIS = np.array([-np.cos(np.radians(50)), 0.0, np.sin(np.radians(50))])  # slices upwards, columns outwards
SHAFT_AXIS = np.array([-1.0, 0.0, 0.0])
MEETING = NECK_AXIS * OFFSET / NECK_AXIS[2]
LENGTH = 150.0
CORTEX = 2.5
SPACING = (1.5, 1.2, 1.2)


def _inside(points: Floats, less: float = 0.0) -> NDArray[np.bool_]:
    """Whether points (..., 3) in mm from the head's centre lie within a femur, its surface moved inwards."""
    along = points @ NECK_AXIS
    beside = np.linalg.norm(points - along[..., None] * NECK_AXIS, axis=-1)
    neck = (beside < NECK_RADIUS - less) & (along > 0) & (along < ROOT + 10)
    root = (beside < WIDE - less) & (along > ROOT + less) & (along < 66 - less)
    down = (points - MEETING) @ SHAFT_AXIS
    off = np.linalg.norm(points - MEETING - down[..., None] * SHAFT_AXIS, axis=-1)
    shaft = (off < SHAFT_RADIUS - less) & (down > -10) & (points @ SHAFT_AXIS < LENGTH)
    return np.asarray((np.linalg.norm(points, axis=-1) < RADIUS - less) | neck | root | shaft)


def _femur(
    spacing: tuple[float, float, float] = SPACING,
    turn: Rotation | None = None,
    mirrored: bool = False,
    length: float = LENGTH,
) -> tuple[NDArray[np.uint8], Floats]:
    """Labels of a femur that was turned about its head, and the head's centre in mm."""
    low, high = np.array([-175.0, -90.0, -90.0]), np.array([60.0, 90.0, 110.0])
    axes = [np.arange(start, end, mm) for start, end, mm in zip(low, high, spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    seen = points if turn is None else turn.inv().apply(points.reshape(-1, 3)).reshape(points.shape)
    bone = _inside(seen) & (seen @ SHAFT_AXIS < length)
    labels = bone.astype(np.uint8) + (bone & _inside(seen, CORTEX))
    head = -low
    if mirrored:
        labels, head = labels[:, :, ::-1], np.array([head[0], head[1], (len(axes[2]) - 1) * spacing[2] - head[2]])
    return np.ascontiguousarray(labels), head


def _head_cm3() -> float:
    """Of the ball up to where the neck leaves it."""
    end = np.sqrt(RADIUS**2 - NECK_RADIUS**2)
    return float(np.pi * (2 * RADIUS**3 / 3 + RADIUS**2 * end - end**3 / 3) / 1000)


def _neck_cm3() -> float:
    """Of the cylinder between the ball and its root."""
    return float(np.pi * NECK_RADIUS**2 * (ROOT - np.sqrt(RADIUS**2 - NECK_RADIUS**2)) / 1000)


@cache
def _straight() -> dict[str, float]:
    found = measure_femur(_femur()[0], SPACING)
    assert found.status == "ok"
    return found.volumes_cm3


def test_places_of_a_femur_of_balls_and_cylinders() -> None:
    labels, head = _femur()
    found = find_geometry(labels > 0, SPACING)
    assert np.abs(found.head_mm - head).max() < 0.3
    assert abs(found.radius_mm - RADIUS) < 0.3
    assert np.degrees(np.arccos(found.neck_axis @ NECK_AXIS)) < 1.5
    assert np.degrees(np.arccos(found.shaft_axis @ SHAFT_AXIS)) < 1.0
    assert abs(found.narrowest_mm2 / (np.pi * NECK_RADIUS**2) - 1) < 0.03
    assert np.linalg.norm(found.shaft_mm - (head + MEETING)) < 1.5


def test_planes_lie_where_the_neck_leaves_head_and_root() -> None:
    planes = find_planes(_femur()[0] > 0, SPACING)
    assert abs(planes.head_end_mm - np.sqrt(RADIUS**2 - NECK_RADIUS**2)) < 0.5
    assert abs(planes.neck_end_mm - ROOT) < 1.0
    assert planes.end_mm == pytest.approx(2 * planes.geometry.radius_mm)


def test_volumes_of_head_and_neck_are_those_of_geometry() -> None:
    volumes = _straight()
    assert abs(volumes["head"] / _head_cm3() - 1) < 0.02
    assert abs(volumes["neck"] / _neck_cm3() - 1) < 0.06
    ring = 1 - (1 - CORTEX / NECK_RADIUS) ** 2
    assert abs(volumes["neck_cortex"] / volumes["neck"] - ring) < 0.03


def test_regions_take_up_the_whole_bone_and_each_is_one_piece() -> None:
    labels, _ = _femur()
    regions = region_map(labels > 0, find_planes(labels > 0, SPACING), SPACING)
    assert ((regions > 0) == (labels > 0)).all()
    assert set(np.unique(regions)) == set(range(len(REGION_NAMES)))
    heights = [np.argwhere(regions == number)[:, 0].mean() for number in (HEAD, NECK)]
    assert heights[0] > heights[1]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("turned", {"turn": Rotation.from_euler("xyz", [14, -9, 17], degrees=True)}),
        ("mirrored", {"mirrored": True}),
        ("finer", {"spacing": (1.1, 1.0, 1.3)}),
        ("coarser and turned", {"spacing": (2.0, 1.3, 1.3), "turn": Rotation.from_euler("y", 12, degrees=True)}),
    ],
)
def test_volumes_do_not_depend_on_pose_side_or_spacing(name: str, given: dict[str, object]) -> None:
    labels, _ = _femur(**given)  # type: ignore[arg-type]
    spacing = given.get("spacing", SPACING)
    volumes, _, status, _ = measure_femur(labels, spacing)  # type: ignore[arg-type]
    assert status == "ok"
    for region, most in (("head", 0.02), ("neck", 0.06), ("combination", 0.02), ("combination_cortex", 0.06)):
        assert abs(volumes[region] / _straight()[region] - 1) < most, region


def test_the_scan_s_lower_end_changes_no_region() -> None:
    long, (short, _, status, _) = _straight(), measure_femur(_femur(length=135.0)[0], SPACING)
    assert status == "ok"
    assert abs(short["combination"] / long["combination"] - 1) < 0.01
    assert short["periosteal"] < 0.96 * long["periosteal"]


@pytest.mark.parametrize(("length", "status"), [(95.0, "shaft_short"), (30.0, "shaft_short")])
def test_a_femur_without_its_shaft_has_no_regions(length: float, status: str) -> None:
    volumes, regions, said, _ = measure_femur(_femur(length=length)[0], SPACING)
    assert said == status
    assert not regions.any()
    assert np.isnan(volumes["head"])
    assert np.isnan(volumes["combination_cortex"])
    assert volumes["periosteal"] > 0


def test_what_is_no_femur_says_so() -> None:
    empty = np.zeros((40, 30, 30), dtype=bool)
    with pytest.raises(NoFemur, match="no_head"):
        find_geometry(empty, (1.0, 1.0, 1.0))
    shaft = np.hypot(*np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))) < 15
    with pytest.raises(NoFemur, match="no_neck"):
        find_geometry(np.repeat(shaft[None], 200, axis=0), (1.0, 1.0, 1.0))
