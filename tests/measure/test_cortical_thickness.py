"""Thickness of drawn cortices: tubes, balls and plates whose thickness is known, blurred and with noise.

Limits are what was measured (in comments) with a margin of half as much again or more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from drawn_cortex import SPACING, Drawn, Scanner
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hipseg.geometry.surface import Surface
from hipseg.measure.cortical_profile import EDGES_AND_LEVELS, Layer, Lines, fit_layers, layered_hu, layers_to_start
from hipseg.measure.cortical_shared import Shared
from hipseg.measure.cortical_thickness import mask_thickness, profile_thickness

Array = NDArray[np.float64]
STEPS_MM = np.array([0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0])  # of the tube, from below
STEP_MM, RADIUS_MM = 8.0, 12.0
SHAPE = (60, 60, 60)


@lru_cache(maxsize=4)
def tube(scanner: Scanner, tilt_deg: float = 30.0) -> tuple[Drawn, Array, Array]:
    """A round shaft whose cortex grows in steps, its middle and its direction."""
    middle = (np.array(SHAPE) - 1) * SPACING / 2
    shape = tuple(int(np.ceil(n * a / b)) for n, a, b in zip(SHAPE, SPACING, scanner.spacing_mm, strict=True))
    tilt = np.radians(tilt_deg)
    axis = np.array([np.cos(tilt), 0.6 * np.sin(tilt), 0.8 * np.sin(tilt)])

    def outside(points: Array) -> Array:
        away = points - middle
        return np.sqrt(np.maximum((away**2).sum(-1) - (away @ axis) ** 2, 0)) - RADIUS_MM

    def thickness(points: Array) -> Array:
        return STEPS_MM[step_of(points, middle, axis).round().astype(int).clip(0, len(STEPS_MM) - 1)]

    return scanner.scan((shape[0], shape[1], shape[2]), outside, thickness), middle, axis


def step_of(points: Array, middle: Array, axis: Array) -> Array:
    """Whole in the middle of each step."""
    return (points - middle) @ axis / STEP_MM + (len(STEPS_MM) - 1) / 2


def ball(scanner: Scanner, thick_mm: float, radius_mm: float = 15.0, size: int = 50) -> Drawn:
    middle = np.array([size // 2 + 0.3, size // 2 - 0.2, size // 2 + 0.1]) * SPACING
    return scanner.scan(
        (size, size, size),
        lambda points: np.linalg.norm(points - middle, axis=-1) - radius_mm,
        lambda points: np.full(points.shape[:-1], thick_mm),
    )


def both(drawn: Drawn, spacing: tuple[float, float, float] = SPACING, **given: Any) -> tuple[Surface, Array, Any]:
    surface, by_mask = mask_thickness(drawn.labels, spacing)
    return surface, by_mask, profile_thickness(drawn.hu, surface, by_mask, spacing, **given)


def errors(thickness: Array, true: float) -> tuple[float, float]:
    known = thickness[np.isfinite(thickness)] - true
    return float(known.mean()), float(known.std())


def true_blur(scanner: Scanner) -> tuple[float, float]:
    """A voxel averages over its width, whose standard deviation is the twelfth part's root."""
    down, _, across = scanner.spacing_mm
    return float(np.sqrt(scanner.blur_mm**2 + across**2 / 12)), float(np.sqrt(scanner.blur_mm**2 + down**2 / 12))


def known(scanner: Scanner) -> Shared:
    return Shared(scanner.cortical_hu, true_blur(scanner))


SCANNERS = [
    Scanner(blur_mm=0.5, cortical_hu=1800.0, inner_hu=50.0), Scanner(blur_mm=0.8, cortical_hu=1500.0, inner_hu=250.0),
    Scanner(blur_mm=0.6, spacing_mm=(0.7, 0.6, 0.6)), Scanner(blur_mm=0.6, spacing_mm=(1.25, 0.8, 0.8)),
]  # fmt: skip


