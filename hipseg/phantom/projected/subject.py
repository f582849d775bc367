"""A subject's real bones projected onto a film: what is seen of them, and the skeleton with its landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from hipseg.anatomy.shapes import real_shapes
from hipseg.geometry.grid import Grid
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.phantom.bone_shadows import Brush, add_vertebrae
from hipseg.phantom.bones import MIDLINE_STRUCTURES
from hipseg.phantom.ct.bones import Bones, Femur, Narrowed, draw_bones
from hipseg.phantom.ct.cortex import FemurFrame, Quality, femur_thickness_mm, pelvis_thickness_mm, refined_with
from hipseg.phantom.preset import Bodies
from hipseg.phantom.projected.beam import ConeBeam
from hipseg.phantom.projected.bone import Bone, DenseHead, inner_surface
from hipseg.phantom.projected.marks import RightView, hip_marks
from hipseg.phantom.skeleton import Hip, Skeleton
from hipseg.phantom.subject import Stance, Subject

_SOURCE_MM: Final = (900.0, 1100.0)  # before the heads
_AIMED_MM: Final = (35.0, 60.0)  # standard deviations of where the beam points, across and along
_CORTICAL: Final = 0.0135  # grey value a mm
_SPONGY: Final = 0.0019
_CONTRASTS: Final = (0.45, 2.0)
_DEEP_MM: Final = 30.0  # of spongy bone whose trabeculae are seen fully
_LOST_MM: Final = (
    2.0  # of a gap between spheres: head and socket are none, and the sourcil's edge lies below the socket
)
_ROOF_ENDS_DEG: Final = (29.0, 4.0)  # mean and standard deviation of where readers end it, from straight up, medially
_INTO_FOSSA_DEG: Final = 4.0  # at most, beyond where that begins
_SHAFT_MM: Final = (-85.0, -110.0, -150.0, -190.0)  # heights, from the head, at which hardware is laid to the shaft


@dataclass(frozen=True)
class Projected:
    """What a film shows of a subject's bones.

    Attributes:
        skeleton: Its landmarks, in film millimetres.
        beam: Of the film.
        bones: Hip bones with the sacrum, and both femurs.
    """

    skeleton: Skeleton
    beam: ConeBeam
    bones: tuple[Bone, ...]

    def paint(self, brush: Brush, skeleton: Skeleton) -> None:
        """Add the bones' shadows by how far rays run in them; vertebrae by their outlines."""
        add_vertebrae(brush, skeleton)
        compact = _factor(brush.contrast["cortex"])
        for bone in self.bones:
            paths = bone.paths_mm(self.beam, brush.canvas.grid)
            shadow = np.float32(_CORTICAL * compact) * paths.cortical + np.float32(_SPONGY) * paths.dense
            shadow = shadow * np.float32(_factor(brush.contrast[bone.contrast]))
            texture = brush.texture[0 if bone.contrast == "femur" else 1]
            brush.canvas.image += shadow + texture * np.minimum(paths.spongy / np.float32(_DEEP_MM), 1)


def _factor(contrast: float) -> float:
    """A structure's contrast kept where bones are still told from what is around them."""
    return float(np.clip(contrast, *_CONTRASTS)) ** 0.7


