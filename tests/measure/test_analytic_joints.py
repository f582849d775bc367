"""Both methods on drawn joints of two circles, whose widths, ends, circle and gaps are known in closed form."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from drawn_joint import Array, Joint, draw
from numpy.typing import NDArray

from hipseg.measure import JointSpace, joint_space_width
from hipseg.measure.joint_curves import trace_joint

CENTRE_MM = (37.34, 42.21)  # 41.5 and 46.9 pixels of 0.9 mm: no place of symmetry
JOINTS = {
    "even": Joint(),
    "wide laterally": Joint(roof_mm=31.0, offset_mm=(-1.5, 0.3)),
    "wide medially": Joint(roof_mm=31.0, offset_mm=(1.2, 0.9)),
    "wide at the apex": Joint(roof_mm=32.0, offset_mm=(0.6, -2.0)),
    "narrow at the apex": Joint(roof_mm=30.5, offset_mm=(0.2, 2.5)),
    "narrow": Joint(roof_mm=27.2, offset_mm=(0.4, 0.6)),
    "large": Joint(head_mm=34.0, roof_mm=39.0, offset_mm=(-0.8, 0.4), lateral_deg=-30.0, medial_deg=24.0),
    "small": Joint(head_mm=17.5, roof_mm=21.0, offset_mm=(0.9, -0.4), lateral_deg=-45.0, medial_deg=40.0, thick_mm=8.0),
}
WIDTH_MM, ANGLE_DEG = {0.9: 0.09, 0.45: 0.045}, {0.9: 0.9, 0.45: 0.35}
DEPTH_PX = 3.5  # a joint that is wider there has its ends found clear of the head


@cache
def measured(joint: Joint, spacing_mm: float, centre_mm: tuple[float, float] = CENTRE_MM) -> JointSpace:
    found = joint_space_width(draw(joint.regions, centre_mm, spacing_mm), spacing_mm)
    assert found.status == "ok"
    return found


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("name", JOINTS)
def test_widths_along_the_joint_are_those_of_two_circles(name: str, spacing_mm: float) -> None:
    joint, worst, off = JOINTS[name], WIDTH_MM[spacing_mm], ANGLE_DEG[spacing_mm]
    profile = measured(joint, spacing_mm).profile
    for found, deg in ((profile.lateral_deg, joint.lateral_deg), (profile.medial_deg, joint.medial_deg)):
        assert found == pytest.approx(deg, abs=off if joint.width_mm(deg) > DEPTH_PX * spacing_mm else 3 * off)
    assert profile.lateral_mm == pytest.approx(float(joint.width_mm(joint.lateral_deg)), abs=worst)
    assert profile.apex_mm == pytest.approx(float(joint.width_mm(0.0)), abs=worst)
    assert profile.medial_mm == pytest.approx(float(joint.width_mm(joint.medial_deg)), abs=worst)
    np.testing.assert_allclose(profile.width_mm, joint.width_mm(profile.angle_deg), atol=worst)
    inside = np.arange(np.ceil(profile.lateral_deg), np.floor(profile.medial_deg) + 1)
    assert np.array_equal(profile.angle_deg, inside)


def test_these_joints_have_other_widths_laterally_at_the_apex_and_medially() -> None:
    """So that widths that were taken for one another would be seen."""
    seen = [
        JOINTS[name].width_mm(np.array([JOINTS[name].lateral_deg, 0.0, JOINTS[name].medial_deg])) for name in JOINTS
    ]
    assert sum(np.ptp(widths) > 0.8 and np.abs(np.diff(widths)).min() > 0.2 for widths in seen) >= 3


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("name", [name for name in JOINTS if name != "even"])
def test_the_shortest_line_lies_on_the_line_through_both_centres(name: str, spacing_mm: float) -> None:
    joint, found, worst = JOINTS[name], measured(JOINTS[name], spacing_mm), WIDTH_MM[spacing_mm]
    deg = joint.narrowest_deg()
    assert found.mjsw_mm == pytest.approx(float(joint.width_mm(deg)), abs=worst)
    on_head, on_roof = found.on_head_mm - CENTRE_MM, found.on_roof_mm - CENTRE_MM
    assert np.hypot(*on_head) == pytest.approx(joint.head_mm, abs=worst)
    assert np.hypot(*(on_roof - joint.offset_mm)) == pytest.approx(joint.roof_mm, abs=worst)
    for x, y in (on_head, on_roof):  # near its narrowest place the joint is flat
        assert joint.width_mm(np.rad2deg(np.arctan2(x, -y))) - joint.width_mm(deg) < 0.03


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("name", JOINTS)
def test_the_heads_circle_is_the_heads(name: str, spacing_mm: float) -> None:
    head = measured(JOINTS[name], spacing_mm).head
    assert head is not None
    assert head.radius_mm == pytest.approx(JOINTS[name].head_mm, abs=0.03)
    assert head.residual_mm < 0.03 * spacing_mm


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("name", JOINTS)
def test_the_heads_curve_reaches_from_one_end_of_the_joint_to_the_other(name: str, spacing_mm: float) -> None:
    joint = JOINTS[name]
    traced = trace_joint(draw(joint.regions, CENTRE_MM, spacing_mm))
    x, y = (traced.curves.femoral_head * spacing_mm - CENTRE_MM).T
    deg = np.rad2deg(np.arctan2(x, -y))
    assert (deg[0], deg[-1]) == (pytest.approx(joint.lateral_deg, abs=0.25), pytest.approx(joint.medial_deg, abs=0.25))
    np.testing.assert_allclose(np.hypot(x, y), joint.head_mm, atol=0.05)
    np.testing.assert_allclose(traced.head.centre * spacing_mm, CENTRE_MM, atol=0.05)
    assert traced.bridged_deg == 0


@pytest.mark.parametrize("upright", [False, True])
def test_a_head_without_any_roundness_has_no_joint(upright: bool) -> None:
    labels = np.zeros((60, 70), dtype=int)
    labels[20:30], labels[30:40], labels[40:] = 2, 3, 1
    shares = ((labels.T if upright else labels) == np.arange(4)[:, None, None]).astype(np.float32)
    assert joint_space_width(shares, 0.9).status == "no_joint_space"


@pytest.mark.parametrize("deg", [60.0, 105.0, 140.0])
def test_a_blob_of_head_beside_the_head_has_no_part_in_its_circle(deg: float) -> None:
    """Six millimetres wide, eight from the head, where the head's outline is looked for."""
    joint = Joint()
    at = 37.0 * np.sin(np.deg2rad(deg)), -37.0 * np.cos(np.deg2rad(deg))

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels = joint.regions(x, y)
        labels[np.hypot(x - at[0], y - at[1]) < 3] = 1
        return labels

    found = joint_space_width(draw(regions, (42.34, 42.21), 0.9, (90.0, 90.0)), 0.9)
    assert found.mjsw_mm == pytest.approx(4.0, abs=0.06)
    assert found.head is not None and found.head.radius_mm == pytest.approx(26.0, abs=0.03)