@pytest.mark.parametrize("scanner", SCANNERS, ids=str)
def test_a_shaft_whose_cortex_grows_in_steps(scanner: Scanner) -> None:
    """Measured: bias of 0.003 to 0.025 mm and SD of 0.016 to 0.040; of the mask SD of 0.038 to 0.089."""
    drawn, middle, axis = tube(scanner)
    surface, by_mask, profile = both(drawn, scanner.spacing_mm)
    assert profile.shared is not None
    assert profile.shared.cortical_hu == pytest.approx(scanner.cortical_hu, abs=10)
    assert profile.shared.blur_mm == pytest.approx(true_blur(scanner), abs=0.05)
    step = step_of(surface.vertices, middle, axis)
    for index, true in enumerate(STEPS_MM[:-1]):
        here = np.abs(step - index) < 0.2
        bias, spread = errors(profile.thickness_mm[here], true)
        assert abs(bias) < 0.035 and spread < 0.05, true
        assert (
            set(profile.status[here]) <= {"ok", "beyond_scan"} and np.isfinite(profile.thickness_mm[here]).sum() > 150
        )
        off_bias, off_spread = errors(profile.offset_mm[here] + drawn.outside(surface.vertices[here]), 0.0)
        assert abs(off_bias) < 0.05 and off_spread < 0.15
        mask_bias, mask_spread = errors(by_mask[here], true)
        assert abs(mask_bias) < 0.06 and mask_spread < 0.15
        if true <= 1.0:
            assert np.hypot(mask_bias, mask_spread) > 1.3 * np.hypot(bias, spread)


@pytest.mark.xfail(
    strict=True, reason="it comes out 0.12 mm too wide; see experiments/cortical_thickness, thick slices"
)
def test_blur_across_slices_is_told_from_that_in_the_plane() -> None:
    scanner = Scanner(spacing_mm=(1.6, 0.7, 0.7))
    drawn, _, _ = tube(scanner, 70.0)
    _, _, profile = both(drawn, scanner.spacing_mm)
    assert profile.shared is not None
    assert profile.shared.blur_mm == pytest.approx(true_blur(scanner), abs=0.05)
    assert true_blur(scanner)[1] - true_blur(scanner)[0] > 0.1


@pytest.mark.parametrize(("scanner", "thick_mm"), product(SCANNERS[:2], (0.3, 0.5, 1.0, 2.0, 4.0)), ids=str)
def test_balls_in_all_directions(scanner: Scanner, thick_mm: float) -> None:
    """Measured: bias below 0.005 mm to 1 mm, 0.04 at 4 mm (a ball's inner surface is more curved); SD 0.02 to 0.045."""
    drawn = ball(scanner, thick_mm)
    surface, by_mask, profile = both(drawn, shared=known(scanner))
    across = surface.normals()[:, 0] ** 2
    for least, most in ((0.0, 0.2), (0.2, 0.8), (0.8, 1.01)):
        here = (across >= least) & (across < most)
        bias, spread = errors(profile.thickness_mm[here], thick_mm)
        assert abs(bias) < 0.015 + 0.012 * thick_mm and spread < 0.07
        if thick_mm <= 1.0:
            assert np.hypot(*errors(by_mask[here], thick_mm)) > 1.3 * np.hypot(bias, spread)


@pytest.mark.parametrize(("tilt_deg", "thick_mm"), product((20.0, 40.0, 70.0), (0.3, 1.5, 3.0)))
def test_slanted_plates(tilt_deg: float, thick_mm: float) -> None:
    scanner, middle = Scanner(), np.array([24.3, 19.7, 20.2])
    normal = np.array([np.sin(np.radians(tilt_deg)), np.cos(np.radians(tilt_deg)), 0.0])
    drawn = scanner.scan(
        (50, 50, 50), lambda points: (points - middle) @ normal, lambda points: np.full(points.shape[:-1], thick_mm)
    )
    surface, _, profile = both(drawn, shared=known(scanner))
    here = np.linalg.norm(surface.vertices - middle, axis=1) < 10
    assert (profile.status[here] == "ok").all()
    bias, spread = errors(profile.thickness_mm[here], thick_mm)
    assert abs(bias) < 0.03 and spread < 0.05


