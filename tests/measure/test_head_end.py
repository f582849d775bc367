"""The head's curve at the joint's medial end, on arcs whose true course is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hipseg.measure.head_end import continue_medially

CENTRE = np.array([90.0, 80.0])
ROWS, COLUMNS = np.mgrid[:160, :180]
AWAY = np.hypot(COLUMNS - CENTRE[0], ROWS - CENTRE[1])
ANGLE = np.rad2deg(np.arctan2(COLUMNS - CENTRE[0], CENTRE[1] - ROWS))
DEG = np.arange(-30.0, 30.5, 0.5)
Array = NDArray[np.float64]


def arc(radius: Array | float, deg: Array = DEG) -> Array:
    angle = np.deg2rad(deg)
    return CENTRE + np.stack([np.sin(angle), -np.cos(angle)], axis=1) * np.broadcast_to(radius, deg.shape)[:, None]


def roof(sure_deg: float, gone_deg: float = 34.0) -> NDArray[np.float32]:
    """Certain up to an angle, and less and less so up to another."""
    there = (AWAY > 40) & (AWAY < 50) & (ANGLE > -32)
    return np.where(there, np.clip((gone_deg - ANGLE) / (gone_deg - sure_deg), 0, 1), 0).astype(np.float32)


def off(head: Array, radius: Array | float) -> Array:
    return np.asarray(np.hypot(*(head - CENTRE).T) - radius)


def bent(from_deg: float) -> Array:
    """30 pixels, and up to 2 more beyond an angle."""
    return np.asarray(30 + 2 * np.clip((DEG - from_deg) / (30 - from_deg), 0, 1))


@pytest.mark.parametrize("from_deg", [22.0, 25.0])
@pytest.mark.parametrize("slope", [0.0, 0.04, -0.03])
def test_an_end_that_bends_where_the_roof_gets_unsure_is_continued_as_before(from_deg: float, slope: float) -> None:
    course = 30 + slope * DEG
    head = arc(course + bent(from_deg) - 30)
    found = continue_medially(head, arc(41.0), roof(from_deg - 1), CENTRE)
    assert np.abs(off(found, course)).max() < 0.02
    assert np.abs(off(head, course)).max() > 1.9


def test_what_lies_before_the_unsure_end_stays() -> None:
    head = arc(bent(22.0) + 0.3 * np.sin(DEG))
    found = continue_medially(head, arc(41.0), roof(23.0), CENTRE)
    assert np.allclose(found[DEG < 19.5], head[DEG < 19.5])
    assert not np.allclose(found[DEG > 24], head[DEG > 24], atol=0.1)


def test_a_roof_that_is_certain_to_its_end_changes_nothing() -> None:
    head = arc(bent(24.0))
    assert np.allclose(continue_medially(head, arc(41.0), roof(33.0), CENTRE), head)


def test_no_more_than_ten_degrees_are_continued() -> None:
    head = arc(bent(10.0))
    found = continue_medially(head, arc(41.0), np.zeros_like(roof(0.0)), CENTRE)
    assert np.allclose(found[DEG < 20], head[DEG < 20])


@pytest.mark.parametrize("deg", [np.array([0.0, 20.0, 30.0]), np.array([24.0, 26.0, 28.0, 30.0])])
def test_too_few_points_to_continue_from_are_left(deg: Array) -> None:
    head = arc(30.0 + deg / 10, deg)
    assert np.allclose(continue_medially(head, arc(41.0), roof(20.0), CENTRE), head)