def test_a_head_far_below_roof_and_joint_space_has_no_joint() -> None:
    labels = np.zeros((90, 70), dtype=int)
    labels[10:18, 20:50], labels[18:23, 20:50] = 2, 3
    labels[60:80, 20:50] = 1
    shares = (labels == np.arange(4)[:, None, None]).astype(np.float32)
    assert joint_space_width(shares, 0.9).status == "no_joint_space"


def test_a_head_far_beside_roof_and_joint_space_has_no_joint() -> None:
    labels = np.zeros((60, 110), dtype=int)
    labels[10:18, 12:40], labels[18:23, 12:40] = 2, 3
    labels[20:50, 70:100] = 1
    shares = (labels == np.arange(4)[:, None, None]).astype(np.float32)
    assert joint_space_width(shares, 0.9).status == "no_joint_space"


@pytest.mark.parametrize("half_deg", [6.0, 12.0])
def test_a_lump_of_head_within_a_wide_joint_is_no_part_of_the_head(half_deg: float) -> None:
    joint = Joint(roof_mm=35.0)

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, radius, deg = joint.regions(x, y), np.hypot(x, y), np.rad2deg(np.arctan2(x, -y))
        labels[(np.abs(deg - 15) < half_deg) & (radius > 28.2) & (radius < 33)] = 1
        return labels

    found = joint_space_width(draw(regions, CENTRE_MM, 0.9), 0.9)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(9.0, abs=0.06))


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("lateral", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("medial", [0.0, 1.5, 3.0])
def test_an_end_that_slants_outward_below_the_roof_ends_where_the_roof_does(
    lateral: float, medial: float, spacing_mm: float
) -> None:
    """The joint ends further out by so many degrees a mm towards the head; that moves no end of the roof's surface."""
    joint = Joint(offset_mm=(0.9, 0.4), lateral_slant=lateral, medial_slant=medial)
    profile = measured(joint, spacing_mm).profile
    off = 2.0 * ANGLE_DEG[spacing_mm]
    assert profile.lateral_deg == pytest.approx(joint.lateral_deg, abs=off + 0.3 * max(lateral - 1.5, 0))
    assert profile.medial_deg == pytest.approx(joint.medial_deg, abs=off + 0.3 * max(medial - 1.5, 0))


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("width_mm", [0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 9.0])
def test_from_narrow_to_wide(width_mm: float, spacing_mm: float) -> None:
    joint = Joint(roof_mm=26.0 + width_mm + np.hypot(0.5, 0.8), offset_mm=(0.5, 0.8))
    found = measured(joint, spacing_mm)
    assert found.mjsw_mm == pytest.approx(width_mm, abs=0.03)
    np.testing.assert_allclose(found.profile.width_mm, joint.width_mm(found.profile.angle_deg), atol=0.06)


@pytest.mark.parametrize("moved", [(0.0, 0.3), (0.25, 0.0), (0.45, 0.7), (5.4, -2.7)])
def test_where_the_joint_lies_between_pixels_moves_its_ends_and_nothing_else(moved: tuple[float, float]) -> None:
    joint = JOINTS["wide medially"]
    here, there = measured(joint, 0.9), measured(joint, 0.9, (CENTRE_MM[0] + moved[0], CENTRE_MM[1] + moved[1]))
    assert there.mjsw_mm == pytest.approx(here.mjsw_mm, abs=0.05)
    for place in ("on_head_mm", "on_roof_mm"):
        # Along the joint the narrowest place is flat, across it is not.
        np.testing.assert_allclose(getattr(there, place) - getattr(here, place), moved, atol=1.2)


def test_the_roof_sinking_into_the_head_is_bone_on_bone_there() -> None:
    joint = Joint(roof_mm=27.0, offset_mm=(-0.9, 1.3))  # 0.58 mm deep
    found = measured(joint, 0.9)
    assert found.mjsw_mm == 0
    assert np.array_equal(found.on_head_mm, found.on_roof_mm)
    assert np.hypot(*(found.on_head_mm - CENTRE_MM)) == pytest.approx(26.0, abs=0.6)
    expected = np.maximum(joint.width_mm(found.profile.angle_deg), 0)
    np.testing.assert_allclose(found.profile.width_mm, expected, atol=0.3)
    assert (found.profile.width_mm >= 0).all()


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize(("lateral", "medial"), [(6.0, 0.0), (0.0, 6.0), (8.0, 8.0)])
def test_a_roof_that_goes_on_ends_above_the_end_of_a_wide_joint_and_by_itself_above_a_narrow_one(
    lateral: float, medial: float, spacing_mm: float
) -> None:
    for width_mm, further in ((4.0, 0.0), (0.3, 1.0)):
        joint = Joint(roof_mm=26.0 + width_mm)
        roof = replace(joint, lateral_deg=joint.lateral_deg - lateral, medial_deg=joint.medial_deg + medial)

        def regions(x: Array, y: Array, joint: Joint = joint, roof: Joint = roof) -> NDArray[np.uint8]:
            own = joint.regions(x, y)
            return np.where(roof.regions(x, y) == 2, 2, np.where(own == 2, 0, own)).astype(np.uint8)

        profile = joint_space_width(draw(regions, CENTRE_MM, spacing_mm), spacing_mm).profile
        assert profile.lateral_deg == pytest.approx(joint.lateral_deg - further * lateral, abs=1.0)
        assert profile.medial_deg == pytest.approx(joint.medial_deg + further * medial, abs=1.0)
        assert np.abs(profile.width_mm - width_mm).max() < 0.3


def shaped(
    depth_mm: float, half_deg: float, middle_deg: float, neck: bool, high: bool = False
) -> tuple[JointSpace, float]:
    """A round head with a flat or a bulge under the roof, smooth at its edges; and how far that is from the circle."""
    joint = Joint(roof_mm=31.0)

    def radius_mm(deg: Array) -> Array:
        return 26.0 - depth_mm * (1 + np.cos(np.pi * np.clip(np.abs(deg - middle_deg) / half_deg, 0, 1))) / 2

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, radius, deg = joint.regions(x, y), np.hypot(x, y), np.rad2deg(np.arctan2(x, -y))
        sector = (deg > joint.lateral_deg) & (deg < joint.medial_deg)
        labels[(labels == 1) & sector] = 3
        labels[(labels == 1)] = 0
        labels[radius < radius_mm(deg)] = 1
        along, across = 0.6 * y - 0.8 * x, 0.6 * x + 0.8 * y
        labels[neck & (along > 0) & (np.abs(across) < 16) & (labels == 0)] = 1  # down laterally
        return labels

    off = radius_mm(np.linspace(joint.lateral_deg, joint.medial_deg, 2001)) - 26.0
    # In a wide image, further right than it is high; or in a high one, further down than it is wide.
    centre_mm, size_mm = ((37.3, 113.2), (74.0, 146.0)) if high else ((93.34, 42.21), (136.0, 72.0))
    found = joint_space_width(draw(regions, centre_mm, 0.45, size_mm, fine=4), 0.45)
    return found, float(np.sqrt((off**2).mean()))


@pytest.mark.parametrize(("depth_mm", "half_deg", "middle_deg"), [(1.5, 20, 10), (2.5, 25, -15), (-1.5, 25, 5)])
def test_the_heads_circle_is_that_of_its_whole_round_part(depth_mm: float, half_deg: float, middle_deg: float) -> None:
    """A flat or bulge under the roof hardly moves it, for it goes around from neck to neck; the neck has no part."""
    bare, off_mm = shaped(depth_mm, half_deg, middle_deg, neck=False)
    whole, _ = shaped(depth_mm, half_deg, middle_deg, neck=True)
    assert bare.head is not None and whole.head is not None
    assert bare.head.radius_mm == pytest.approx(26.0, abs=0.4)
    assert 0.6 * off_mm < bare.head.residual_mm < off_mm
    assert whole.head.radius_mm == pytest.approx(bare.head.radius_mm, abs=0.02)
    assert whole.head.residual_mm == pytest.approx(bare.head.residual_mm, abs=0.01)
    joint = Joint(roof_mm=31.0)
    assert bare.mjsw_mm == pytest.approx(5.0 + min(depth_mm, 0), abs=0.03)
    assert bare.profile.width_mm.max() == pytest.approx(5.0 + max(depth_mm, 0), abs=0.05)
    assert bare.profile.lateral_deg == pytest.approx(joint.lateral_deg, abs=1.5)


@pytest.mark.parametrize(("depth_mm", "half_deg", "middle_deg"), [(2.5, 25, -15), (-1.5, 25, 5)])
def test_the_heads_circle_is_the_same_far_down_in_a_narrow_image(
    depth_mm: float, half_deg: float, middle_deg: float
) -> None:
    wide, _ = shaped(depth_mm, half_deg, middle_deg, neck=False)
    high, _ = shaped(depth_mm, half_deg, middle_deg, neck=False, high=True)
    assert wide.head is not None and high.head is not None
    assert high.head.radius_mm == pytest.approx(26.0, abs=0.4)
    assert high.head.radius_mm == pytest.approx(wide.head.radius_mm, abs=0.03)
    assert high.head.residual_mm == pytest.approx(wide.head.residual_mm, abs=0.02)


@pytest.mark.parametrize("radius_px", [500.0, 1100.0])
def test_a_head_as_flat_as_a_table_is_measured_and_its_radius_tells(radius_px: float) -> None:
    """It is so much larger than the image that no outline is looked for beyond what faces the joint."""
    x, y = np.meshgrid(*((np.arange(8 * count) + 0.5) / 8 - 0.5 for count in (60, 30)))
    below, roof = np.hypot(x - 29.6, y - 20.4 - radius_px) - radius_px, np.abs(x - 29.6) < 22
    labels = np.select([below < 0, roof & (below < 6), roof & (below < 14)], [1, 3, 2])
    parts = labels.reshape(30, 8, 60, 8)
    shares = np.stack([(parts == label).mean(axis=(1, 3)) for label in range(4)]).astype(np.float32)
    found = joint_space_width(shares, 1.0)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(6.0, abs=0.06))
    assert found.head is not None and found.head.radius_mm == pytest.approx(radius_px, rel=0.15)


