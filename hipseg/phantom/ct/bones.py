"""A subject's pelvis and femurs in 3-D: a draw of real shapes, warped, with seated heads, as the subject lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hipseg.anatomy.shapes import MODES, FemurMarks, Shapes
from hipseg.geometry.signed_distance import SignedDistance
from hipseg.geometry.surface import Points3, Surface, fit_sphere
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.preset import Bodies, draw
from hipseg.phantom.skeleton import smoothstep

_PUSHED_MM: Final = (3.0, 22.0)  # beyond the socket: the bone that moves with it wholly, and not at all
_APART_MM: Final = 1.5  # of femur and pelvis beyond the joint
_TRIES: Final = 12
_APPROACHES: Final = 4  # to the radius that a socket has once its rim was moved
_LEAST_MOVED_MM: Final = 0.3
_FOSSA_BEGINS_DEG: Final = 12.0  # until it is fully deep
_FOSSA_ENDS_DEG: Final = (130.0, 155.0)  # from straight up, medially
_FOSSA_ACROSS: Final = (0.42, 0.68)  # of the socket's radius, forwards and backwards: where it begins to end, and has
_FLOOR_MM: Final = 6.0  # so far its floor may lie from the socket's sphere
_WALL_MM: Final = 2.6  # of bone that stay behind it
_LEAST_DEEP_MM: Final = 0.1


@dataclass(frozen=True)
class Femur:
    """One femur as it lies.

    Attributes:
        surface: Its outside, in the subject's millimetres: x to the left, y backwards, z up.
        head_mm: Centre of the head.
        head_radius_mm: Of it.
        neck_mm: Centre of the neck's narrowest section.
        shaft_mm: (2, 3) points on the shaft's axis, the upper first.
    """

    surface: Surface
    head_mm: Points3
    head_radius_mm: float
    neck_mm: Points3
    shaft_mm: Points3

    def moved(self, rotation: NDArray[np.float64], shift: NDArray[np.float64]) -> Femur:
        """Every point p at rotation @ p + shift."""
        return Femur(
            self.surface.moved(rotation, shift), rotation @ self.head_mm + shift, self.head_radius_mm,
            rotation @ self.neck_mm + shift, self.shaft_mm @ rotation.T + shift,
        )  # fmt: skip


@dataclass(frozen=True)
class Bones:
    """The bones of one subject, as it lies.

    Attributes:
        pelvis: Both hip bones and the sacrum.
        femurs: Of each side.
        joint_space_mm: Between head and socket, of each side.
        sockets: Vertices of the pelvis that are each socket's articular surface.
        fossae_deg: Where each socket's fossa begins, from straight up, medially; empty where they have none.
    """

    pelvis: Surface
    femurs: Mapping[Side, Femur]
    joint_space_mm: Mapping[Side, float]
    sockets: Mapping[Side, NDArray[np.int64]]
    fossae_deg: Mapping[Side, float] = field(default_factory=dict)

    def moved(self, rotation: NDArray[np.float64], shift: NDArray[np.float64]) -> Bones:
        """Every point p at rotation @ p + shift."""
        femurs = {side: femur.moved(rotation, shift) for side, femur in self.femurs.items()}
        return Bones(self.pelvis.moved(rotation, shift), femurs, self.joint_space_mm, self.sockets, self.fossae_deg)


@dataclass(frozen=True)
class Narrowed:
    """A joint that is narrower at one place than elsewhere, because the head has moved there.

    Attributes:
        width_mm: The narrowest.
        towards_deg: Where: from straight up, outwards.
    """

    width_mm: float
    towards_deg: float


def draw_bones(
    rng: np.random.Generator,
    bodies: Bodies,
    shapes: Shapes,
    pose: np.random.Generator | None = None,
    narrowed: Mapping[Side, Narrowed] | None = None,
) -> Bones:
    """The bones of a subject.

    Args:
        rng: Of the subject.
        bodies: How subjects differ.
        shapes: Of real bones.
        pose: Of how it lies; the subject's own if not given.
        narrowed: Joints whose heads don't lie concentric in their sockets.
    """
    parts = shapes.draw(np.array([draw(rng, bodies.mode) for _ in range(MODES)]))
    warp = _draw_warp(rng, bodies.warp_mm)
    middle = parts["pelvis"].vertices.mean(axis=0)
    parts = {name: replace(part, vertices=warp(part.vertices - middle)) for name, part in parts.items()}
    pelvis, gaps, heads, sockets = parts["pelvis"], dict[Side, float](), dict[Side, Points3](), dict(shapes.sockets)
    fossae = dict[Side, float]()
    for side in SIDES:
        gaps[side] = max(draw(rng, bodies.joint_space_mm), 0.5)
        if narrowed is not None:
            gaps[side] = max(gaps[side], narrowed[side].width_mm + _LEAST_MOVED_MM)
        _, radius = fit_sphere(parts[side].vertices[shapes.femurs[side].head])
        pelvis, heads[side] = _widen_socket(pelvis, shapes.sockets[side], radius + gaps[side])
        if bodies.fossa_mm is not None:
            depth, fossae[side] = draw(rng, bodies.fossa_mm), draw(rng, bodies.fossa_deg)
            pelvis, sockets[side] = hollow_out(pelvis, shapes.sockets[side], side, depth, fossae[side])
    pelvis, heads = _level(pelvis, heads)
    if narrowed is not None:
        heads = {side: head + _moved(narrowed[side], gaps[side], side) for side, head in heads.items()}
    rng = rng if pose is None else pose
    tilt = Rotation.from_euler("x", draw(rng, bodies.tilt_deg), degrees=True).as_matrix()
    pelvis, heads = pelvis.moved(tilt, np.zeros(3)), {side: tilt @ head for side, head in heads.items()}
    outside = SignedDistance(pelvis.refined()[0])
    femurs = {side: _seat(rng, bodies, parts[side], shapes.femurs[side], side, heads[side], outside) for side in SIDES}
    lie = Rotation.from_euler("zy", [draw(rng, bodies.turn_deg), draw(rng, bodies.roll_deg)], degrees=True).as_matrix()
    return Bones(pelvis, femurs, gaps, sockets, fossae).moved(lie, -lie @ np.mean(list(heads.values()), axis=0))


def _moved(narrowed: Narrowed, gap_mm: float, side: Side) -> Points3:
    """How far a head moves in its socket to leave so wide a gap at one place."""
    outward, angle = (1.0 if side == "left" else -1.0), np.radians(narrowed.towards_deg)
    return (gap_mm - narrowed.width_mm) * np.array([outward * np.sin(angle), 0.0, np.cos(angle)])


def _draw_warp(rng: np.random.Generator, spread_mm: float) -> Callable[[Points3], Points3]:
    """A smooth displacement of points, some Gaussians wide."""
    centres = rng.uniform([-180, -120, -420], [180, 120, 150], (60, 3))
    widths, shifts = rng.uniform(45, 90, 60), spread_mm * rng.standard_normal((60, 3))

    def warp(points: Points3) -> Points3:
        square = ((points[:, None] - centres) ** 2).sum(axis=2)
        return np.asarray(points + np.exp(-square / (2 * widths**2)) @ shifts)

    return warp


def _widen_socket(pelvis: Surface, socket: NDArray[np.int64], radius: float) -> tuple[Surface, Points3]:
    """The pelvis with one socket of a radius on average, and its centre; the bone about it moves with it."""
    aim, widened = radius, pelvis
    for _ in range(_APPROACHES):
        widened = _pushed(pelvis, socket, aim)
        aim -= fit_sphere(widened.vertices[socket])[1] - radius
    return widened, fit_sphere(widened.vertices[socket])[0]


def _pushed(pelvis: Surface, socket: NDArray[np.int64], radius: float) -> Surface:
    """The pelvis with nothing of one socket within a radius of its centre."""
    centre, had = fit_sphere(pelvis.vertices[socket])
    away = pelvis.vertices - centre
    distance = np.linalg.norm(away, axis=1)
    push = (radius - had) * (1 - smoothstep(had + _PUSHED_MM[0], had + _PUSHED_MM[1], distance))
    # What would still reach into the joint is its rim, and moves just out of it.
    push = np.maximum(push, (radius - distance) * (distance > 1))
    return replace(pelvis, vertices=pelvis.vertices + away * (push / np.maximum(distance, 1e-6))[:, None])


def hollow_out(
    pelvis: Surface, socket: NDArray[np.int64], side: Side, depth_mm: float, begins_deg: float
) -> tuple[Surface, NDArray[np.int64]]:
    """The pelvis with an acetabular fossa in one socket, and the vertices of the articular surface that is left.

    The shape model has none: behind its sockets' floors, where people's bone is thin, there are 5 to 6 mm of it.

    Args:
        pelvis: Before it is tilted.
        socket: Its vertices in one acetabulum.
        side: Which.
        depth_mm: Of the fossa below the articular surface, where the wall behind is thick enough.
        begins_deg: Where the articular surface of the roof ends, from straight up, medially.
    """
    centre, radius = fit_sphere(pelvis.vertices[socket])
    away = pelvis.vertices - centre
    distance = np.maximum(np.linalg.norm(away, axis=1), 1e-6)
    towards = away / distance[:, None]
    facing = (towards * pelvis.normals()).sum(axis=1)
    medial = -towards[:, 0] if side == "left" else towards[:, 0]
    angle = np.degrees(np.arctan2(medial, towards[:, 2]))
    share = smoothstep(begins_deg, begins_deg + _FOSSA_BEGINS_DEG, angle) * (1 - smoothstep(*_FOSSA_ENDS_DEG, angle))
    share = share * (1 - smoothstep(*_FOSSA_ACROSS, np.abs(towards[:, 1])))
    floor = np.nonzero((facing < -0.2) & (np.abs(distance - radius) < _FLOOR_MM) & (share > 0))[0]
    behind = pelvis.vertices[(facing > 0.3) & (distance > radius) & (distance < 2 * radius)]
    wall = cKDTree(behind).query(pelvis.vertices[floor])[0] - _WALL_MM
    deeper = np.clip(np.minimum(depth_mm, wall) * share[floor], 0, None)
    vertices = pelvis.vertices.copy()
    vertices[floor] += towards[floor] * deeper[:, None]
    return replace(pelvis, vertices=vertices), socket[~np.isin(socket, floor[deeper > _LEAST_DEEP_MM])]


def _level(pelvis: Surface, heads: Mapping[Side, Points3]) -> tuple[Surface, dict[Side, Points3]]:
    """Both heads at one height and depth, their middle at the origin."""
    across = heads["left"] - heads["right"]
    turn, _ = Rotation.align_vectors([[1, 0, 0], [0, 0, 1]], [across, [0, 0, 1]], weights=[1e6, 1])
    matrix, middle = turn.as_matrix(), (heads["left"] + heads["right"]) / 2
    return pelvis.moved(matrix, -matrix @ middle), {side: matrix @ (head - middle) for side, head in heads.items()}


def _seat(
    rng: np.random.Generator,
    bodies: Bodies,
    surface: Surface,
    marks: FemurMarks,
    side: Side,
    head: Points3,
    pelvis: SignedDistance,
) -> Femur:
    """A femur with its head at a place, and the leg as it lies; drawn anew while it touches the pelvis."""
    outward = 1.0 if side == "left" else -1.0
    centre, radius = fit_sphere(surface.vertices[marks.head])
    upright = _upright(surface.vertices, marks, centre, outward)
    for _ in range(_TRIES):
        angles = [draw(rng, bodies.rotation_deg), draw(rng, bodies.abduction_deg), draw(rng, bodies.flexion_deg)]
        # Outwards about the length of the leg, away from the other one, and forwards.
        leg = Rotation.from_euler("zyx", np.array(angles) * [outward, -outward, -1.0], degrees=True).as_matrix()
        matrix = leg @ upright
        placed = surface.moved(matrix, head - matrix @ centre)
        near = placed.vertices[np.abs(placed.vertices - head).max(axis=1) < 110]
        near = near[np.linalg.norm(near - head, axis=1) > radius + 1.0]
        if pelvis.clears(near, _APART_MM):
            break
    rings = np.array([placed.vertices[ring].mean(axis=0) for ring in marks.shaft])
    return Femur(placed, head, radius, placed.vertices[marks.neck].mean(axis=0), rings[[0, -1]])


def _upright(vertices: Points3, marks: FemurMarks, head: Points3, outward: float) -> NDArray[np.float64]:
    """What turns a femur so that its mechanical axis is vertical and its condyles lie level."""
    medial, lateral = vertices[marks.condyles]
    up = head - vertices[marks.knee].mean(axis=0)
    up = up / np.linalg.norm(up)
    left = (lateral - medial) * outward
    left = left - (left @ up) * up
    left = left / np.linalg.norm(left)
    return np.stack([left, np.cross(up, left), up])
