"""Where a loss counts, against a map that was written down pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from hipseg.labels.weight_map import described_bone, everywhere

SHAPE = (14, 12)


def landmarks() -> np.ndarray:
    """Roof's top at y = 2, the sourcil's medial end at (7, 5), the lowest femoral landmark at y = 10."""
    points = np.full((80, 2), [3.0, 6.0])
    points[67] = [1.0, 2.0]
    points[74] = [7.0, 5.0]
    points[0] = [2.0, 9.0]
    points[34] = [4.0, 10.0]
    points[35:67] = [100.0, 100.0]  # trochanter, wall, ischium, foramen
    points[75:80] = [-50.0, -50.0]  # teardrop
    return points


def test_bone_that_no_landmark_describes_is_left_out() -> None:
    expected = np.array(
        [
            "............",
            "............",
            "########....",
            "########....",
            "########....",
            "############",
            "############",
            "############",
            "############",
            "############",
            "############",
            "............",
            "............",
            "............",
        ]
    )
    found = described_bone(landmarks(), SHAPE)
    assert found.dtype == bool
    assert ["".join("#" if counts else "." for counts in row) for row in found] == expected.tolist()


@pytest.mark.parametrize(
    ("row", "axis", "by", "change"),
    [
        (34, 1, 0.5, 0),  # between two rows nothing is gained
        (34, 1, 1.0, 12),  # a row more below
        (34, 1, -1.0, -12),
        (67, 1, 0.5, -8),  # the row of the roof's top goes
        (67, 1, -1.0, 8),
        (67, 0, 5.0, 0),
        (74, 0, 1.0, 3),  # a column more beside
        (74, 0, -0.5, -3),
        (74, 1, 1.0, -4),
        (74, 1, -0.5, 0),
        (18, 0, 3.0, 0),
    ],
)
def test_each_landmark_moves_its_own_edge(row: int, axis: int, by: float, change: int) -> None:
    moved = landmarks()
    moved[row, axis] += by
    assert int(described_bone(moved, SHAPE).sum()) - int(described_bone(landmarks(), SHAPE).sum()) == change


def test_everywhere_is_everywhere() -> None:
    found = everywhere(landmarks(), SHAPE)
    assert found.shape == SHAPE and found.dtype == bool and found.all()