def project_subject(
    rng: np.random.Generator,
    exposure: np.random.Generator,
    bodies: Bodies,
    subject: Subject,
    stance: Stance,
    widths_mm: Mapping[Side, float],
    grid: Grid,
) -> Projected:
    """Place a subject in front of a film.

    Args:
        rng: Of the subject's shape, the same at every visit.
        exposure: Of how it stands or lies.
        bodies: How shapes and poses differ.
        subject: Its contrasts and its roof's sclerosis.
        stance: Magnification and place on the film.
        widths_mm: Minimum joint space widths as they will about appear on the film.
        grid: Of the film.
    """
    narrowed = {
        side: Narrowed(widths_mm[side] / stance.magnification + _LOST_MM, subject.shapes[side].migration_deg)
        for side in SIDES
    }
    shapes = real_shapes()
    bones = draw_bones(rng, bodies, shapes, exposure, narrowed)
    quality = Quality(1.0, float(np.clip(rng.normal(0.9, 0.15), 0.5, 1.3)), 1500.0)
    middle = np.add(grid.centre_mm, stance.centre_mm)
    aim = exposure.normal(0, _AIMED_MM)
    beam = ConeBeam(
        (float(aim[0]), -float(exposure.uniform(*_SOURCE_MM)), float(aim[1])), stance.magnification,
        (float(middle[0]), float(middle[1])),
    )  # fmt: skip
    plate = _between(rng, bodies.head_plate)
    density, group = (float(rng.uniform(*of)) for of in (bodies.head_density, bodies.compressive_group))
    heads = np.array([bones.femurs[side].head_mm for side in SIDES])
    thickness = pelvis_thickness_mm(rng, bones.pelvis.vertices, heads, quality, _sclerosis(subject))
    thickness = thickness * _between(rng, bodies.pelvic_cortex)
    parts, hips = [Bone(bones.pelvis, inner_surface(bones.pelvis, thickness), "column")], dict[Side, Hip]()
    pelvis, thickness = refined_with(bones.pelvis, thickness, 1)
    faces = pelvis, inner_surface(pelvis, thickness)
    for side in SIDES:
        femur = bones.femurs[side]
        thickness = femur_thickness_mm(rng, femur, femur.surface.vertices, quality, plate=plate)
        surface, thickness = refined_with(femur.surface, thickness, 1)
        dense = DenseHead(FemurFrame.of(femur), density, group)
        parts.append(Bone(surface, inner_surface(surface, thickness), "femur", dense))
        socket = bones.pelvis.vertices[bones.sockets[side]]
        ends = float(rng.normal(*_ROOF_ENDS_DEG))
        if side in bones.fossae_deg:
            ends = min(ends, bones.fossae_deg[side] + _INTO_FOSSA_DEG)
        marks = hip_marks(RightView(beam, side), femur, surface, faces, socket, ends)
        hips[side] = Hip(marks, _shaft(beam, femur, side))
    scale = stance.magnification / 1.15
    skeleton = Skeleton(hips, _midline(bones, beam, scale), beam.centre_mm, scale)
    return Projected(skeleton, beam, tuple(parts))


def _between(rng: np.random.Generator, factors: tuple[float, float]) -> float:
    """A factor, its logarithm evenly between those of two."""
    return float(np.exp(rng.uniform(*np.log(factors))))


def _sclerosis(subject: Subject) -> float:
    """How much thicker than usual the bone above the joint is."""
    return float(np.clip(subject.sourcil.factor, 0.5, 2.5)) ** 0.7


def _shaft(beam: ConeBeam, femur: Femur, side: Side) -> dict[str, Points]:
    """Both edges of the shaft, as hardware is laid to them."""
    upper, lower = femur.shaft_mm
    outward = 1.0 if side == "left" else -1.0
    edges = dict[str, list[Points]]({"shaft_lateral": [], "shaft_medial": []})
    for height in _SHAFT_MM:
        at = upper + (lower - upper) * (femur.head_mm[2] + height - upper[2]) / (lower[2] - upper[2])
        for name, sign in (("shaft_lateral", 1.0), ("shaft_medial", -1.0)):
            edges[name].append(beam.project((at + np.array([sign * outward * 14.5, 0, 0]))[None])[0])
    return {name: np.array(points) for name, points in edges.items()}


def _midline(bones: Bones, beam: ConeBeam, scale: float) -> dict[str, Points]:
    """The vertebrae's outlines above the sacrum."""
    vertices = bones.pelvis.vertices
    central = vertices[np.abs(vertices[:, 0]) < 25]
    top = beam.project(central[[central[:, 2].argmax()]])[0]
    drop = top[1] - (MIDLINE_STRUCTURES["sacrum"][0, 1] * scale + beam.centre_mm[1])
    shift = np.array([beam.centre_mm[0], beam.centre_mm[1] + drop])
    return {name: points * scale + shift for name, points in MIDLINE_STRUCTURES.items()}
