"""One subject to be scanned: bones in soft tissue, as Hounsfield units before blur and noise, and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.measure import marching_cubes

from hipseg.geometry.signed_distance import NearSurface, SignedDistance
from hipseg.geometry.surface import Points3, Surface
from hipseg.labels.femur import CORTEX, ENCLOSED
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.ct.arthritis import DiseasedBones
from hipseg.phantom.ct.body import Axes, Build, Volume, soft_fields
from hipseg.phantom.ct.bones import Bones
from hipseg.phantom.ct.cortex import (
    Inside,
    Quality,
    femur_inside,
    femur_thickness_mm,
    pelvis_inside,
    pelvis_thickness_mm,
    refined_with,
)
from hipseg.phantom.ct.lumbar import add_lumbar
from hipseg.phantom.ct.soft import soft_tissue

_SLAB: Final = 16  # slices that are worked on at once
_GRAIN_MM: Final = 0.9  # of trabecular texture


@dataclass(frozen=True)
class Compartment:
    """A bone that can be sampled anywhere.

    Attributes:
        surface: Its outside, of small triangles.
        thickness_mm: Of its cortex at every vertex of that.
        inside: What the cortex encloses.
        cortical_hu: Of the cortex.
        parts: Along each axis, in which voxels are taken that its surfaces cross.
    """

    surface: Surface
    thickness_mm: NDArray[np.float64]
    inside: Inside
    cortical_hu: float
    parts: int


@dataclass(frozen=True)
class Placed:
    """Where a bone lies on part of a grid.

    Attributes:
        window: The part, a slice an axis.
        outside: (x, y, z) signed distance of its outer surface in mm, negative within; infinite far away.
        inside: The same of its cortex' inner surface.
    """

    window: tuple[slice, ...]
    outside: NDArray[np.float32]
    inside: NDArray[np.float32]

    def volumes_cm3(self, axes: Axes) -> tuple[float, float]:
        """Of what lies within the outer and within the inner surface, on the grid."""
        steps = [float(axis[1] - axis[0]) for axis in axes]
        voxel = float(np.prod(steps)) / 1000
        width = float(np.mean(steps))
        outer, inner = (float(_share_within(field, width).sum()) * voxel for field in (self.outside, self.inside))
        return outer, inner

    def inner_surface(self, axes: Axes) -> Surface:
        """The cortex' inner surface on the grid, open where the scan ends."""
        reach = 3.0
        vertices, faces, _, _ = marching_cubes(np.clip(self.inside, -reach, reach), 0.0)
        first = [axis[part.start] for axis, part in zip(axes, self.window, strict=True)]
        steps = [axis[1] - axis[0] for axis in axes]
        return Surface(vertices * steps + first, faces.astype(np.int64))


@dataclass(frozen=True)
class Scene:
    """What is to be scanned.

    Attributes:
        hu: (x, y, z) Hounsfield units.
        labels: (x, y, z) of each side's femur: 0 outside, 1 cortex, 2 what it encloses.
        back_mm: Y of the skin on which the subject lies.
        femurs: Of each side, as sampled.
        placed: Where they lie on the grid.
    """

    hu: Volume
    labels: Mapping[Side, NDArray[np.uint8]]
    back_mm: float
    femurs: Mapping[Side, Compartment]
    placed: Mapping[Side, Placed]