def test_a_mirrored_scan_has_the_same_thickness() -> None:
    drawn, _, _ = tube(SCANNERS[0])
    surface, about, one = both(drawn)
    width = (drawn.hu.shape[2] - 1) * SPACING[2]
    turned = Surface(np.array([0, 0, width]) + surface.vertices * [1, 1, -1], surface.faces[:, ::-1])
    other = profile_thickness(drawn.hu[:, :, ::-1], turned, about, SPACING)
    assert np.array_equal(one.status, other.status)
    np.testing.assert_allclose(one.thickness_mm, other.thickness_mm, atol=0.003)


def test_a_density_that_is_held_too_high_makes_a_thin_cortex_thinner() -> None:
    """The area under the profile stays: thickness times what the cortex is denser than its surroundings."""
    scanner = Scanner(inner_hu=50.0)
    _, _, profile = both(ball(scanner, 0.5), shared=replace(known(scanner), cortical_hu=1800.0))
    assert np.nanmean(profile.thickness_mm) == pytest.approx(0.5 * (1600 - 50) / (1800 - 50), abs=0.01)


def test_a_second_bone_beyond_a_joint_space_is_left_out() -> None:
    scanner = Scanner(socket_mm=2.5)
    _, _, profile = both(ball(scanner, 1.0), shared=known(scanner))
    assert np.mean(profile.status == "ok") > 0.9
    bias, spread = errors(profile.thickness_mm, 1.0)
    assert abs(bias) < 0.05 and spread < 0.06


def test_a_second_bone_that_touches_leaves_nothing_to_fit() -> None:
    scanner = Scanner(socket_mm=0.4)
    _, _, profile = both(ball(scanner, 1.0), shared=known(scanner))
    assert np.mean(profile.status == "other_bone") > 0.8 and "ok" not in profile.status


def test_where_the_scan_ends_too_early_nothing_is_said() -> None:
    scanner = Scanner()
    drawn = ball(scanner, 1.0, size=46)
    surface, _, profile = both(drawn, shared=known(scanner))
    ends = surface.vertices + 4.0 * surface.normals()
    beyond = np.maximum(-ends, ends - (np.array(drawn.hu.shape) - 1) * SPACING).max(axis=1)
    assert (beyond > 0).sum() > 50
    assert (profile.status[beyond > 0] == "beyond_scan").all()
    assert (profile.status[beyond < 0] == "ok").all()
    assert np.array_equal(np.isnan(profile.thickness_mm), profile.status != "ok")
    assert np.array_equal(np.isnan(profile.offset_mm), profile.status != "ok")


def test_metal_is_no_cortex() -> None:
    scanner = Scanner()
    drawn = ball(scanner, 1.0)
    surface, about, plain = both(drawn, shared=known(scanner))
    vertex = surface.vertices[np.argmin(surface.vertices[:, 1])]
    at = np.round(vertex / SPACING).astype(int)
    hu = drawn.hu.copy()
    hu[at[0] - 2 : at[0] + 3, at[1] : at[1] + 5, at[2] - 2 : at[2] + 3] = 3000
    found = profile_thickness(hu, surface, about, SPACING, known(scanner))
    away = np.linalg.norm(surface.vertices - vertex, axis=1)
    assert (found.status[away < 1.5] == "metal").all()
    np.testing.assert_array_equal(found.status[away > 15], plain.status[away > 15])


@pytest.mark.parametrize("inner_hu", [1500.0, 1900.0])
def test_bone_without_an_inner_edge_has_no_thickness(inner_hu: float) -> None:
    scanner = Scanner(inner_hu=inner_hu)
    _, _, profile = both(ball(scanner, 1.0), shared=known(Scanner()))
    assert set(profile.status) <= {"no_edge", "beyond_scan"}


def test_two_shells_are_not_three_layers() -> None:
    """A second shell 2.5 mm below the first."""
    scanner = Scanner(inner_hu=50.0)
    outer, inner = ball(scanner, 0.8), ball(scanner, 0.8, 11.7)
    both_shells = replace(outer, hu=outer.hu + inner.hu - 50)
    _, _, profile = both(both_shells, shared=known(scanner))
    assert "ok" not in profile.status and "residual" in profile.status


