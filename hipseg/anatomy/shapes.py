"""The shapes of real bones: their mean, how they vary, and where on them the landmarks of a hip lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Faces, Points3, Surface, fit_sphere
from hipseg.labels.landmarks import SIDES, Side

MODES: Final = 15

_HEAD_MM: Final = 22.8  # radius of the mean heads, from which their fit starts
_TOP_MM: Final = 15.0
_CONDYLES_MM: Final = 45.0
_FACING: Final = 0.75
_NECK_MM: Final = (12.0, 42.0)
_TURNS: Final = 6
_SPINE_MM: Final = (30.0, 40.0)  # the anterior superior iliac spines: above the heads, and aside of the middle
_TUBERCLE_MM: Final = (-60.0, 10.0, 10.0, 40.0)  # the pubic tubercles: below to above the heads, nearest and farthest


@dataclass(frozen=True)
class FemurMarks:
    """Vertices of a femur that tell where its parts are, the same for every subject.

    Attributes:
        head: On the sphere of the head.
        neck: Around the narrowest section of the neck.
        condyles: The hindmost vertex of the medial and of the lateral one.
        knee: Of both condyles.
        shaft: At some heights of the shaft, a ring each.
    """

    head: NDArray[np.int64]
    neck: NDArray[np.int64]
    condyles: NDArray[np.int64]
    knee: NDArray[np.int64]
    shaft: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True)
class PelvisMarks:
    """The vertices of a pelvis that touch the anterior pelvic plane, on which it would lie face down.

    Attributes:
        spines: Of each anterior superior iliac spine.
        tubercles: Of each pubic tubercle.
    """

    spines: Mapping[Side, int]
    tubercles: Mapping[Side, int]


@dataclass(frozen=True)
class Shapes:
    """What is known of all subjects' bones.

    Attributes:
        means: (n, 3) of each part, in mm; x to the subject's left, y backwards, z up.
        faces: Of each part.
        modes: (15, n, 3) of each part: its displacement with one standard deviation of every mode.
        femurs: Of each side.
        sockets: Indices of the pelvis' vertices in each acetabulum.
        pelvis: Vertices of the pelvis.
    """

    means: Mapping[str, Points3]
    faces: Mapping[str, Faces]
    modes: Mapping[str, NDArray[np.float32]]
    femurs: Mapping[Side, FemurMarks]
    sockets: Mapping[Side, NDArray[np.int64]]
    pelvis: PelvisMarks

    def draw(self, weights: NDArray[np.float64]) -> dict[str, Surface]:
        """Every part of the subject with these (15,) weights of the modes."""
        return {
            part: Surface(mean + np.tensordot(weights, self.modes[part], axes=1), self.faces[part])
            for part, mean in self.means.items()
        }


@lru_cache(maxsize=1)
def real_shapes() -> Shapes:
    """The model that is shipped; see `data/README.md`."""
    with np.load(str(files("hipseg.anatomy").joinpath("data/llp26.npz"))) as stored:
        parts = {"pelvis": "pelvis", "left": "femur_l", "right": "femur_r"}
        means = {part: stored[f"{name}_mean_mm"].astype(np.float64) for part, name in parts.items()}
        faces = {part: stored[f"{name}_faces"].astype(np.int64) for part, name in parts.items()}
        modes = {part: stored[f"{name}_modes_mm"].astype(np.float32) for part, name in parts.items()}
    femurs, sockets = dict[Side, FemurMarks](), dict[Side, NDArray[np.int64]]()
    pelvis = Surface(means["pelvis"], faces["pelvis"])
    for side in SIDES:
        outward = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        femurs[side], centre = _mark_femur(means[side] * outward)
        sockets[side] = _mark_socket(pelvis.vertices * outward, pelvis.normals() * outward, centre)
    heads = {side: fit_sphere(pelvis.vertices[sockets[side]])[0] for side in SIDES}
    return Shapes(means, faces, modes, femurs, sockets, _mark_front(pelvis.vertices, heads))


def _mark_femur(vertices: Points3) -> tuple[FemurMarks, NDArray[np.float64]]:
    """A left femur's marks, and its head's centre."""
    x, y, z = vertices.T
    centre, radius = vertices[z > z.max() - _TOP_MM].mean(axis=0) - [0, 0, _TOP_MM], _HEAD_MM
    for _ in range(20):
        on_sphere = np.abs(np.linalg.norm(vertices - centre, axis=1) - radius) < 1.5
        head = np.nonzero(on_sphere & (x < centre[0] + 8))[0]
        centre, radius = fit_sphere(vertices[head])
    low = z < z.min() + _CONDYLES_MM
    middle = np.median(x[low])
    halves = (np.nonzero(low & (x < middle - 8))[0], np.nonzero(low & (x > middle + 8))[0])
    condyles = np.array([half[y[half].argmax()] for half in halves])
    rings = tuple(np.nonzero(np.abs(centre[2] - z - depth) < 8)[0] for depth in (100.0, 130.0, 160.0))
    return FemurMarks(head, _mark_neck(vertices, centre), condyles, np.nonzero(low)[0], rings), centre


def _mark_neck(vertices: Points3, centre: NDArray[np.float64]) -> NDArray[np.int64]:
    """The vertices about the section of least extent between head and trochanters."""
    axis = np.array([0.75, 0.2, -0.6])
    chosen = np.zeros(0, dtype=np.int64)
    for _ in range(8):
        axis = axis / np.linalg.norm(axis)
        along = (vertices - centre) @ axis
        beside = np.linalg.norm(vertices - centre - along[:, None] * axis, axis=1)
        rings = [
            np.nonzero((np.abs(along - depth) < 2.0) & (beside < 28))[0]
            for depth in np.arange(_NECK_MM[0], _NECK_MM[1])
        ]
        chosen = min(rings, key=lambda ring: float(beside[ring].mean()))
        axis = vertices[chosen].mean(axis=0) - centre
    return chosen


def _mark_socket(vertices: Points3, normals: Points3, head: NDArray[np.float64]) -> NDArray[np.int64]:
    """The vertices of the acetabulum that faces a head's centre."""
    centre, radius = head, _HEAD_MM + 3
    chosen = np.zeros(0, dtype=np.int64)
    for _ in range(30):
        away = vertices - centre
        distance = np.linalg.norm(away, axis=1)
        facing = -(away * normals).sum(axis=1) / np.maximum(distance, 1e-6)
        chosen = np.nonzero((np.abs(distance - radius) < 4) & (facing > _FACING))[0]
        centre, radius = fit_sphere(vertices[chosen])
    return chosen


