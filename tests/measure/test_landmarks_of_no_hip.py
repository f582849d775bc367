"""Each check of a hip's landmarks on both sides of its limit, on hips whose numbers are drawn and known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf
from scipy.optimize import brentq

from hipseg.config import conf_folder
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure.landmark_faults import landmark_fault
from hipseg.measure.quality import Plausible
from hipseg.measure.reference import reference_gap
from hipseg.measure.weight_bearing import width_profile

ADULT: Plausible = instantiate(OmegaConf.load(conf_folder() / "plausibility" / "adult.yaml"))
CENTRE = (-104.0, 0.0)
MIRROR_IMAGE = "the landmarks are a mirror image: the other side's, upside down or in reverse order"
NOT_IN_ORDER = "the landmarks are not in the order of a hip's on this side"
HEAD_REVERSED = "the femoral head's landmarks are not in their order (reversed?), or lie off its circle"


def around(radius: float | NDArray[np.float64], deg: NDArray[np.float64]) -> Points:
    """Points about the head's centre, degrees from straight up, lateral negative."""
    turn = np.deg2rad(deg)
    return CENTRE + np.multiply(radius, [np.sin(turn), -np.cos(turn)]).T


def drawn(head_mm: float = 26.0, gap_mm: float = 4.0, lateral_deg: float = -38.0, medial_deg: float = 33.0) -> Points:
    """The template with head and sourcil on circles about one centre."""
    points = template().copy()
    points[18:28] = around(head_mm, np.linspace(-67, 147, 10))
    points[70:75] = around(head_mm + gap_mm, np.linspace(lateral_deg, medial_deg, 5))
    points[67] = points[70] + [0.5, -10.0]
    points[68], points[69] = points[70] + [-2.0, -6.0], points[70] + [-2.5, -3.0]
    return points


def turned(points: Points, deg: float, scale: float = 1.0, move: tuple[float, float] = (0.0, 0.0)) -> Points:
    c, s = scale * np.cos(np.deg2rad(deg)), scale * np.sin(np.deg2rad(deg))
    return points @ np.array([[c, s], [-s, c]]) + move


@pytest.mark.parametrize(
    "points", [template(), drawn(), np.add(template(), (150.0, 210.0)), turned(drawn(), 12.0, 1.1)]
)
def test_a_hip_has_no_fault(points: Points) -> None:
    assert landmark_fault(points, ADULT) == ""


# All landmarks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deg", [50.3, -50.3, 90.0, 179.0])
def test_a_hip_turned_by_more_than_50_degrees_is_not_in_order(deg: float) -> None:
    assert landmark_fault(turned(template(), deg), ADULT) == NOT_IN_ORDER


@pytest.mark.parametrize("deg", [49.7, -49.7])
def test_a_hip_turned_by_less_is_in_order_though_its_roof_is_not_above(deg: float) -> None:
    assert landmark_fault(turned(template(), deg), ADULT).startswith("the roof does not lie above the head")


@pytest.mark.parametrize("deg", [0.0, 30.0, 180.0])
def test_a_mirrored_or_overturned_hip_is_said_to_be_one(deg: float) -> None:
    assert landmark_fault(turned(template() * [-1.0, 1.0], deg), ADULT) == MIRROR_IMAGE


@pytest.mark.parametrize("place", [(0.0, 0.0), (64.0, -128.0)])
def test_landmarks_on_one_spot_are_in_no_order(place: tuple[float, float]) -> None:
    assert landmark_fault(np.tile(place, (80, 1)), ADULT) == NOT_IN_ORDER


def test_a_hip_in_metres_is_in_order_and_too_small() -> None:
    assert landmark_fault(drawn() / 1000, ADULT) == "the femoral head's radius is 0.0 mm, not between 17 and 36"


def off_by_least_squares(points: Points) -> NDArray[np.float64]:
    """Distances from the template, first on all landmarks, then twice on the nearer half, by four linear unknowns."""
    x, y = points.T
    one, none = np.ones(len(points)), np.zeros(len(points))
    design = np.stack([np.stack([x, -y, one, none], axis=1), np.stack([y, x, none, one], axis=1)], axis=1)
    kept, off = np.ones(len(points), dtype=bool), none
    for _ in range(3):
        rows, wanted = design[kept].reshape(-1, 4), template()[kept].ravel()
        off = np.hypot(*(design @ np.linalg.lstsq(rows, wanted)[0] - template()).T)
        kept = off <= np.median(off)
    return off