def wavy(waves: int, amplitude_mm: float, joint: Joint) -> JointSpace:
    """A head whose radius swings so many times around it."""

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        radius, angle = np.hypot(x, y), np.arctan2(x, -y)
        sector = (np.rad2deg(angle) > joint.lateral_deg) & (np.rad2deg(angle) < joint.medial_deg)
        labels = np.where(sector & (radius >= joint.roof_mm) & (radius < joint.roof_mm + joint.thick_mm), 2, 0)
        labels[sector & (radius < joint.roof_mm)] = 3
        labels[radius < joint.head_mm + amplitude_mm * np.sin(waves * angle + 0.3)] = 1
        return labels.astype(np.uint8)

    return joint_space_width(draw(regions, CENTRE_MM, 0.45), 0.45)


@pytest.mark.parametrize(("waves", "amplitude_mm"), [(8, 0.4), (12, 0.4), (12, 0.8), (18, 0.8)])
def test_the_residual_is_how_far_the_heads_curve_is_from_a_circle(waves: int, amplitude_mm: float) -> None:
    """A sine's root mean square is its amplitude over the square root of two."""
    head = wavy(waves, amplitude_mm, Joint()).head
    assert head is not None
    assert head.radius_mm == pytest.approx(26.0, abs=0.1)
    assert head.residual_mm == pytest.approx(amplitude_mm / np.sqrt(2), rel=0.12)


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("moved", [(110.0, 0.0), (115.0, 20.0)])
def test_the_other_hip_in_the_same_image_changes_nothing(moved: tuple[float, float], spacing_mm: float) -> None:
    """Its head and roof are the larger ones, and its joint is the narrower one."""
    own = Joint(offset_mm=(-0.8, 0.5))
    other = Joint(head_mm=28.0, roof_mm=30.0, offset_mm=(0.4, 0.2), lateral_deg=-36.0, medial_deg=42.0, thick_mm=16.0)

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels = own.regions(x, y)
        return np.where(labels > 0, labels, other.regions(x - moved[0], y - moved[1]))

    found = joint_space_width(draw(regions, (37.3, 72.2), spacing_mm, (190, 126), fine=4), spacing_mm)
    assert found.mjsw_mm == pytest.approx(float(own.width_mm(own.narrowest_deg())), abs=WIDTH_MM[spacing_mm])
    assert found.profile.lateral_deg == pytest.approx(own.lateral_deg, abs=ANGLE_DEG[spacing_mm])
    assert found.profile.medial_deg == pytest.approx(own.medial_deg, abs=ANGLE_DEG[spacing_mm])
    assert found.head is not None and found.head.radius_mm == pytest.approx(26.0, abs=0.05)
    assert found.bridged_deg == 0


