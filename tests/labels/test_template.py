from __future__ import annotations

import numpy as np
import pytest

from hipseg.labels.template import template


def test_the_template_is_a_right_hip_in_millimetres_from_the_mid_sagittal_line() -> None:
    points = template()
    assert points.shape == (80, 2) and points.dtype == np.float64
    assert (points[:, 0] < 0).all()  # a right hip lies on the image's left
    assert points[6].tolist() == [-161.7, -1.6]  # the tip of the greater trochanter
    assert points[25].tolist() == [-78.1, 0.3]  # the head's most medial landmark, level with its centre
    assert points[[70, 74]].tolist() == [[-119.8, -25.5], [-89.4, -26.2]]  # the sourcil's ends


def test_nobody_can_change_the_template_for_others() -> None:
    before = template().copy()
    for change in (np.ndarray.fill, np.ndarray.__iadd__, np.ndarray.__imul__):
        with pytest.raises(ValueError, match="read-only"):
            change(template(), 0.0)
    assert np.array_equal(template(), before)


def test_the_template_is_read_from_its_file_once() -> None:
    assert template() is template()
