"""A pelvis with its femurs as a coarse CT, from surfaces whose landmarks are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from hipseg.anatomy.shapes import real_shapes
from hipseg.config import conf_folder
from hipseg.geometry.surface import Points3
from hipseg.geometry.volume import Volume, VolumeGrid
from hipseg.geometry.voxels import voxels_within
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.ct.bones import Bones, Narrowed, draw_bones
from hipseg.phantom.ct.preset import CtPreset

AIR, SOFT, BONE = -1000.0, 40.0, 700.0
STEP_MM = 2.0


class Drawn(NamedTuple):
    """A scan with what is true of it, in the patient's millimetres."""

    scan: Volume
    marks: dict[str, Points3]
    heads: dict[str, Points3]


@cache
def ct_preset(name: str) -> CtPreset:
    """A shipped preset of CT phantoms."""
    made = instantiate(OmegaConf.load(conf_folder() / "ct_preset" / f"{name}.yaml"))
    assert isinstance(made, CtPreset)
    return made


def mirrored(bones: Bones) -> Bones:
    """The mirror image in x = 0."""
    flip = np.array([-1.0, 1.0, 1.0])
    others: dict[Side, Side] = {"left": "right", "right": "left"}
    femurs = {
        side: replace(
            femur, surface=femur.surface.mirrored(), head_mm=femur.head_mm * flip, neck_mm=femur.neck_mm * flip,
            shaft_mm=femur.shaft_mm * flip,
        )
        for side, femur in ((others[side], femur) for side, femur in bones.femurs.items())
    }  # fmt: skip
    gaps = {others[side]: mm for side, mm in bones.joint_space_mm.items()}
    sockets = {others[side]: vertices for side, vertices in bones.sockets.items()}
    return Bones(bones.pelvis.mirrored(), femurs, gaps, sockets)


def draw_scan(
    seed: int,
    turned_deg: tuple[float, float, float] = (0, 0, 0),
    above_mm: float = 165.0,
    mirror: bool = False,
    worn: bool = False,
) -> Drawn:
    """Bones in a block of soft tissue, turned about the heads' middle by angles about x, y and z.

    Worn joints are narrow above.
    """
    narrowed = {side: Narrowed(0.8, 12.0) for side in SIDES} if worn else None
    bones = draw_bones(np.random.default_rng(seed), ct_preset("pelvis").bodies, real_shapes(), None, narrowed)
    marks = real_shapes().pelvis
    named = {f"asis_{side}": marks.spines[side] for side in SIDES}
    named |= {f"tubercle_{side}": marks.tubercles[side] for side in SIDES}
    points = {name: bones.pelvis.vertices[vertex] for name, vertex in named.items()}
    if mirror:
        bones = mirrored(bones)
        swap = {"right": "left", "left": "right"}
        points = {
            f"{name.split('_')[0]}_{swap[name.split('_')[1]]}": point * [-1.0, 1.0, 1.0]
            for name, point in points.items()
        }
    turn = Rotation.from_euler("xyz", turned_deg, degrees=True).as_matrix()
    points = {name: turn @ point for name, point in points.items()}
    bones = bones.moved(turn, np.zeros(3))
    x = np.arange(-190.0, 190.0, STEP_MM)
    y, z = np.arange(-130.0, 130.0, STEP_MM), np.arange(-95.0, above_mm, STEP_MM)
    hu = np.full((len(x), len(y), len(z)), AIR, dtype=np.float32)
    hu[8:-8, 8:-8] = SOFT
    for surface in (bones.pelvis, *(bones.femurs[side].surface for side in SIDES)):
        hu[voxels_within(surface, (x, y, z))] = BONE
    hu = gaussian_filter(hu, 0.8)
    grid = VolumeGrid.of_axes((len(z), len(y), len(x)), (STEP_MM,) * 3, (x[0], y[0], z[0]))
    heads = {str(side): bones.femurs[side].head_mm for side in SIDES}
    return Drawn(Volume(np.ascontiguousarray(hu.T).astype(np.int16), grid), points, heads)
