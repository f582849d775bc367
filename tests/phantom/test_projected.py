"""Projected bones against spheres whose shadow is known, and landmarks against the bones' own shadow."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from phantom_presets import shipped, subject
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.draw import polygon2mask
from test_ct_scans import ball

from hipseg.anatomy.shapes import real_shapes
from hipseg.geometry.grid import Grid
from hipseg.geometry.surface import Surface, fit_sphere
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import femur_outline
from hipseg.labels.landmarks import FEMUR, ROOF, SIDES, SOURCIL, Side
from hipseg.measure.reference import reference_gap
from hipseg.phantom.ct.bones import draw_bones, hollow_out
from hipseg.phantom.ct.cortex import Quality, femur_thickness_mm
from hipseg.phantom.film import expose_film
from hipseg.phantom.projected.beam import ConeBeam
from hipseg.phantom.projected.bone import DenseHead
from hipseg.phantom.projected.subject import Projected, project_subject
from hipseg.phantom.subject import draw_beam, draw_stance

GRID = Grid.of_film((1100, 1200), 0.35)
SEEDS = range(3)


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (80.0, 60.0, -45.0), (-50.0, -90.0, 30.0)])
def test_rays_run_in_a_ball_as_far_as_geometry_says(centre: tuple[float, float, float]) -> None:
    beam, grid, radius = ConeBeam((10.0, -950.0, -20.0), 1.2, (150.0, 140.0)), Grid.of_film((280, 300), 1.0), 21.0
    path = beam.path_mm(ball(radius, centre), grid)
    exact = beam.path_in_ball_mm(np.array(centre), radius, grid)
    x = (grid.x_mm()[None, :] - 150) / 1.2
    z = -(grid.y_mm()[:, None] - 140) / 1.2
    source = np.array(beam.source_mm)
    ray = np.stack(np.broadcast_arrays(x - source[0], -source[1], z - source[2]), axis=-1)
    ray = ray / np.linalg.norm(ray, axis=-1, keepdims=True)
    to_ball = np.array(centre) - source
    off = (to_ball**2).sum() - (ray @ to_ball) ** 2
    expected = 2 * np.sqrt(np.maximum(radius**2 - off, 0))
    assert np.abs(path - expected)[expected > 6].max() < 0.2
    assert np.abs(path - expected).mean() < 0.01
    np.testing.assert_allclose(exact, expected, atol=0.02)


def test_what_lies_nearer_to_the_source_is_magnified_more() -> None:
    beam = ConeBeam((0.0, -1000.0, 0.0), 1.15, (200.0, 150.0))
    points = np.array([[10.0, y, 20.0] for y in (-100.0, 0.0, 100.0)])
    expected = [1.15 * 1000 / (1000 + y) for y in (-100, 0, 100)]
    np.testing.assert_allclose(beam.project(points)[:, 0] - 200, [10 * factor for factor in expected])
    np.testing.assert_allclose(150 - beam.project(points)[:, 1], [20 * factor for factor in expected])


@cache
def projected(seed: int, width_mm: float = 4.0, fossa_deg: float | None = None) -> Projected:
    preset = shipped("projected")
    assert preset.bodies is not None
    bodies = preset.bodies if fossa_deg is None else replace(preset.bodies, fossa_deg=(fossa_deg, 0.0))
    who = subject(seed, 0, "projected")
    stance = draw_stance(np.random.default_rng(seed), replace(preset.pose, centre_y_mm=(-20.0, 0.0)))
    widths: dict[Side, float] = {side: width_mm for side in SIDES}
    rngs = (np.random.default_rng(seed), np.random.default_rng([seed, 1]))
    return project_subject(*rngs, bodies, who, stance, widths, GRID)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", SIDES)
def test_the_femur_s_landmarks_lie_on_the_edge_of_its_shadow(seed: int, side: Side) -> None:
    made = projected(seed)
    surface = made.bones[1 + SIDES.index(side)].outer
    marks = made.skeleton.hips[side].landmarks[FEMUR]
    fine = Grid.centred((900, 900), 0.2, (float(marks[:, 0].mean()), float(marks[:, 1].mean())))
    shadow = made.beam.path_mm(surface, fine) > 0.05
    for x, y in fine.to_pixels(marks):
        rows, columns = (slice(round(at) - 3, round(at) + 4) for at in (y, x))
        assert 0 < shadow[rows, columns].mean() < 1  # the edge lies within 0.6 mm
    assert len(np.unique(np.round(marks, 3), axis=0)) == len(marks)


@pytest.mark.parametrize("seed", [*SEEDS, 125])  # the last one's heads are flat medially
@pytest.mark.parametrize("side", SIDES)
def test_head_and_neck_of_a_label_are_those_of_the_shadow(seed: int, side: Side) -> None:
    made = projected(seed)
    landmarks = made.skeleton.hips[side].landmarks
    circle = head_circle(landmarks)
    fine = Grid.centred((400, 400), 0.25, (float(circle.x), float(circle.y)))
    shadow = made.beam.path_mm(made.bones[1 + SIDES.index(side)].outer, fine) > 0.3
    outline = fine.to_pixels(femur_outline(landmarks, spline_curves(landmarks)))
    label = polygon2mask(fine.shape, outline[:, ::-1])
    near = np.hypot(fine.x_mm()[None, :] - circle.x, fine.y_mm()[:, None] - circle.y) < 1.3 * circle.radius
    assert ((label != shadow) & near).sum() < 0.03 * (shadow & near).sum()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", SIDES)
def test_the_head_has_the_radius_and_the_place_of_its_sphere(seed: int, side: Side) -> None:
    made = projected(seed)
    vertices = made.bones[1 + SIDES.index(side)].outer.vertices
    centre, radius = fit_sphere(vertices[real_shapes().femurs[side].head])
    nearer = -made.beam.source_mm[1] / (centre[1] - made.beam.source_mm[1])
    circle = head_circle(made.skeleton.hips[side].landmarks)
    # A real head is no sphere, and this one not at all: its outline has another circle.
    assert circle.radius == pytest.approx(radius * nearer * made.beam.magnification, rel=0.08)
    assert np.hypot(*(circle.centre - made.beam.project(centre[None])[0])) < 3.2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", SIDES)
def test_the_roof_lies_above_the_head_from_lateral_to_medial(seed: int, side: Side) -> None:
    marks = projected(seed).skeleton.hips[side].landmarks
    circle, sign = head_circle(marks), 1 if side == "right" else -1
    sourcil = (marks[SOURCIL] - circle.centre) * [sign, 1]
    assert (np.diff(sourcil[:, 0]) > 0).all() and sourcil[0, 0] < -5 < 5 < sourcil[-1, 0]
    distance = np.hypot(*sourcil.T)
    assert (distance > circle.radius).all() and (distance < circle.radius + 12).all()
    edge = marks[ROOF][:3]
    assert (np.diff(edge[:, 1]) > 0).all()  # from its top down to the sourcil's lateral end
    assert (np.abs(edge[:, 0] - marks[SOURCIL][0, 0]) < 14).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_narrower_joint_is_seen_as_narrower(seed: int) -> None:
    def seen(width_mm: float) -> list[float]:
        hips = projected(seed, width_mm).skeleton.hips
        return [reference_gap(spline_curves(hips[side].landmarks)).width for side in SIDES]

    for wide, narrow in zip(seen(5.5), seen(3.5), strict=True):
        assert 0.8 < wide - narrow < 3.0


def test_the_sourcil_s_landmarks_lie_just_below_where_its_shadow_rises_fastest() -> None:
    outwards = np.arange(-3, 3, 0.1)
    above = []
    for seed, side in product(SEEDS, SIDES):
        made = projected(seed)
        marks = made.skeleton.hips[side].landmarks
        centre = head_circle(marks).centre
        fine = Grid.centred((480, 480), 0.2, (float(centre[0]), float(centre[1])))
        shadow = gaussian_filter(made.bones[0].paths_mm(made.beam, fine).cortical, 0.4 / 0.2)
        for mark in marks[SOURCIL][1:4]:
            direction = (mark - centre) / np.hypot(*(mark - centre))
            columns, rows = fine.to_pixels(mark + outwards[:, None] * direction).T
            rise = np.gradient(map_coordinates(shadow, [rows, columns], order=1))
            above.append(outwards[rise.argmax()])
    assert 0 < np.median(above) < 0.6


@pytest.mark.parametrize("side", SIDES)
def test_a_roof_ends_further_laterally_where_the_fossa_begins_there(side: Side) -> None:
    def end_deg(fossa_deg: float) -> float:
        landmarks = projected(0, fossa_deg=fossa_deg).skeleton.hips[side].landmarks
        end = landmarks[SOURCIL][-1] - head_circle(landmarks).centre
        return float(np.degrees(np.arctan2(end[0] * (1 if side == "right" else -1), -end[1])))

    assert 12 < end_deg(18.0) < min(22.0, end_deg(45.0))


@pytest.mark.parametrize("begins", [30.0, 45.0])
@pytest.mark.parametrize("side", SIDES)
def test_a_fossa_is_deep_in_the_floor_of_the_socket_and_nowhere_else(side: Side, begins: float) -> None:
    shapes = real_shapes()
    pelvis = Surface(shapes.means["pelvis"], shapes.faces["pelvis"])
    socket = shapes.sockets[side]
    hollow, articular = hollow_out(pelvis, socket, side, 4.0, begins)
    away = pelvis.vertices - fit_sphere(pelvis.vertices[socket])[0]
    deeper = np.linalg.norm(hollow.vertices - pelvis.vertices, axis=1)
    medial = away[:, 0] * (-1 if side == "left" else 1)
    angle = np.degrees(np.arctan2(medial, away[:, 2]))
    assert 3.5 < deeper.max() <= 4.0 + 1e-9 and (deeper > 2).sum() > 60
    # Not the roof, its rim, and the other side of the pelvis.
    assert (deeper[(angle < begins - 1) | (angle > 156)] == 0).all()
    assert (deeper[np.linalg.norm(away, axis=1) > 32] == 0).all()
    assert set(articular) < set(socket) and (deeper[articular] <= 0.1).all()
    # Seen through, bone is left: from floor to pelvic wall 2 mm and more.
    facing = (away * pelvis.normals()).sum(axis=1) / np.linalg.norm(away, axis=1)
    wall = pelvis.vertices[(facing > 0.3) & (np.linalg.norm(away, axis=1) < 50)]
    floor = hollow.vertices[deeper > 2]
    assert np.linalg.norm(floor[:, None] - wall[None], axis=2).min() > 2.0


def test_a_denser_head_adds_to_rays_through_head_and_compressive_group_and_to_no_others() -> None:
    made = projected(0)
    bone = made.bones[1]
    assert bone.dense is not None
    frame = bone.dense.frame
    plain = replace(bone, dense=None).paths_mm(made.beam, GRID)
    head, group = (
        replace(bone, dense=DenseHead(frame, *shares)).paths_mm(made.beam, GRID) for shares in ((0.5, 0.0), (0.0, 2.0))
    )
    np.testing.assert_array_equal(plain.dense, plain.spongy)
    x, y = GRID.to_pixels(made.beam.project(np.stack([frame.head_mm, np.mean(frame.compressive_mm, axis=0)]))).T
    (at_head, at_group) = zip(np.rint(y).astype(int), np.rint(x).astype(int), strict=True)
    assert (head.dense - plain.dense)[at_head] == pytest.approx(
        0.5 * min(2 * frame.radius_mm, plain.spongy[at_head]), rel=0.01
    )
    # Of a Gaussian that is a third 11 mm from its middle, all that a ray meets.
    assert (group.dense - plain.dense)[at_group] == pytest.approx(2 * 19.5, rel=0.02)
    away = np.hypot(GRID.x_mm()[None] - GRID.x_mm()[at_head[1]], GRID.y_mm()[:, None] - GRID.y_mm()[at_head[0]])
    assert ((head.dense - plain.dense)[away > 1.3 * made.beam.magnification * frame.radius_mm] == 0).all()
    for made_denser in (head, group):
        assert (made_denser.dense >= plain.dense).all() and (made_denser.dense[plain.spongy == 0] == 0).all()


def test_a_thinner_plate_is_thinner_on_the_head_alone() -> None:
    shapes, thick = real_shapes(), dict[float, NDArray[np.float64]]()
    femur = draw_bones(np.random.default_rng(0), shipped("projected").bodies, shapes, None).femurs["right"]
    for plate in (1.0, 0.3):
        rng = np.random.default_rng(0)
        thick[plate] = femur_thickness_mm(rng, femur, femur.surface.vertices, Quality(1.0, 1.0, 1500.0), plate=plate)
    ratio = thick[0.3] / thick[1.0]
    away = np.linalg.norm(femur.surface.vertices - femur.head_mm, axis=1) / femur.head_radius_mm
    on_head = shapes.femurs["right"].head
    np.testing.assert_allclose(np.median(ratio[on_head]), 0.3, atol=0.02)
    assert (ratio[away > 1.4] == 1).all()


def test_a_film_shows_the_bones_where_they_are_projected_and_the_seed_decides() -> None:
    preset, made = shipped("projected"), projected(0)
    who, beam = subject(0, 0, "projected"), draw_beam(np.random.default_rng(0), preset.exposure)
    beam = replace(beam, noise=0.0, gas=0, skin_folds=0, collimated=False, marker=False, contrast_medium=False)
    films = [
        expose_film(who, made.skeleton, beam, GRID, np.random.default_rng(1), paint=paint).values
        for paint in (made.paint, made.paint, lambda brush, skeleton: None)
    ]
    assert np.array_equal(films[0], films[1])
    added = films[0] - films[2]
    paths = [part.paths_mm(made.beam, GRID) for part in made.bones]
    bone = sum(7 * path.cortical + path.dense for path in paths)  # compact bone stops seven times as much
    beside = np.abs(GRID.x_mm() - made.beam.centre_mm[0]) > 50  # the vertebrae, which are outlines
    assert np.corrcoef(added[::5, beside][:, ::5].ravel(), bone[::5, beside][:, ::5].ravel())[0, 1] > 0.95