@pytest.mark.parametrize(("away_mm", "kept"), [(45.0, True), (52.0, False), (70.0, False), (90.0, False)])
def test_a_piece_of_roof_further_away_than_the_own_roof_is_wide_is_another_hips(away_mm: float, kept: bool) -> None:
    """The own roof is 42 (sin 38 + sin 33) = 49 mm wide; a piece of a third of it stands so far beside it."""
    own = Joint()

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, start = own.regions(x, y), 42 * np.sin(np.deg2rad(own.medial_deg)) + away_mm
        piece = (x > start - 4) & (x < start + 10) & (np.abs(y) < 10)
        labels[piece] = np.where(x > start, 2, 3)[piece]  # its side towards the head faces a joint space
        return labels

    found = joint_space_width(draw(regions, (77.3, 52.2), 0.9, (205.0, 86.0), fine=4), 0.9)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(4.0, abs=0.09))
    assert (found.profile.medial_deg > 90) == kept and (found.bridged_deg > 45) == kept
    if not kept:
        assert found.profile.medial_deg == pytest.approx(own.medial_deg, abs=0.9)
        assert found.bridged_deg == 0


@pytest.mark.parametrize(("height_mm", "medial_deg"), [(29.0, 33.0), (46.0, 56.7)])
def test_a_level_underside_is_sourcil_where_it_faces_the_head_within_60_degrees(
    height_mm: float, medial_deg: float
) -> None:
    """A slab of bone 56 to 70 mm medially: seen from the head's centre at 62 degrees and more, or at 51 to 57."""
    joint = Joint(offset_mm=(-0.8, 0.5))

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, above = joint.regions(x, y), -y - height_mm
        slab = (x > 56) & (x < 70)
        labels[slab & (above > 0) & (above < 14)], labels[slab & (above <= 0) & (above > -4)] = 2, 3
        return labels

    found = joint_space_width(draw(regions, (37.3, 72.2), 0.9, (130.0, 104.0), fine=4), 0.9)
    assert found.status == "ok"
    assert found.mjsw_mm == pytest.approx(float(joint.width_mm(joint.narrowest_deg())), abs=0.09)
    assert found.profile.medial_deg == pytest.approx(medial_deg, abs=0.9)
    assert (found.bridged_deg > 10) == (medial_deg > 33)


