"""Bones of the CT phantom against spheres, distances and volumes that are known without it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy.spatial import cKDTree

from hipseg.anatomy.shapes import real_shapes
from hipseg.config import conf_folder
from hipseg.geometry.surface import Surface, fit_sphere
from hipseg.geometry.voxels import voxels_within
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.ct.bones import Bones, Narrowed, draw_bones
from hipseg.phantom.ct.cortex import Quality, femur_thickness_mm, pelvis_thickness_mm, quality_of
from hipseg.phantom.ct.preset import CtPreset

SEEDS = range(4)
SOUND = Quality(density=1.0, cortex=1.0, cortical_hu=1500.0)


@cache
def preset() -> CtPreset:
    made = instantiate(OmegaConf.load(conf_folder() / "ct_preset" / "hips.yaml"))
    assert isinstance(made, CtPreset)
    return made


@cache
def bones(seed: int) -> Bones:
    return draw_bones(np.random.default_rng(seed), preset().bodies, real_shapes())


def closed(surface: Surface) -> bool:
    """Whether every edge belongs to two faces, which run along it in opposite directions."""
    ends = surface.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    there, back = (set(map(tuple, pairs.tolist())) for pairs in (ends, ends[:, ::-1]))
    return len(there) == len(ends) and there == back


@pytest.mark.parametrize("part", ["pelvis", "left", "right"])
def test_the_shipped_bones_are_closed_and_have_an_adult_s_size(part: str) -> None:
    mean = real_shapes().draw(np.zeros(15))[part]
    assert closed(mean)
    low, high = (700, 1000) if part == "pelvis" else (400, 600)
    assert low < mean.volume_mm3 / 1000 < high


@pytest.mark.parametrize("side", SIDES)
def test_marks_lie_where_anatomy_has_them(side: Side) -> None:
    shapes = real_shapes()
    vertices, marks = shapes.means[side], shapes.femurs[side]
    outward = 1.0 if side == "left" else -1.0
    centre, radius = fit_sphere(vertices[marks.head])
    assert 20 < radius < 26
    assert np.abs(np.linalg.norm(vertices[marks.head] - centre, axis=1) - radius).max() < 1.6
    neck = (vertices[marks.neck].mean(axis=0) - centre) * [outward, 1, 1]
    assert 15 < np.linalg.norm(neck) < 40 and neck[0] > 8 and neck[2] < -5  # outwards and down
    medial, lateral = vertices[marks.condyles]
    assert (lateral - medial)[0] * outward > 35
    socket, wide = fit_sphere(shapes.means["pelvis"][shapes.sockets[side]])
    assert np.linalg.norm(socket - centre) < 4 and radius < wide < radius + 4


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", SIDES)
def test_heads_lie_in_the_middle_of_their_sockets_with_the_joint_space_that_is_told(seed: int, side: Side) -> None:
    drawn, shapes = bones(seed), real_shapes()
    socket, wide = fit_sphere(drawn.pelvis.vertices[shapes.sockets[side]])
    head, radius = fit_sphere(drawn.femurs[side].surface.vertices[shapes.femurs[side].head])
    np.testing.assert_allclose(head, drawn.femurs[side].head_mm, atol=1e-6)
    assert np.linalg.norm(head - socket) < 0.1
    assert wide - radius == pytest.approx(drawn.joint_space_mm[side], abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_bone_lies_in_another(seed: int) -> None:
    drawn = bones(seed)
    for side in SIDES:
        vertices = drawn.femurs[side].surface.vertices
        assert cKDTree(drawn.pelvis.vertices).query(vertices)[0].min() > 1.0
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        axes = [np.arange(a, b, 2.0) for a, b in zip(low, [*high[:2], high[2]], strict=True)]
        axes[2] = axes[2][axes[2] > high[2] - 130]
        both = voxels_within(drawn.pelvis, axes) & voxels_within(drawn.femurs[side].surface, axes)
        assert not both.any()


@pytest.mark.parametrize("towards_deg", [-20.0, 0.0, 35.0])
def test_a_narrowed_joint_is_narrowest_where_the_head_has_moved(towards_deg: float) -> None:
    shapes, still = real_shapes(), replace(preset().bodies, tilt_deg=(0, 0), turn_deg=(0, 0), roll_deg=(0, 0))
    narrowed: dict[Side, Narrowed] = {side: Narrowed(1.0, towards_deg) for side in SIDES}
    drawn = draw_bones(np.random.default_rng(1), still, shapes, None, narrowed)
    for side in SIDES:
        socket, wide = fit_sphere(drawn.pelvis.vertices[shapes.sockets[side]])
        femur = drawn.femurs[side]
        moved = femur.head_mm - socket
        assert wide - femur.head_radius_mm - np.linalg.norm(moved) == pytest.approx(1.0, abs=0.1)
        angle = np.degrees(np.arctan2(moved[0] * (1 if side == "left" else -1), moved[2]))
        assert angle == pytest.approx(towards_deg, abs=3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", SIDES)
def test_the_cortex_is_thin_on_the_head_thicker_below_the_neck_and_thickest_on_the_shaft(seed: int, side: Side) -> None:
    femur = bones(seed).femurs[side]
    vertices = femur.surface.vertices
    thickness = femur_thickness_mm(np.random.default_rng(seed), femur, vertices, SOUND)
    up = femur.shaft_mm[0] - femur.shaft_mm[1]
    up = up / np.linalg.norm(up)
    depth = (femur.head_mm - vertices) @ up
    neck = femur.neck_mm - femur.head_mm
    neck = neck / np.linalg.norm(neck)
    along = (vertices - femur.head_mm) @ neck
    beside = vertices - femur.head_mm - along[:, None] * neck
    below = beside @ -up
    distance = np.linalg.norm(beside, axis=1)
    head = along < 0.3 * femur.head_radius_mm
    middle = np.linalg.norm(femur.neck_mm - femur.head_mm)
    on_neck = (along > middle - 4) & (along < middle + 10) & (distance < 26)
    calcar, above = (thickness[on_neck & part] for part in (below > 0.7 * distance, below < -0.7 * distance))
    shaft = thickness[(depth > 110) & (depth < 160)]
    assert 0.4 < np.median(thickness[head & (depth < 60)]) < 1.2
    assert np.median(calcar) > 1.6 * np.median(above) and 1.0 < np.median(calcar) < 4.6
    assert 4.0 < np.median(shaft) < 7.0
    assert thickness.min() >= 0.3 and thickness.max() <= 7.5


def test_the_roof_bears_on_thicker_bone_than_the_rest_and_on_thicker_yet_if_sclerotic() -> None:
    drawn = bones(0)
    heads = np.array([drawn.femurs[side].head_mm for side in SIDES])
    roof = np.linalg.norm(drawn.pelvis.vertices - (heads[0] + [0, 0, 27]), axis=1) < 8
    usual, more = (
        pelvis_thickness_mm(np.random.default_rng(0), drawn.pelvis.vertices, heads, SOUND, sclerosis)
        for sclerosis in (1.0, 2.0)
    )
    assert roof.any() and np.median(usual[roof]) > 1.6 * np.median(usual)
    assert np.median(more[roof]) > 1.3 * np.median(usual[roof])
    assert np.median(more) == pytest.approx(np.median(usual), rel=0.01)


def test_bone_is_lost_with_age_and_more_in_women() -> None:
    def mean(age: float, female: bool) -> tuple[float, float]:
        drawn = [quality_of(np.random.default_rng(seed), age, female) for seed in range(400)]
        return float(np.mean([one.density for one in drawn])), float(np.mean([one.cortex for one in drawn]))

    (young, thick), (old, thin), (old_man, thin_man) = mean(50, True), mean(80, True), mean(80, False)
    assert old / young == pytest.approx(0.7, abs=0.02) and thin / thick == pytest.approx(0.85, abs=0.02)
    assert old_man > old and thin_man > thin


def test_the_seed_decides() -> None:
    again = draw_bones(np.random.default_rng(0), preset().bodies, real_shapes())
    assert np.array_equal(again.pelvis.vertices, bones(0).pelvis.vertices)
    assert not np.array_equal(bones(1).pelvis.vertices, bones(0).pelvis.vertices)