def scattered(seed: int, median_mm: float) -> Points:
    """The template with its landmarks moved at random, so far that the median distance is as wanted."""
    moved = np.random.default_rng(seed).normal(0, 1, (80, 2))

    def too_much(size: float) -> float:
        return float(np.median(off_by_least_squares(template() + size * moved)) - median_mm)

    return template() + brentq(too_much, 1.0, 30.0) * moved


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mirror", [[1.0, 1.0], [-1.0, 1.0]])
def test_landmarks_that_lie_13_mm_off_in_the_median_are_in_no_order(seed: int, mirror: list[float]) -> None:
    beyond, within = (landmark_fault(scattered(seed, mm) * mirror, ADULT) for mm in (13.05, 12.95))
    assert beyond == NOT_IN_ORDER
    assert within == MIRROR_IMAGE if mirror[0] < 0 else within not in (NOT_IN_ORDER, MIRROR_IMAGE)


@pytest.mark.parametrize("index", [3, 50, 66, 79])
@pytest.mark.parametrize("place", [(0.0, 1.0, (0.0, 0.0)), (8.0, 0.9, (300.0, 200.0))])
def test_one_landmark_38_mm_from_its_place_is_named_at_the_templates_size(
    index: int, place: tuple[float, float, tuple[float, float]]
) -> None:
    """The others are the template's own, turned, scaled and moved: they give the place exactly."""
    for off_mm, said in ((38.4, "38"), (45.7, "46"), (37.7, "")):
        points = template().copy()
        points[index] += off_mm * np.array([0.6, -0.8])
        expected = f"landmark {index} lies {said} mm from where a hip has it" if said else ""
        assert landmark_fault(turned(points, *place), ADULT) == expected


def test_many_landmarks_far_off_leave_the_others_their_places() -> None:
    """A sixth of them put far away drags the first fit along, not the last."""
    points = template().copy()
    points[40:54] += [70.0, 60.0]
    points[45] += [0.0, 9.0]
    expected = f"landmark 45 lies {np.hypot(70, 69):.0f} mm from where a hip has it"
    assert landmark_fault(points, ADULT) == expected


def test_what_is_wrong_with_head_or_roof_comes_before_a_landmark_far_off() -> None:
    for points, said in ((drawn(head_mm=40.0), "radius"), (drawn(gap_mm=8.0), "lie apart")):
        points[3] += [60.0, 0.0]
        assert said in landmark_fault(points, ADULT)


# The head ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("along", [(0.0, 0.0), (5.0, 0.0), (0.0, 5.0), (3.0, 4.0)])
def test_a_head_on_a_spot_or_line_is_said_to_be_one(along: tuple[float, float]) -> None:
    points = template().copy()
    points[18:28] = CENTRE + np.arange(10)[:, None] * np.array(along)
    assert landmark_fault(points, ADULT) == "the femoral head's landmarks lie on one spot or line"


@pytest.mark.parametrize(("radius", "fault"), [(16.9, "16.9"), (17.1, ""), (35.9, ""), (36.1, "36.1")])
def test_the_heads_radius_has_two_limits(radius: float, fault: str) -> None:
    expected = f"the femoral head's radius is {fault} mm, not between 17 and 36" if fault else ""
    assert landmark_fault(drawn(head_mm=radius), ADULT) == expected


def test_neighbours_on_the_head_in_the_wrong_order_or_on_one_spot() -> None:
    for first in range(18, 27):
        swapped, doubled = drawn(), drawn()
        swapped[[first, first + 1]] = swapped[[first + 1, first]]
        doubled[first + 1] = doubled[first]
        assert landmark_fault(swapped, ADULT) == HEAD_REVERSED
        assert landmark_fault(doubled, ADULT) == HEAD_REVERSED


def test_a_head_that_turns_the_other_way_is_in_reverse_order() -> None:
    points = drawn()
    points[18:28] = points[18:28][::-1].copy()
    assert landmark_fault(points, ADULT) == HEAD_REVERSED


@pytest.mark.parametrize("limit_mm", [0.3, 0.6, 0.85])
def test_all_of_the_head_may_be_farther_off_its_circle_than_what_is_predicted_under_the_roof(limit_mm: float) -> None:
    """Of a head that is e mm higher and e mm narrower than a circle the root mean square distance is e / sqrt(2)."""
    limits = replace(ADULT, head_residual_mm=limit_mm)
    whole_turn = np.linspace(-162.0, 162.0, 10)

    def oval(residual_mm: float) -> Points:
        points = drawn(head_mm=20.0)
        points[18:28] = around(20.0 + residual_mm * np.sqrt(2) * np.cos(2 * np.deg2rad(whole_turn)), whole_turn)
        return points

    most = 2.36 * limit_mm
    assert landmark_fault(oval(0.97 * most), limits) == ""
    said = f"the femoral head's landmarks lie {1.03 * most:.1f} mm off a circle, more than {most:g}"
    assert landmark_fault(oval(1.03 * most), limits) == said