def make_scene(
    rng: np.random.Generator,
    bones: Bones,
    quality: Quality,
    build: Build,
    axes: Axes,
    diseased: DiseasedBones | None = None,
    vertebrae: bool = False,
) -> Scene:
    """The subject on a grid of voxels.

    Args:
        rng: Of its tissues.
        bones: As they lie, with the shape that a disease has given them.
        quality: Of them.
        build: Of the body.
        axes: Of the grid.
        diseased: What makes subchondral bone dense, and holes in it.
        vertebrae: Whether they stand on the sacrum.
    """
    fields, back_mm = soft_fields(rng, bones, build, axes)
    shape = tuple(len(axis) for axis in axes)
    hu = np.empty(shape, dtype=np.float32)
    voxel_mm = float(axes[0][1] - axes[0][0])
    for first in range(0, shape[2], _SLAB):
        slices = range(first, min(first + _SLAB, shape[2]))
        hu[:, :, slices] = soft_tissue(fields, build, slices, (shape[0], shape[1]), voxel_mm)
    heads = np.array([bones.femurs[side].head_mm for side in SIDES])
    dense = {side: 1.0 for side in SIDES} if diseased is None else diseased.sclerosis
    factors = np.array([dense[side] for side in SIDES])
    thickness = pelvis_thickness_mm(rng, bones.pelvis.vertices, heads, quality, factors)
    pelvis, thickness = refined_with(bones.pelvis, thickness, 1)
    spongy = pelvis_inside(quality, heads)
    if diseased is not None:
        spongy = diseased.dense(spongy, bones, SIDES)
    if vertebrae:
        add_lumbar(hu, axes, bones.pelvis, quality)
    place_bone(rng, hu, axes, Compartment(pelvis, thickness, spongy, quality.cortical_hu - 130, 1))
    femurs, labels, placed = dict[Side, Compartment](), dict[Side, NDArray[np.uint8]](), dict[Side, Placed]()
    for side in SIDES:
        femur = bones.femurs[side]
        thickness = femur_thickness_mm(rng, femur, femur.surface.vertices, quality, dense[side])
        surface, thickness = refined_with(femur.surface, thickness, 2)
        spongy = femur_inside(femur, quality)
        if diseased is not None:
            spongy = diseased.dense(spongy, bones, (side,))
        femurs[side] = Compartment(surface, thickness, spongy, quality.cortical_hu, 2)
        placed[side] = place_bone(rng, hu, axes, femurs[side])
        labels[side] = np.zeros(hu.shape, dtype=np.uint8)
        within = np.where(placed[side].inside < 0, ENCLOSED, CORTEX)
        labels[side][placed[side].window] = np.where(placed[side].outside < 0, within, 0)
    if diseased is not None:
        diseased.add_cysts(hu, axes, bones)
    return Scene(hu, labels, back_mm, femurs, placed)


def place_bone(rng: np.random.Generator, hu: Volume, axes: Axes, bone: Compartment) -> Placed:
    """Put a bone among what lies there, in part where its surfaces cross voxels."""
    steps = np.array([axis[1] - axis[0] for axis in axes])
    half = float(np.linalg.norm(steps)) / 2
    outside = SignedDistance(bone.surface)
    near = outside.near(axes, half, float(bone.thickness_mm.max()) + half)
    deep = near.distance + _thickness(bone, near)
    texture = gaussian_filter(rng.standard_normal(near.distance.shape, dtype=np.float32), _GRAIN_MM / steps)
    texture /= max(float(texture.std()), 1e-6)
    window = hu[near.window]
    inner = [axis[part] for axis, part in zip(axes, near.window, strict=True)]
    edge = (np.abs(near.distance) < half) | ((np.abs(deep) < half) & (near.distance < half))
    cortex = (near.distance < 0) & (deep >= 0) & ~edge
    window[cortex] = bone.cortical_hu
    for where in _chunks((deep < 0) & ~edge):
        points = np.stack([axis[at] for axis, at in zip(inner, where, strict=True)], axis=1)
        window[where] = bone.inside(points, texture[where])
    offsets = (np.arange(bone.parts) + 0.5) / bone.parts - 0.5
    cube = np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 3) * steps
    for where in _chunks(edge):
        points = np.stack([axis[at] for axis, at in zip(inner, where, strict=True)], axis=1)
        window[where] = _mean_of_parts(bone, outside, points, cube, half / bone.parts, texture[where], window[where])
    hu[near.window] = window
    return Placed(near.window, near.distance, deep)


def _thickness(bone: Compartment, near: NearSurface) -> NDArray[np.float32]:
    """The cortex' thickness at the nearest vertex; 0 where none is known."""
    known = np.append(bone.thickness_mm, 0).astype(np.float32)
    return known[near.nearest]


def _mean_of_parts(
    bone: Compartment,
    outside: SignedDistance,
    points: Points3,
    cube: Points3,
    width: float,
    texture: Volume,
    around: Volume,
) -> Volume:
    """(n,) means over the parts of voxels at (n, 3) points."""
    parts = (points[:, None] + cube).reshape(-1, 3)
    distance, nearest = outside(parts)
    bony = _share_within(distance, width)
    spongy = np.minimum(_share_within(distance + bone.thickness_mm[nearest], width), bony)
    hu = np.repeat(around, len(cube)) * (1 - bony) + bone.cortical_hu * (bony - spongy)
    some = spongy > 0
    hu[some] += spongy[some] * bone.inside(parts[some], np.repeat(texture, len(cube))[some])
    return hu.reshape(-1, len(cube)).mean(axis=1)


def _share_within(distance: NDArray[np.floating[Any]], width: float) -> NDArray[np.floating[Any]]:
    """The share of a voxel that lies below a plane at a distance from its middle."""
    return np.clip(0.5 - distance / width, 0, 1)


def _chunks(mask: NDArray[np.bool_], size: int = 100_000) -> list[tuple[NDArray[np.int64], ...]]:
    """The indices of a mask's True voxels, so many at once."""
    where = np.nonzero(mask)
    return [tuple(at[first : first + size] for at in where) for first in range(0, len(where[0]), size)]
