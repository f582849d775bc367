"""How thick the cortex is at every place of a bone's surface, and what lies within."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Points3, Surface
from hipseg.phantom.ct.bones import Femur
from hipseg.phantom.skeleton import smoothstep

Inside = Callable[[Points3, NDArray[np.float32]], NDArray[np.float32]]
"""Points (n, 3), and a random texture of unit variance at them, to Hounsfield units of trabecular bone and marrow."""

FATTY_MARROW_HU = -72.0
GROUP_MM = 11.0  # from the middle of the compressive group to where it is a third as dense


@dataclass(frozen=True)
class Quality:
    """A subject's bone.

    Attributes:
        density: Of trabecular bone, 1 at fifty.
        cortex: Thickness of the cortex, likewise.
        cortical_hu: Of compact bone.
    """

    density: float
    cortex: float
    cortical_hu: float


def quality_of(rng: np.random.Generator, age: float, female: bool) -> Quality:
    """Bone of a subject: trabecular density falls by about 1 % a year after fifty in women, 0.7 % in men.

    The cortex of the proximal femur thins by about 0.5 and 0.3 % a year (Riggs et al., J Bone Miner Res 2004, 19:1945;
    Poole et al., J Bone Miner Res 2010, 25:482). Subjects of one age differ by 18 and 10 %.
    """
    years = age - 50.0
    density = 1 - (0.010 if female else 0.007) * years
    cortex = 1 - (0.005 if female else 0.003) * years
    spread = np.clip(rng.standard_normal(3), -2.5, 2.5)
    return Quality(
        max(0.25, density * (1 + 0.18 * spread[0])),
        max(0.5, cortex * (0.96 if female else 1.04) * (1 + 0.10 * spread[1])),
        1480.0 + 70.0 * float(spread[2]),
    )


@dataclass(frozen=True)
class FemurFrame:
    """Where a point lies in a femur.

    Attributes:
        head_mm: Centre of its head.
        radius_mm: Of its head.
        neck: Unit vector from the head along the neck.
        neck_mm: How far the middle of the neck is from the head's centre.
        up: Unit vector along the shaft.
        axis_mm: A point on the shaft's axis.
    """

    head_mm: Points3
    radius_mm: float
    neck: Points3
    neck_mm: float
    up: Points3
    axis_mm: Points3

    @classmethod
    def of(cls, femur: Femur) -> FemurFrame:
        """The frame of a femur."""
        along, up = femur.neck_mm - femur.head_mm, femur.shaft_mm[0] - femur.shaft_mm[1]
        length = float(np.linalg.norm(along))
        up = up / np.linalg.norm(up)
        return cls(femur.head_mm, femur.head_radius_mm, along / length, length, up, femur.shaft_mm[0])

    @property
    def compressive_mm(self) -> tuple[Points3, Points3]:
        """Ends of the principal compressive group of trabeculae: below the top of the head, and at the calcar."""
        calcar = self.head_mm + (self.neck_mm + 4) * self.neck - 9 * self.up
        return self.head_mm + 0.8 * self.radius_mm * self.up, calcar

    def depth(self, points: Points3) -> NDArray[np.float64]:
        """How far below the head's centre, along the shaft."""
        return np.asarray((self.head_mm - points) @ self.up)

    def along_neck(self, points: Points3) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """How far along the neck from the head's centre, how far from its axis, and if below it (1) or above (-1)."""
        away = points - self.head_mm
        along = away @ self.neck
        beside = away - along[:, None] * self.neck
        distance = np.linalg.norm(beside, axis=1)
        down = self.neck * (self.up @ self.neck) - self.up
        return along, distance, (beside @ (down / np.linalg.norm(down))) / np.maximum(distance, 1e-6)


def femur_thickness_mm(
    rng: np.random.Generator,
    femur: Femur,
    vertices: Points3,
    quality: Quality,
    sclerosis: float = 1.0,
    plate: float = 1.0,
) -> NDArray[np.float64]:
    """(n,) thickness of the cortex at vertices of a femur's surface.

    `sclerosis` is a factor on what there is more where the head bears, `plate` one on all of the head's.

    On the head 0.7 mm, where it bears 1.2; at the neck 1.2 above to 3.8 below (the calcar); at the trochanters 1.1; on
    the shaft 4 to 7, thickest 110 mm below the head.
    """
    frame = FemurFrame.of(femur)
    depth = frame.depth(vertices)
    along, beside, down = frame.along_neck(vertices)
    radius, length = frame.radius_mm, frame.neck_mm
    away = vertices - frame.head_mm
    upwards = (away @ frame.up) / np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    head = plate * (0.7 + (0.5 + 1.2 * (sclerosis - 1)) * smoothstep(0.55, 0.95, upwards))
    neck = 1.2 + 2.6 * smoothstep(-0.1, 0.95, down)
    shaft = 1.1 + 4.1 * smoothstep(45.0, 105.0, depth)
    calcar = (
        2.6 * smoothstep(0.3, 0.95, down) * (1 - smoothstep(55.0, 100.0, depth)) * (1 - smoothstep(26.0, 40.0, beside))
    )
    thickness = np.maximum(shaft, 1.1 + calcar)
    on_neck = smoothstep(0.75 * radius, 1.0 * radius, along) * (1 - smoothstep(length + 10, length + 24, along))
    on_neck = on_neck * (1 - smoothstep(24.0, 30.0, beside))
    thickness = thickness * (1 - on_neck) + np.maximum(neck, shaft) * on_neck
    on_head = 1 - smoothstep(0.45 * radius, 0.85 * radius, along)
    on_head = on_head * (np.linalg.norm(away, axis=1) < 1.3 * radius)
    thickness = thickness * (1 - on_head) + head * on_head
    return np.asarray(np.clip(thickness * quality.cortex * _uneven(rng, vertices, 0.10), 0.3 * plate, 7.5))


