"""The contour method on scenes whose true width is known: two eccentric arcs, drawn finely and softened two ways."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import Edge, Shares, scene
from scipy.ndimage import gaussian_filter
from scipy.ndimage import label as connected_parts

from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import Points
from hipseg.labels.template import template
from hipseg.measure import JointSpace, joint_space_width
from hipseg.measure.joint_curves import _is_one_part
from hipseg.measure.reference import reference_width


@pytest.mark.parametrize("edge", ["gauss", "area"])
@pytest.mark.parametrize(("spacing_mm", "count", "bias", "worst"), [(0.9, 40, 0.05, 0.2), (0.45, 12, 0.02, 0.1)])
def test_eccentric_arcs(edge: Edge, spacing_mm: float, count: int, bias: float, worst: float) -> None:
    rng = np.random.default_rng(3)
    errors = []
    for width in np.linspace(0.3, 6, count):
        found = joint_space_width(scene(float(width), spacing_mm, edge, rng), spacing_mm)
        assert found.status == "ok"
        assert np.hypot(*(found.on_head_mm - found.on_roof_mm)) == pytest.approx(found.mjsw_mm, abs=1e-9)
        errors.append(found.mjsw_mm - width)
    assert abs(np.mean(errors)) <= bias
    assert np.abs(errors).max() <= worst


def hip(seed: int) -> Points:
    """A right hip's landmarks in mm, in the middle of a 460 mm film."""
    rng = np.random.default_rng(seed)
    return template() * rng.uniform(0.9, 1.1) + rng.uniform(-8, 8, 2) + 230


def soft_map(points_mm: Points, spacing_mm: float = 0.9) -> Shares:
    size = round(460.8 / spacing_mm)
    return draw_label_shares(points_mm / spacing_mm - 0.5, (size, size), spline_curves)


@pytest.mark.parametrize("seed", range(8))
def test_soft_label_map_of_a_hip_measures_as_its_landmarks_do(seed: int) -> None:
    points = hip(seed)
    reference, found = reference_width(points), joint_space_width(soft_map(points), 0.9)
    assert found.mjsw_mm == pytest.approx(reference.mjsw_mm, abs=0.2)
    assert found.profile.apex_mm == pytest.approx(reference.profile.apex_mm, abs=0.15)
    assert found.profile.lateral_deg == pytest.approx(reference.profile.lateral_deg, abs=4)
    assert found.profile.medial_deg == pytest.approx(reference.profile.medial_deg, abs=4)
    shared = np.intersect1d(found.profile.angle_deg, reference.profile.angle_deg)[4:-4]
    assert len(shared) > 40
    there, here = (joint.profile.width_mm[np.isin(joint.profile.angle_deg, shared)] for joint in (found, reference))
    assert np.abs(there - here).max() < 0.25


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("narrowest_mm", [0.0, 0.5, 1.0])
def test_a_narrow_joint_ends_where_its_roof_does(seed: int, narrowest_mm: float) -> None:
    """Below its sourcil lies no joint space clear of the edges, only the head, which goes on."""
    points = hip(seed)
    while reference_width(points).mjsw_mm > narrowest_mm:
        points[:40] -= [0, 0.1]
    reference, found = reference_width(points).profile, joint_space_width(soft_map(points), 0.9).profile
    assert found.lateral_deg == pytest.approx(reference.lateral_deg, abs=6)
    assert found.medial_deg == pytest.approx(reference.medial_deg, abs=3)
    assert found.lateral_mm == pytest.approx(reference.lateral_mm, abs=0.35)
    assert found.medial_mm == pytest.approx(reference.medial_mm, abs=0.35)


def test_spacing_shift_and_mirrored_stack_do_not_matter() -> None:
    points = hip(1)
    widths = [joint_space_width(soft_map(points, mm), mm).mjsw_mm for mm in (0.9, 0.6, 0.45)]
    assert np.ptp(widths) < 0.1
    whole = soft_map(points)
    moved = np.roll(whole, (5, -7), axis=(1, 2))
    first, second = joint_space_width(whole, 0.9), joint_space_width(moved, 0.9)
    assert second.mjsw_mm == pytest.approx(first.mjsw_mm, abs=1e-6)
    np.testing.assert_allclose(second.on_head_mm - first.on_head_mm, [-7 * 0.9, 5 * 0.9], atol=1e-4)


