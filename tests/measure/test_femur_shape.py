"""Numbers of an outline's shape, of a femur that is built of a ball and cylinders, and of what is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest

from hipseg.measure.femur_geometry import NoFemur
from hipseg.measure.femur_regions import find_planes
from hipseg.measure.femur_shape import FemurShape, faults_of, femur_shape

SPACING = (1.8, 1.5, 1.5)
RADIUS, NECK_RADIUS = 24.0, 16.0
NECK = np.array([-np.sin(np.radians(35)), 0.0, np.cos(np.radians(35))])
MEETING = NECK * 45.0 / NECK[2]


def _points() -> np.ndarray:
    axes = (np.arange(-170.0, 40.0, SPACING[0]), *(np.arange(low, high, 1.5) for low, high in ((-40, 40), (-45, 95))))
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


POINTS = _points()


def _femur() -> np.ndarray:
    along = POINTS @ NECK
    beside = np.linalg.norm(POINTS - along[..., None] * NECK, axis=-1)
    off = np.linalg.norm((POINTS - MEETING)[..., 1:], axis=-1)
    neck = ((beside < NECK_RADIUS) & (along > 0) & (along < 48)) | ((beside < 22) & (along > 36) & (along < 62))
    return _ball((0, 0, 0), RADIUS) | neck | ((off < 16) & (POINTS[..., 0] < MEETING[0] + 10))


def _ball(centre: tuple[float, float, float] | np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(np.linalg.norm(POINTS - np.asarray(centre), axis=-1) < radius)


def _shape(bone: np.ndarray) -> FemurShape:
    return femur_shape(bone, find_planes(bone, SPACING), SPACING)


def test_numbers_are_those_that_the_femur_was_built_with() -> None:
    shape = _shape(_femur())
    assert shape.roughness_mm < 0.4
    assert shape.neck_to_head == pytest.approx(NECK_RADIUS / RADIUS, rel=0.03)
    assert shape.neck_shaft_deg == pytest.approx(180 - 55, abs=2)
    assert shape.pieces_cm3 == 0
    assert faults_of(shape) == ()


def test_pieces_are_counted_by_their_volume() -> None:
    shape = _shape(_femur() | _ball((-120, -25, 0), 8.0))
    assert shape.pieces_cm3 == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.05)
    assert faults_of(shape) == ("pieces_cm3",)


def test_a_cavity_within_the_bone_is_hollow() -> None:
    bone = _femur()
    whole, hollow = (_shape(part) for part in (bone, bone & ~_ball(MEETING - np.array([30, 0, 0]), 13.0)))
    assert hollow.hollows_cm3 - whole.hollows_cm3 == pytest.approx(4 / 3 * np.pi * 1.3**3, rel=0.1)
    assert "hollows_cm3" in faults_of(hollow)


def test_bone_of_the_socket_on_the_head_makes_it_rough() -> None:
    socket = _ball((0, 0, 0), RADIUS + 8) & (POINTS @ (NECK * [-1, 1, -1] + [0.6, 0, 0]) > 12)
    assert "roughness_mm" in faults_of(_shape(_femur() | socket))


def test_a_thin_neck_is_no_femur_s() -> None:
    along = POINTS @ NECK
    beside = np.linalg.norm(POINTS - along[..., None] * NECK, axis=-1)
    bone = _femur() & ~((along > 18) & (along < 36) & (beside > 11))
    assert "neck_to_head" in faults_of(_shape(bone))


def test_a_shaft_alone_has_no_planes_to_judge() -> None:
    with pytest.raises(NoFemur):
        find_planes(_femur() & (POINTS[..., 0] < MEETING[0] - 10), SPACING)