def test_labels_far_off_give_no_number() -> None:
    scanner = Scanner()
    drawn = ball(scanner, 1.0)
    surface, about = mask_thickness(drawn.labels, SPACING)
    off = Surface(surface.vertices + 3.0 * surface.normals(), surface.faces)
    profile = profile_thickness(drawn.hu, off, about, SPACING, known(scanner))
    assert np.isnan(profile.thickness_mm).all()


def test_without_thick_cortex_density_is_not_known_and_nothing_is_said() -> None:
    _, _, profile = both(ball(Scanner(), 1.0))
    assert profile.shared is None
    assert set(profile.status) == {"no_thick_cortex"} and np.isnan(profile.thickness_mm).all()


def test_the_surface_of_labels_looks_outwards() -> None:
    drawn = ball(Scanner(noise_hu=0.0), 3.0)
    for stride in (1, 2):
        surface, thickness = mask_thickness(drawn.labels, SPACING, stride)
        assert surface.volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.025)
        assert thickness.mean() == pytest.approx(3.0, abs=0.04)
        assert np.abs(drawn.outside(surface.vertices)).max() < 0.5


def test_a_bone_that_goes_on_beyond_the_array_has_no_end_there() -> None:
    drawn, _, axis = tube(SCANNERS[0], 0.0)
    surface, _ = mask_thickness(drawn.labels, SPACING)
    assert surface.vertices[:, 0].min() == 0
    assert (surface.normals() @ axis).max() < 0.3
    assert np.abs(drawn.outside(surface.vertices)).max() < 0.5


@pytest.mark.parametrize("missing", [1, 2])
def test_labels_without_cortex_or_inside_are_refused(missing: int) -> None:
    labels = ball(Scanner(), 2.0).labels
    labels[labels == missing] = 3 - missing
    with pytest.raises(ValueError, match=r"must have a cortex \(1\) and what it encloses \(2\)"):
        mask_thickness(labels, SPACING)


LAYERS = np.array([[0.4, 1.3, 30.0, 220.0, 1650.0, 0.55], [-0.7, 3.4, -80.0, -60.0, 1500.0, 0.8]])


def test_layers_are_steps_that_a_gaussian_has_blurred() -> None:
    fine = np.arange(-12, 8, 0.004)
    hu, _ = layered_hu(fine, LAYERS)
    for found, (outer, thickness, soft, inner, cortical, blur) in zip(hu, LAYERS, strict=True):
        sharp = np.where(fine > outer, soft, np.where(fine > outer - thickness, cortical, inner))
        blurred = gaussian_filter1d(sharp, blur / 0.004, mode="nearest", truncate=6)
        np.testing.assert_allclose(found, blurred, atol=3.0)


def test_changes_of_layers_are_those_of_small_steps() -> None:
    at = np.arange(-8, 4, 0.3)
    _, changes = layered_hu(at, LAYERS)
    for column in Layer:
        step = np.zeros(len(Layer))
        step[column] = 1e-4
        slope = (layered_hu(at, LAYERS + step)[0] - layered_hu(at, LAYERS - step)[0]) / 2e-4
        np.testing.assert_allclose(changes[..., column], slope, atol=1e-3)


def test_a_fit_finds_the_layers_that_made_a_profile_and_heeds_only_what_counts() -> None:
    at = np.arange(-10, 4.1, 0.25)
    hu = layered_hu(at, LAYERS)[0]
    counts = np.ones(hu.shape, dtype=bool)
    counts[:, -3:], hu[:, -3:] = False, 3000.0
    lines = Lines(at, hu, counts)
    start = layers_to_start(lines, np.array([1.0, 3.0]))
    free = fit_layers(lines, start, tuple(Layer))
    assert free.settled.all() and free.residual_hu.max() < 0.1
    np.testing.assert_allclose(free.layers, LAYERS, rtol=1e-3, atol=1e-3)
    held = fit_layers(lines, LAYERS * [0, 0.8, 0, 0, 1, 1], EDGES_AND_LEVELS)
    np.testing.assert_allclose(held.layers, LAYERS, rtol=1e-3, atol=1e-3)
    assert np.array_equal(held.layers[:, Layer.CORTICAL_HU :], LAYERS[:, Layer.CORTICAL_HU :])