def same(first: JointSpace, second: JointSpace) -> None:
    assert (second.status, second.mjsw_mm) == (first.status, pytest.approx(first.mjsw_mm, abs=0.01))


def test_a_second_hip_changes_nothing() -> None:
    both = soft_map(hip(2))
    other = both[:, :, ::-1]
    merged = np.where(other[0] < 0.5, other, both)
    same(joint_space_width(both, 0.9), joint_space_width(merged, 0.9))


@pytest.mark.parametrize("label", [1, 2, 3])
def test_specks_change_nothing(label: int) -> None:
    clean = soft_map(hip(3))
    speckled = clean.copy()
    rng = np.random.default_rng(label)
    rows, columns = np.nonzero(clean[0] == 1)
    for i in rng.choice(len(rows), 30, replace=False):
        where = np.s_[rows[i] : rows[i] + 2, columns[i] : columns[i] + 2]
        if (clean[0][where] == 1).all():
            speckled[(slice(None), *where)] = np.eye(4)[label][:, None, None]
    same(joint_space_width(clean, 0.9), joint_space_width(speckled, 0.9))


def test_bone_in_the_joint_space_that_touches_neither_side_is_a_speck() -> None:
    clean = scene(6.0, 0.9, "area", np.random.default_rng(0))
    speckled = clean.copy()
    rows, columns = np.nonzero(clean[3] == 1)
    column = int(np.median(columns))
    speckled[:, int(np.median(rows[columns == column])), column] = [0, 0, 1, 0]
    same(joint_space_width(clean, 0.9), joint_space_width(speckled, 0.9))


@pytest.mark.parametrize(
    ("half_deg", "top"), [(5, 31), (5, 37), (5, 41), (10, 31), (10, 37), (10, 41), (20, 31), (20, 37)]
)
def test_a_notch_or_hole_in_the_roof_is_bridged_by_an_arc(half_deg: float, top: float) -> None:
    """Its chord would come up to 1.8 mm too near. How much of the joint was not seen is said."""
    y, x = np.mgrid[:800, :800] / 8 - 50  # drawn eight times as fine as it is measured, in pixels of 0.9 mm
    radius, angle = np.hypot(x, y + 0.3) * 0.9, np.rad2deg(np.arctan2(x, -y - 0.3))
    sector = np.abs(angle) < 45
    labels = np.select([radius < 24, sector & (radius < 28), sector & (radius < 40)], [1, 3, 2], 0)
    labels[(np.abs(angle) < half_deg) & (labels == 2) & (radius < top)] = 0
    shares = np.stack([(labels == i).reshape(100, 8, 100, 8).mean(axis=(1, 3)) for i in range(4)]).astype(np.float32)
    found = joint_space_width(shares, 0.9)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(4.0, abs=0.12))
    assert found.bridged_deg == pytest.approx(2 * half_deg, abs=6)
    assert found.profile.apex_mm == pytest.approx(4.0, abs=0.12)


@pytest.mark.parametrize("spacing_mm", [0.2, 0.9])
@pytest.mark.parametrize("slant", [0.5, 1.0, 2.0])
def test_joint_space_that_reaches_up_beside_the_roof_is_not_its_surface(spacing_mm: float, slant: float) -> None:
    """The roof's lateral side slants by so many degrees a mm; 1.5 mm of joint space lie along it."""
    size = round(90 / spacing_mm)
    at = (np.arange(4 * size) + 0.5) / 4 * spacing_mm - 45
    x, y = np.meshgrid(at, at)
    radius, angle = np.hypot(x, y), np.rad2deg(np.arctan2(x, -y))
    side = -40 + slant * (radius - 28)
    roof = (angle > side) & (angle < 40) & (radius >= 28) & (radius < 38)
    strip = (angle > side - 1.5 / radius * 57.3) & (angle < 40) & (radius < 38)
    labels = np.select([radius < 24, roof, strip], [1, 2, 3], 0)
    shares = [(labels == i).reshape(size, 4, size, 4).mean(axis=(1, 3)) for i in range(4)]
    found = joint_space_width(np.stack(shares).astype(np.float32), spacing_mm)
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(4.0, abs=0.2 * spacing_mm / 0.9))
    assert found.profile.lateral_deg == pytest.approx(-40, abs=6)


