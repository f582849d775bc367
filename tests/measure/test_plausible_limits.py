"""Each limit of plausibility on both sides, one by one, on joints written down by hand."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hipseg.config import conf_folder
from hipseg.measure.joint_space import HeadFit, JointSpace
from hipseg.measure.quality import Plausible
from hipseg.measure.weight_bearing import WidthProfile

ADULT = instantiate(OmegaConf.load(conf_folder() / "plausibility" / "adult.yaml"))
LIMITS = Plausible(
    head_radius_mm=(20.0, 30.0),
    head_residual_mm=0.5,
    lateral_deg=(-50.0, -20.0),
    medial_deg=(10.0, 40.0),
    mjsw_mm=6.0,
    apex_mm=8.0,
    bridged_deg=12.0,
)


def joint(**changes: Any) -> JointSpace:
    """An inconspicuous hip with some of its numbers replaced."""
    numbers: dict[str, Any] = {
        "radius_mm": 25.0, "residual_mm": 0.1, "lateral_deg": -35.0, "medial_deg": 30.0, "apex_mm": 4.5, "mjsw_mm": 4.0,
        "bridged_deg": 0.0, "lateral_mm": 6.5, "medial_mm": 5.0,
    }  # fmt: skip
    given = numbers | changes
    degrees = np.arange(-35.0, 31.0)
    profile = WidthProfile(
        degrees,
        np.full(len(degrees), 5.0),
        *(given[name] for name in ("lateral_deg", "medial_deg", "lateral_mm", "apex_mm", "medial_mm")),
    )
    head = HeadFit(given["radius_mm"], given["residual_mm"])
    return JointSpace(given["mjsw_mm"], np.zeros(2), np.ones(2), "ok", profile, head, given["bridged_deg"])


def status(limits: Plausible, **changes: Any) -> str:
    return limits.judge(joint(**changes), "stated").status


LEAST_AND_MOST = [
    ("radius_mm", 20.0, 30.0, "implausible_shape"),
    ("residual_mm", None, 0.5, "implausible_shape"),
    ("bridged_deg", None, 12.0, "implausible_shape"),
    ("lateral_deg", -50.0, -20.0, "outside_weight_bearing"),
    ("medial_deg", 10.0, 40.0, "outside_weight_bearing"),
    ("mjsw_mm", None, 6.0, "implausible_width"),
    ("apex_mm", None, 8.0, "implausible_width"),
]


@pytest.mark.parametrize(("name", "least", "most", "warning"), LEAST_AND_MOST)
def test_a_limit_itself_is_plausible_and_the_next_number_is_not(
    name: str, least: float | None, most: float, warning: str
) -> None:
    assert status(LIMITS) == "ok"
    assert status(LIMITS, **{name: most}) == "ok"
    assert status(LIMITS, **{name: np.nextafter(most, np.inf)}) == warning
    if least is not None:
        assert status(LIMITS, **{name: least}) == "ok"
        assert status(LIMITS, **{name: np.nextafter(least, -np.inf)}) == warning


@pytest.mark.parametrize("name", ["lateral_mm", "medial_mm"])
def test_a_wide_joint_at_its_ends_is_plausible(name: str) -> None:
    assert status(LIMITS, **{name: 40.0}) == "ok"


def test_no_width_at_the_apex_is_no_warning() -> None:
    assert status(LIMITS, apex_mm=float("nan")) == "ok"


@pytest.mark.parametrize(
    ("name", "plausible", "beyond", "warning"),
    [
        ("radius_mm", 17.1, 16.9, "implausible_shape"),
        ("radius_mm", 35.9, 36.1, "implausible_shape"),
        ("residual_mm", 0.69, 0.71, "implausible_shape"),
        ("bridged_deg", 14.9, 15.1, "implausible_shape"),
        ("lateral_deg", -64.9, -65.1, "outside_weight_bearing"),
        ("lateral_deg", -10.1, -9.9, "outside_weight_bearing"),
        ("medial_deg", 5.1, 4.9, "outside_weight_bearing"),
        ("medial_deg", 59.9, 60.1, "outside_weight_bearing"),
        ("mjsw_mm", 6.9, 7.1, "implausible_width"),
        ("apex_mm", 10.9, 11.1, "implausible_width"),
    ],
)
def test_an_adults_limits_are_those_written_down(name: str, plausible: float, beyond: float, warning: str) -> None:
    assert (status(ADULT, **{name: plausible}), status(ADULT, **{name: beyond})) == ("ok", warning)


def test_the_first_warning_that_applies_is_given_and_the_numbers_stay() -> None:
    faults = [
        ("implausible_shape", {"radius_mm": 10.0}),
        ("outside_weight_bearing", {"medial_deg": 70.0}),
        ("implausible_width", {"mjsw_mm": 9.0}),
    ]
    for i, (warning, _) in enumerate(faults):
        changes = {name: value for _, fault in faults[i:] for name, value in fault.items()}
        found = LIMITS.judge(joint(**changes), "stated")
        assert found == replace(joint(**changes), status=warning, profile=found.profile, on_head_mm=found.on_head_mm,
                                on_roof_mm=found.on_roof_mm)  # fmt: skip
        assert LIMITS.judge(joint(**changes), "stated", other_side=True).status == "other_side"
        assert LIMITS.judge(joint(**changes), "corrected", other_side=True).status == "polarity_suspect"


def test_without_a_circle_only_the_width_is_judged() -> None:
    nowhere = np.zeros(2)
    for width, warning in ((6.0, "ok"), (np.nextafter(6.0, 7.0), "implausible_width")):
        assert LIMITS.judge(JointSpace(width, nowhere, nowhere, "ok"), "stated").status == warning
    assert LIMITS.judge(JointSpace(3.0, nowhere, nowhere, "ok"), "stated", other_side=True).status == "other_side"


def test_limits_and_measurements_do_not_change_once_made() -> None:
    for made, name in (
        (LIMITS, "mjsw_mm"),
        (joint(), "mjsw_mm"),
        (joint().profile, "apex_mm"),
        (joint().head, "radius_mm"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, 1.0)


def test_what_failed_has_no_place_no_circle_and_no_gap() -> None:
    failed = JointSpace.failed("no_roof")
    assert failed.on_head_mm.shape == failed.on_roof_mm.shape == (2,)
    assert np.isnan([failed.mjsw_mm, *failed.on_head_mm, *failed.on_roof_mm]).all()
    assert (failed.status, failed.head, failed.bridged_deg) == ("no_roof", None, 0.0)


def profile_of(*width_mm: float) -> WidthProfile:
    widths = np.array(width_mm)
    return WidthProfile(np.arange(-35.0, -35.0 + len(widths)), widths, -35.0, 30.0, 5.0, 5.0, 5.0)


NAN = float("nan")


@pytest.mark.parametrize(
    ("widths", "change_mm"),
    [
        ([5.0] * 9, 0.0),
        ([4.0, 4.25, 4.5, 4.75, 5.0, 5.25], 0.75),
        ([9.0, 8.0, 7.0, 6.0], 3.0),
        ([5.0, NAN, NAN, NAN, 8.0, 5.5], 0.0),
        ([5.0, NAN, 7.0, 5.5, NAN, 4.0], 3.0),
        ([4.0, 5.0, 9.0], 0.0),  # two degrees apart at most
        ([], 0.0),
        ([NAN] * 7, 0.0),
    ],
)
def test_the_largest_change_is_that_between_widths_three_degrees_apart(widths: list[float], change_mm: float) -> None:
    assert profile_of(*widths).largest_change_mm() == change_mm
    assert profile_of(*widths[::-1]).largest_change_mm() == change_mm


@pytest.mark.parametrize(("bridged_deg", "change_mm"), [(0.0, 1.5), (3.0, 1.5), (5.5, 4.5), (30.0, 0.0)])
def test_a_step_across_a_gap_that_was_bridged_counts_whole(bridged_deg: float, change_mm: float) -> None:
    slope = profile_of(*[4.0] * 6, *np.linspace(4.0, 8.5, 10), *[8.5] * 6)  # half a millimetre a degree
    assert slope.largest_change_mm(bridged_deg) == pytest.approx(change_mm)


@pytest.mark.parametrize(("limit_mm", "expected"), [(1.25, "ok"), (1.24, "implausible_profile"), (np.inf, "ok")])
def test_a_width_that_changes_by_more_than_the_limit_is_implausible(limit_mm: float, expected: str) -> None:
    jumping = replace(joint(), profile=profile_of(5.0, 5.0, 5.0, 5.0, 6.25, 6.25, 6.25))
    assert replace(LIMITS, jump_mm=limit_mm).judge(jumping, "stated").status == expected


@pytest.mark.parametrize(
    ("widths", "fall_mm", "from_mm"),
    [
        ([5.0] * 9, 0.0, 5.0),
        ([9.0, 3.0, 3.0, 3.0, 3.0, 2.5, 1.5], 1.5, 3.0),  # over five degrees, not six
        ([3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 4.0, NAN, NAN], -1.5, 2.5),
        ([3.0, 3.0, 3.0, 2.0, 1.0, 0.5, NAN], 2.5, 3.0),
        ([3.0, 2.0, 1.0, 0.0], 0.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
def test_the_medial_fall_is_that_of_the_last_degrees(widths: list[float], fall_mm: float, from_mm: float) -> None:
    assert profile_of(*widths).medial_fall_mm(5) == (fall_mm, from_mm)


def test_the_medial_fall_over_more_degrees_is_from_further_back() -> None:
    assert profile_of(6.0, 4.0, 3.5, 3.0, 2.5, 2.0).medial_fall_mm(2) == (1.0, 3.0)
    assert profile_of(6.0, 4.0, 3.5, 3.0, 2.5, 2.0).medial_fall_mm(4) == (2.0, 4.0)


@pytest.mark.parametrize("degrees", [5, 10])
@pytest.mark.parametrize("apart_mm", [1.0, 3.0])
@pytest.mark.parametrize("towards_deg", [-60.0, 0.0, 45.0, 90.0])
def test_between_circles_the_width_falls_by_no_more_than_their_centres_allow(
    apart_mm: float, towards_deg: float, degrees: int
) -> None:
    angle, moved = np.deg2rad(np.arange(-30.0, 31.0)), np.deg2rad(towards_deg)
    rays = np.stack([np.sin(angle), -np.cos(angle)], axis=-1)
    centre = -apart_mm * np.array([np.sin(moved), -np.cos(moved)])  # of the socket, as seen from the head's
    along = rays @ centre
    widths = along + np.sqrt(along**2 + 28.0**2 - (centre**2).sum()) - 24.0
    assert abs(profile_of(*widths).medial_fall_mm(degrees)[0]) <= 1.01 * apart_mm * np.sin(np.deg2rad(degrees))


@pytest.mark.parametrize(("limit_mm", "expected"), [(1.25, "ok"), (1.24, "implausible_profile"), (np.inf, "ok")])
def test_a_width_that_falls_at_its_medial_end_by_more_than_the_limit_is_implausible(
    limit_mm: float, expected: str
) -> None:
    falling = replace(joint(), profile=profile_of(5.0, 3.25, 3.0, 2.75, 2.5, 2.25, 2.0))
    assert replace(LIMITS, medial_falls=((5, limit_mm, 0.0),)).judge(falling, "stated").status == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(0.38, "implausible_profile"), (0.39, "ok"), (0.0, "implausible_profile")]
)
def test_a_fall_that_is_small_against_the_width_is_none(share: float, expected: str) -> None:
    falling = replace(joint(), profile=profile_of(5.0, 3.25, 3.0, 2.75, 2.5, 2.25, 2.0))  # by 0.385
    assert replace(LIMITS, medial_falls=((5, 0.4, share),)).judge(falling, "stated").status == expected


def test_a_fall_is_judged_over_every_number_of_degrees_that_has_a_limit() -> None:
    # By 0.45 mm over five degrees, 0.91 over ten.
    slowly = replace(joint(), profile=profile_of(*np.linspace(3.0, 2.0, 12)))
    judged = [
        replace(LIMITS, medial_falls=falls).judge(slowly, "stated").status
        for falls in (((5, 0.5, 0.0),), ((5, 0.5, 0.0), (10, 1.0, 0.0)), ((5, 0.5, 0.0), (10, 0.9, 0.2)))
    ]
    assert judged == ["ok", "ok", "implausible_profile"]