def test_a_second_piece_of_head_is_none_of_this_hip_though_it_lies_near() -> None:
    """A disc of a third of the head's area, 19 mm beside it, with joint space over it and no roof."""
    joint = Joint()

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, away = joint.regions(x, y), np.hypot(x - 60.0, y - 10.0)
        return np.where(away < 15, 1, np.where((away < 19) & (y < 10), 3, labels)).astype(np.uint8)

    shares = draw(regions, CENTRE_MM, 0.9, (130.0, 86.0), fine=4)
    found, traced = joint_space_width(shares, 0.9), trace_joint(shares)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(4.0, abs=0.09))
    assert found.head is not None and found.head.radius_mm == pytest.approx(26.0, abs=0.05)
    assert (traced.curves.femoral_head[:, 0] * 0.9 - CENTRE_MM[0]).max() < 26 * np.sin(np.deg2rad(36.0))
    assert found.bridged_deg == 0


@pytest.mark.parametrize("label", [1, 2])
def test_bone_joined_by_pixels_of_exactly_half_is_not_connected(label: int) -> None:
    """The other hip, 100 mm away, whose heads or roofs a band half of bone, half of background runs between."""
    own, other = Joint(offset_mm=(-0.8, 0.5)), Joint(roof_mm=29.0)

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels = own.regions(x, y)
        return np.where(labels > 0, labels, other.regions(x - 100.0, y))

    shares = draw(regions, CENTRE_MM, 0.9, (184.0, 74.0), fine=4)
    row = round((CENTRE_MM[1] + {1: 18.0, 2: -38.0}[label]) / 0.9)
    band = shares[:, row - 1 : row + 2]
    band[:, :, (band[0] == 1).all(axis=0)] = np.eye(4)[[0, label]].mean(axis=0)[:, None, None]
    outside = np.r_[: round(12 / 0.9), round(168 / 0.9) : shares.shape[2]]
    shares[:, row - 1 : row + 2, outside] = np.eye(4)[0][:, None, None]
    assert (shares[label, row] >= 0.5).sum() > 100
    found = joint_space_width(shares, 0.9)
    assert (found.status, found.bridged_deg) == ("ok", 0)
    assert found.mjsw_mm == pytest.approx(float(own.width_mm(own.narrowest_deg())), abs=0.09)
    assert found.profile.medial_deg == pytest.approx(own.medial_deg, abs=0.9)