# The roof ---------------------------------------------------------------------------------------------------------


def test_a_sourcil_in_reverse_order_or_upright() -> None:
    reversed_, upright = drawn(), drawn()
    reversed_[70:75] = reversed_[70:75][::-1].copy()
    upright[74] = [upright[70, 0], -20.0]
    for points in (reversed_, upright):
        assert landmark_fault(points, ADULT) == "the roof's landmarks along the sourcil run in reverse order"


@pytest.mark.parametrize(
    ("lateral_deg", "medial_deg", "fault"),
    [
        (-64.5, 33.0, ""), (-65.5, 33.0, "-66 to 33"), (-10.5, 33.0, ""), (-9.6, 33.0, "-10 to 33"),
        (-38.0, 59.6, ""), (-38.0, 60.6, "-38 to 61"), (-38.0, 5.4, ""), (-38.0, 4.6, "-38 to 5"),
    ],
)  # fmt: skip
def test_the_sourcil_begins_and_ends_within_limits(lateral_deg: float, medial_deg: float, fault: str) -> None:
    said = f"the roof does not lie above the head: the sourcil spans {fault} degrees about the head"
    assert landmark_fault(drawn(lateral_deg=lateral_deg, medial_deg=medial_deg), ADULT) == (said if fault else "")


def test_neighbours_on_the_sourcil_in_the_wrong_order_or_on_one_spot() -> None:
    for first in range(70, 74):
        swapped, doubled = drawn(), drawn()
        swapped[[first, first + 1]] = swapped[[first + 1, first]]
        doubled[first + 1] = doubled[first]
        for points in (swapped, doubled):
            assert landmark_fault(points, ADULT) == "the roof's landmarks along the sourcil are not in their order"


@pytest.mark.parametrize(("gap_mm", "fault"), [(0.0, ""), (-4.9, ""), (-5.1, "5.1"), (-5.9, "5.9")])
def test_the_roof_reaches_up_to_5_mm_into_the_head(gap_mm: float, fault: str) -> None:
    said = f"the roof reaches {fault} mm into the head" if fault else ""
    assert landmark_fault(drawn(gap_mm=gap_mm), ADULT) == said


@pytest.mark.parametrize("limit_mm", [4.0, 7.0])
def test_the_joint_space_has_a_largest_width(limit_mm: float) -> None:
    limits = replace(ADULT, mjsw_mm=limit_mm)
    assert landmark_fault(drawn(gap_mm=limit_mm - 0.1), limits) == ""
    said = f"the joint space's width is {limit_mm + 0.1:.1f} mm, more than {limit_mm:g}: roof and head lie apart"
    assert landmark_fault(drawn(gap_mm=limit_mm + 0.1), limits) == said


def test_the_width_has_a_largest_change_within_three_degrees() -> None:
    """Head and sourcil are circles with centres 4 mm apart, one beside the other: the width changes most straight up.

    Seen from the head's centre the sourcil's distance is d sin(t) + sqrt(R^2 - d^2 cos(t)^2).
    """
    points, deg = drawn(gap_mm=4.0), np.linspace(-38, 33, 5)

    def distance(deg: NDArray[np.float64]) -> NDArray[np.float64]:
        turn = np.deg2rad(deg)
        return 4 * np.sin(turn) + np.sqrt(30**2 - (4 * np.cos(turn)) ** 2)

    points[70:75] = around(distance(deg), deg)
    whole = np.arange(-38.0, 34.0)
    change = float(np.abs(distance(whole[3:]) - distance(whole[:-3])).max())
    assert landmark_fault(points, replace(ADULT, jump_mm=1.05 * change)) == ""
    said = f"the width between roof and head jumps by {change:.1f} mm within three degrees"
    assert landmark_fault(points, replace(ADULT, jump_mm=0.95 * change)) == said


def test_what_lies_exactly_at_a_limit_is_within_it() -> None:
    points = template()
    circle, curves = head_circle(points), spline_curves(points)
    profile = width_profile(curves, circle)
    limits = replace(
        ADULT,
        head_radius_mm=(circle.radius, circle.radius),
        lateral_deg=(profile.lateral_deg, profile.lateral_deg),
        medial_deg=(profile.medial_deg, profile.medial_deg),
        mjsw_mm=reference_gap(curves).width,
        jump_mm=profile.largest_change_mm(),
    )
    assert landmark_fault(points, limits) == ""