def pelvis_thickness_mm(
    rng: np.random.Generator,
    vertices: Points3,
    heads: Points3,
    quality: Quality,
    sclerosis: float | NDArray[np.float64] = 1.0,
) -> NDArray[np.float64]:
    """(n,) thickness of the cortex of hip bones and sacrum: 1.2 mm, above the heads up to 2.6 (the sourcil).

    Args:
        rng: Of what is uneven.
        vertices: (n, 3).
        heads: (2, 3) centres of the heads.
        quality: Of the subject's bone.
        sclerosis: Factor on what there is more above the heads, or (2,) one for each.
    """
    thickness = np.full(len(vertices), 1.2)
    for head, factor in zip(heads, np.broadcast_to(sclerosis, len(heads)), strict=True):
        away = vertices - head
        distance = np.linalg.norm(away, axis=1)
        above = smoothstep(0.35, 0.9, away[:, 2] / np.maximum(distance, 1e-6)) * (1 - smoothstep(30.0, 36.0, distance))
        thickness = thickness + 1.4 * factor * above
    return np.asarray(np.clip(thickness * np.sqrt(quality.cortex) * _uneven(rng, vertices, 0.15), 0.4, 3.5))


def femur_inside(femur: Femur, quality: Quality) -> Inside:
    """Trabecular bone of a femur: the compressive and the tensile group, Ward's triangle between, fat in the shaft."""
    frame = FemurFrame.of(femur)
    dome, calcar = frame.compressive_mm
    lateral = frame.axis_mm + frame.up * float((frame.head_mm - frame.axis_mm) @ frame.up - 12)
    bend = frame.head_mm + (frame.neck_mm - 2) * frame.neck + 10 * frame.up

    def inside(points: Points3, texture: NDArray[np.float32]) -> NDArray[np.float32]:
        depth = frame.depth(points)
        along, _, _ = frame.along_neck(points)
        from_head = np.linalg.norm(points - frame.head_mm, axis=1)
        bone = 105.0 + 120.0 * (1 - smoothstep(0.4 * frame.radius_mm, 1.15 * frame.radius_mm, from_head))
        bone = bone + 210.0 * np.exp(-((from_segment(points, dome, calcar) / GROUP_MM) ** 2))
        tensile = np.minimum(from_segment(points, frame.head_mm, bend), from_segment(points, bend, lateral))
        bone = bone + 80.0 * np.exp(-((tensile / 7.0) ** 2))
        bone = bone - 45.0 * smoothstep(frame.neck_mm - 4, frame.neck_mm + 12, along)
        bone = np.maximum(bone, 40.0) * (1 - smoothstep(48.0, 85.0, depth)) * quality.density
        marrow = FATTY_MARROW_HU + 30.0 * (1 - smoothstep(15.0, 30.0, from_head))
        rough = np.clip(1 + 0.33 * texture, 0.1, 2.2)
        return np.asarray(marrow + (bone + 70.0 * (bone > 1)) * rough, dtype=np.float32)

    return inside


def pelvis_inside(quality: Quality, heads: Points3) -> Inside:
    """Trabecular bone of hip bones and sacrum: denser above and behind the joints."""

    def inside(points: Points3, texture: NDArray[np.float32]) -> NDArray[np.float32]:
        nearest = np.min([np.linalg.norm(points - head, axis=1) for head in heads], axis=0)
        bone = (170.0 + 190.0 * np.exp(-(((nearest - 28.0) / 14.0) ** 2))) * quality.density
        rough = np.clip(1 + 0.33 * texture, 0.1, 2.2)
        return np.asarray(-35.0 + bone * rough, dtype=np.float32)

    return inside


def from_segment(points: Points3, start: Points3, end: Points3) -> NDArray[np.float64]:
    """(...) distances of points (..., n) from what lies between two."""
    along = end - start
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return np.asarray(np.linalg.norm(points - start - share[..., None] * along, axis=-1))


def _uneven(rng: np.random.Generator, vertices: Points3, spread: float) -> NDArray[np.float64]:
    """(n,) factors about 1 that change over some centimetres."""
    waves = rng.normal(0, 2 * np.pi / 60.0, (24, 3))
    phases = rng.uniform(0, 2 * np.pi, 24)
    return np.asarray(1 + spread * np.cos(vertices @ waves.T + phases).sum(axis=1) / np.sqrt(12))


def refined_with(surface: Surface, values: NDArray[np.float64], times: int) -> tuple[Surface, NDArray[np.float64]]:
    """A surface refined so many times, and values at its vertices carried along."""
    for _ in range(times):
        surface, halved = surface.refined()
        values = np.concatenate([values, values[halved].mean(axis=1)])
    return surface, values