@pytest.mark.parametrize(("label", "status"), [(1, "no_femoral_head"), (2, "no_roof")])
def test_what_is_nowhere_more_than_half_is_not_there(label: int, status: str) -> None:
    shares = draw(Joint().regions, CENTRE_MM, 0.9, fine=4)
    shares[0] += np.maximum(shares[label] - 0.5, 0)
    shares[label] = np.minimum(shares[label], 0.5)
    assert joint_space_width(shares, 0.9).status == status


def notched(joint: Joint, gaps: list[tuple[float, float]], top_mm: float, spacing_mm: float) -> JointSpace:
    """Gaps (middle, half the width, in degrees) cut into the roof, so deep."""

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, deg = joint.regions(x, y), np.rad2deg(np.arctan2(x, -y))
        shallow = np.hypot(x, y) < joint.surface_mm(deg) + top_mm
        for middle, half in gaps:
            labels[(np.abs(deg - middle) < half) & shallow & (labels == 2)] = 0
        return labels

    return joint_space_width(draw(regions, CENTRE_MM, spacing_mm), spacing_mm)


@pytest.mark.parametrize("spacing_mm", WIDTH_MM)
@pytest.mark.parametrize("top_mm", [3.0, 20.0])
@pytest.mark.parametrize("half_deg", [3.0, 6.0, 12.0, 15.0])
def test_a_notch_or_break_of_the_roof_is_bridged_and_its_angle_said(
    half_deg: float, top_mm: float, spacing_mm: float
) -> None:
    joint = Joint(offset_mm=(-0.8, 0.5))
    found = notched(joint, [(2.0, half_deg)], top_mm, spacing_mm)
    assert found.status == "ok"
    assert found.mjsw_mm == pytest.approx(float(joint.width_mm(joint.narrowest_deg())), abs=WIDTH_MM[spacing_mm])
    assert found.bridged_deg == pytest.approx(2 * half_deg, abs=2.0 * spacing_mm / 0.9)
    if half_deg < 6:  # as narrow as the rounding of its corners
        return
    np.testing.assert_allclose(found.profile.width_mm, joint.width_mm(found.profile.angle_deg), atol=0.09)
    assert found.profile.lateral_deg == pytest.approx(joint.lateral_deg, abs=ANGLE_DEG[spacing_mm])
    assert found.profile.medial_deg == pytest.approx(joint.medial_deg, abs=ANGLE_DEG[spacing_mm])


