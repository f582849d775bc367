"""Plausibility of measured joints: soft maps of whole hips, and the same with a fault each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from hipseg.config import conf_folder
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure import joint_space_width
from hipseg.measure.joint_space import JointSpace
from hipseg.measure.quality import Plausible
from hipseg.measure.weight_bearing import WidthProfile


@pytest.fixture(scope="module")
def adult() -> Plausible:
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return instantiate(compose("predict").plausibility)


def measured(points_mm: Points) -> JointSpace:
    return joint_space_width(draw_label_shares((points_mm + 230) / 0.9, (512, 512), spline_curves), 0.9)


@pytest.mark.parametrize("size", [0.8, 1.0, 1.2])
def test_an_adult_hip_is_ok(adult: Plausible, size: float) -> None:
    assert adult.judge(measured(template() * size), "stated").status == "ok"


def test_a_childs_head_is_an_implausible_shape(adult: Plausible) -> None:
    assert adult.judge(measured(template() * 0.6), "stated").status == "implausible_shape"


def test_a_dented_head_is_an_implausible_shape(adult: Plausible) -> None:
    points = template().copy()
    points[20:23] += [0, 7]
    found = adult.judge(measured(points), "stated")
    assert found.status == "implausible_shape"
    assert np.isfinite(found.mjsw_mm)  # kept, with a warning


def test_a_wide_joint_is_an_implausible_width(adult: Plausible) -> None:
    points = template().copy()
    points[67:75] -= [0, 6]
    assert adult.judge(measured(points), "stated").status == "implausible_width"


def test_a_roof_beside_the_head_is_outside_the_weight_bearing_region(adult: Plausible) -> None:
    shares = draw_label_shares((template() + 230) / 0.9, (512, 512), spline_curves)
    columns = np.flatnonzero((shares[2] > 0.5).any(axis=0))
    lost = columns[: int(0.65 * len(columns))]
    for label in (2, 3):
        shares[0][:, lost] += shares[label][:, lost]
        shares[label][:, lost] = 0
    assert adult.judge(joint_space_width(shares, 0.9), "stated").status == "outside_weight_bearing"


def test_an_inverted_film_is_suspect_whatever_was_found(adult: Plausible) -> None:
    for joint in (measured(template()), JointSpace.failed("no_roof")):
        assert adult.judge(joint, "unsure").status == adult.judge(joint, "corrected").status == "polarity_suspect"


def test_the_other_hips_joint_is_not_this_ones(adult: Plausible) -> None:
    assert adult.judge(measured(template()), "stated", other_side=True).status == "other_side"
    assert adult.judge(JointSpace.failed("no_roof"), "stated", other_side=True).status == "no_roof"


def test_a_curve_with_a_wide_gap_is_an_implausible_shape(adult: Plausible) -> None:
    found = measured(template())
    assert adult.judge(replace(found, bridged_deg=14.0), "stated").status == "ok"
    assert adult.judge(replace(found, bridged_deg=16.0), "stated").status == "implausible_shape"


def test_what_failed_says_why(adult: Plausible) -> None:
    assert adult.judge(JointSpace.failed("no_roof"), "stated").status == "no_roof"


def test_borders_are_judged_by_their_width(adult: Plausible) -> None:
    nowhere = np.zeros(2)
    assert adult.judge(JointSpace(3.0, nowhere, nowhere, "ok"), "stated").status == "ok"
    assert adult.judge(JointSpace(9.0, nowhere, nowhere, "ok"), "stated").status == "implausible_width"


def profile(widths: Any, first_deg: int = -40) -> WidthProfile:
    """Of these widths at every degree from the first on."""
    width = np.asarray(widths, dtype=float)
    at = first_deg + np.arange(len(width), dtype=float)
    seen = width[np.isfinite(width)]
    ends = (float(seen[0]), float("nan"), float(seen[-1])) if len(seen) else (float("nan"),) * 3
    return WidthProfile(at, width, -40.0, 30.0, *ends)


def judged(adult: Plausible, widths: Any) -> str:
    return adult.judge(replace(measured(template()), profile=profile(widths)), "stated").status


EVEN = np.full(71, 3.5)


def step(by_mm: float, at: int, over_deg: int = 1) -> np.ndarray:
    """3.5 mm, then so much more, reached over so many degrees."""
    return 3.5 + by_mm * np.clip((np.arange(71) - at) / over_deg, 0, 1)


@pytest.mark.parametrize("at", [5, 35, 65])
@pytest.mark.parametrize("by_mm", [2.7, 5.9, -2.7])
def test_a_width_that_jumps_is_not_ok(adult: Plausible, by_mm: float, at: int) -> None:
    for over in (1, 2, 3):
        assert judged(adult, step(by_mm, at, over)) != "ok"


def test_a_width_that_comes_back_after_a_jump_is_not_ok(adult: Plausible) -> None:
    widths = EVEN.copy()
    widths[30:32] += 3
    assert judged(adult, widths) != "ok"


def test_widths_that_change_along_the_joint_are_ok(adult: Plausible) -> None:
    """By 2.3 mm at once, or by 4 mm over 10 degrees: uneven, and possible."""
    assert judged(adult, EVEN) == "ok"
    assert judged(adult, step(2.3, 30)) == "ok"
    assert judged(adult, step(4.0, 30, 10)) == "ok"
    assert judged(adult, step(-3.0, 20, 8)) == "ok"


def test_where_there_is_no_width_there_is_no_jump(adult: Plausible) -> None:
    widths = EVEN.copy()
    widths[:6] = widths[-4:] = widths[30:36] = np.nan
    assert judged(adult, widths) == "ok"
    assert judged(adult, EVEN[:2]) == "ok"