def _mark_front(vertices: Points3, heads: Mapping[Side, NDArray[np.float64]]) -> PelvisMarks:
    """Where a pelvis touches the plane in front of it, found by turns with that plane."""
    middle = (heads["left"] + heads["right"]) / 2
    across = heads["left"] - heads["right"]
    across = across / np.linalg.norm(across)
    aside, above = (vertices - middle) @ across, vertices[:, 2] - middle[2]
    low, high, near, far = _TUBERCLE_MM
    forwards = np.array([0.0, -1.0, 0.0])
    spines, tubercles = dict[Side, int](), dict[Side, int]()
    for _ in range(_TURNS):
        front = vertices @ forwards
        for side in SIDES:
            outward = aside if side == "left" else -aside
            upper = (above > _SPINE_MM[0]) & (outward > _SPINE_MM[1])
            lower = (above > low) & (above < high) & (outward > near) & (outward < far)
            spines[side], tubercles[side] = (int(np.where(part, front, -np.inf).argmax()) for part in (upper, lower))
        up = vertices[list(spines.values())].mean(axis=0) - vertices[list(tubercles.values())].mean(axis=0)
        forwards = np.cross(vertices[spines["left"]] - vertices[spines["right"]], up)
        forwards = forwards / np.linalg.norm(forwards)
    return PelvisMarks(spines, tubercles)