def test_the_widest_of_several_gaps_is_said() -> None:
    joint = Joint(lateral_deg=-50.0, medial_deg=45.0)
    for gaps in ([(-20.0, 3.0), (5.0, 8.0), (28.0, 5.0)], [(-20.0, 8.0), (12.0, 4.0)]):
        found = notched(joint, gaps, 20.0, 0.45)
        assert found.bridged_deg == pytest.approx(16.0, abs=1.2)
        np.testing.assert_allclose(found.profile.width_mm, 4.0, atol=0.06)


@pytest.mark.parametrize(("piece_deg", "kept"), [(2.5, False), (9.0, True)])
def test_a_broken_roofs_pieces_are_kept_and_its_crumbs_are_not(piece_deg: float, kept: bool) -> None:
    """Beside 40 degrees of roof a piece of 9 is one, and one of 2.5 is a crumb."""
    joint = Joint(lateral_deg=-40.0, medial_deg=8.0 + piece_deg)
    found = notched(joint, [(4.0, 4.0)], 20.0, 0.45)
    assert found.profile.medial_deg == pytest.approx(8.0 + piece_deg if kept else 0.0, abs=0.6)
    assert found.bridged_deg == pytest.approx(8.0 if kept else 0.0, abs=1.2)


@pytest.mark.parametrize(("thick_mm", "kept"), [(4.5, False), (7.0, True)])
def test_a_long_piece_of_little_bone_is_no_piece_of_the_roof(thick_mm: float, kept: bool) -> None:
    """Fourteen degrees beside forty, but of a thickness that makes 12 or 19 percent of the larger part's area."""
    joint = Joint(lateral_deg=-40.0, medial_deg=20.0)

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels, radius, deg = joint.regions(x, y), np.hypot(x, y), np.rad2deg(np.arctan2(x, -y))
        labels[(labels == 2) & (deg > 0) & ((deg < 6) | (radius > joint.roof_mm + thick_mm))] = 0
        return labels

    share = 14 / 40 * ((30 + thick_mm) ** 2 - 30**2) / (42**2 - 30**2)
    assert (share > 0.15) == kept
    found = joint_space_width(draw(regions, CENTRE_MM, 0.9, fine=5), 0.9)
    assert found.mjsw_mm == pytest.approx(4.0, abs=0.06)
    assert found.profile.medial_deg == pytest.approx(20.0 if kept else 0.0, abs=0.9)
    assert (found.bridged_deg > 3) == kept