def test_a_whole_joint_has_no_gap() -> None:
    assert joint_space_width(soft_map(hip(6)), 0.9).bridged_deg < 1


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("columns", range(1, 9))
def test_a_patch_of_roof_ends_in_a_status_or_a_number(rows: int, columns: int) -> None:
    y, x = np.mgrid[:80, :80]
    labels = np.where(np.hypot(x - 40, y - 45) < 25, 1, 0)
    labels[20 - rows : 20, 38 : 38 + columns] = 2
    found = joint_space_width((labels == np.arange(4)[:, None, None]).astype(np.float32), 0.9)
    assert (found.status == "ok") == bool(np.isfinite(found.mjsw_mm))


def test_bone_on_bone_is_zero() -> None:
    points = hip(4)
    points[:40] -= [0, 6]
    found = joint_space_width(soft_map(points), 0.9)
    assert reference_width(points).mjsw_mm == 0
    assert (found.status, found.mjsw_mm) == ("ok", pytest.approx(0, abs=0.02))


@pytest.mark.parametrize(("missing", "status"), [(1, "no_femoral_head"), (2, "no_roof"), (3, "no_joint_space")])
def test_what_is_missing_is_said(missing: int, status: str) -> None:
    shares = soft_map(hip(5))
    shares[0] += shares[missing]
    shares[missing] = 0
    found = joint_space_width(shares, 0.9)
    assert found.status == status
    assert np.isnan(found.mjsw_mm)
    assert len(found.profile.angle_deg) == 0


@pytest.mark.parametrize("seed", range(20))
def test_noise_ends_in_a_status_or_a_number(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.standard_normal((4, 64, 80)), (0, 3 * rng.random(), 3 * rng.random()))
    odds = np.exp(20 * noise)
    found = joint_space_width((odds / odds.sum(axis=0)).astype(np.float32), 0.9)
    assert (found.status == "ok") == bool(np.isfinite(found.mjsw_mm))


def test_what_is_called_one_part_is_one() -> None:
    y, x = np.indices((40, 60))
    disc, arch = np.hypot(y - 20, x - 30) < 12, (np.hypot(y - 35, x - 30) < 28) & (np.hypot(y - 35, x - 30) > 20)
    assert _is_one_part(disc) and _is_one_part(arch & (y < 36))
    stair = np.eye(5, dtype=bool)  # corners that touch do not connect
    apart = np.array(
        [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 1]], dtype=bool
    )  # beside the first column, not the second
    for seen in (
        apart,
        apart[::-1],
        apart[:, ::-1],
        disc & (x != 30),
        disc & (y != 20),
        disc | (x == 3),
        np.zeros((4, 5), dtype=bool),
        stair,
    ):
        assert not _is_one_part(seen)
    rng = np.random.default_rng(0)
    said = 0
    for _ in range(500):
        seen = gaussian_filter(rng.random((12, 9)), 2.0) > rng.uniform(0.45, 0.55)
        if _is_one_part(seen):
            said += 1
            assert connected_parts(seen)[1] == 1
    assert said > 50


@pytest.mark.parametrize("size", [16, 40])
def test_what_is_no_hip_at_all_is_measured_or_has_a_status(size: int) -> None:
    rng = np.random.default_rng(0)
    statuses = set()
    for _ in range(400):
        scores = 12 * np.stack([gaussian_filter(rng.standard_normal((size, size)), 1.0) for _ in range(4)])
        shares = np.exp(scores) / np.exp(scores).sum(axis=0)
        statuses.add(joint_space_width(shares.astype(np.float32), 0.6).status)
    assert statuses <= {"ok", "no_joint_space", "no_femoral_head", "no_roof"}