@pytest.mark.parametrize(("share", "status"), [(0.1, "ok"), (0.36, "ok"), (0.44, "no_joint_space")])
@pytest.mark.parametrize("y_mm", [-60.0, -35.0, 10.0])
def test_bone_further_left_is_taken_for_the_hips_own_if_it_is_large(share: float, status: str, y_mm: float) -> None:
    """A square of so much of the roof's area, without a joint; the hip is the leftmost that is large."""
    joint = Joint(offset_mm=(-0.8, 0.5))
    half_mm = np.sqrt(share * 71 / 360 * np.pi * (42**2 - 30**2)) / 2

    def regions(x: Array, y: Array) -> NDArray[np.uint8]:
        labels = joint.regions(x, y)
        labels[(np.abs(x + 75) < half_mm) & (np.abs(y - y_mm) < half_mm)] = 2
        return labels

    found = joint_space_width(draw(regions, (107.3, 72.2), 0.9, (155, 100), fine=4), 0.9)
    assert found.status == status
    if status == "ok":
        assert found.mjsw_mm == pytest.approx(float(joint.width_mm(joint.narrowest_deg())), abs=0.09)
        assert found.profile.medial_deg == pytest.approx(joint.medial_deg, abs=0.9)
        assert found.profile.lateral_deg == pytest.approx(joint.lateral_deg, abs=0.9)


@pytest.mark.parametrize(("lateral_deg", "apex"), [(-1.2, True), (3.0, False)])
def test_a_roof_that_does_not_reach_the_apex_has_no_width_there(lateral_deg: float, apex: bool) -> None:
    found = measured(Joint(lateral_deg=lateral_deg, medial_deg=40.0), 0.45)
    assert found.profile.lateral_mm == pytest.approx(4.0, abs=0.05)
    assert np.isfinite(found.profile.apex_mm) == apex


@pytest.mark.parametrize("spacing_mm", [0.9, 0.3])
@pytest.mark.parametrize("name", JOINTS)
def test_borders_are_too_near_by_less_than_a_pixel_and_their_ends_lie_on_head_and_roof(
    name: str, spacing_mm: float
) -> None:
    """Midpoints of pixel edges lie within half a pixel of the true border, on one side as on the other."""
    joint = JOINTS[name]
    found = joint_space_width(draw(joint.regions, CENTRE_MM, spacing_mm, fine=5), spacing_mm, method="border")
    width = float(joint.width_mm(joint.narrowest_deg()))
    if width < 2 * spacing_mm:
        return
    assert found.status == "ok" and found.head is None and len(found.profile.angle_deg) == 0
    assert -spacing_mm <= found.mjsw_mm - width <= 0
    assert np.hypot(*(found.on_head_mm - CENTRE_MM)) == pytest.approx(joint.head_mm, abs=0.55 * spacing_mm)
    on_roof = found.on_roof_mm - CENTRE_MM - joint.offset_mm
    assert np.hypot(*on_roof) == pytest.approx(joint.roof_mm, abs=0.55 * spacing_mm)
    assert np.hypot(*(found.on_head_mm - found.on_roof_mm)) == pytest.approx(found.mjsw_mm)
