"""The landmarks of a projected hip: the femur's along its outline, the roof's along the sourcil's lower edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from skimage.measure import find_contours

from hipseg.geometry.arrays import Points
from hipseg.geometry.grid import Grid
from hipseg.geometry.surface import Points3, Surface, fit_sphere
from hipseg.labels.circle import Circle, head_circle, robust_circle
from hipseg.labels.landmarks import FEMORAL_HEAD, FEMUR, ROOF, Side
from hipseg.labels.template import template
from hipseg.phantom.ct.bones import Femur
from hipseg.phantom.projected.beam import ConeBeam

_FINE_MM: Final = 0.25
_GRAZED_MM: Final = 0.3  # of bone along a ray, where an outline is drawn
_TIP, _FOSSA, _LESSER = 6, 10, 32  # landmarks of the greater trochanter, below it, and of the lesser one
_ON_HEAD: Final = 0.045  # of its radius, off its circle
_ABOUT_HEAD: Final = 0.14
_NECK_BELOW: Final = 0.5  # of the radius, below the head's middle, where a neck may leave it medially
_TURNS_BACK: Final = 0.4  # of the radius, medial of the head's middle
_CORONAL_MM: Final = 9.0  # before and behind the head's centre, where the roof bears
_BIN_DEG: Final = 4.0
_GRAZING: Final = 65.0  # percentage of the socket's points at one angle that lie nearer: it is no perfect sphere
_SEEN_MM: Final = 0.35  # standard deviation of a film's blur, in millimetres of a head of 26 mm as those below
_SEARCHED_MM: Final = (4.5, 3.5)  # below and above where rays graze the socket
_PEAK_MM: Final = 2.0
_EDGE_LEVEL: Final = 0.5
_ROOF_STEPS: Final = (0.35, 4.6, 9.3)  # above its lateral end, of landmarks 69, 68 and 67 of a head of 26 mm


@dataclass(frozen=True)
class RightView:
    """A hip's side of a film turned so that every hip is a right one: x from the film's middle, lateral negative.

    Attributes:
        beam: Of the film.
        side: Of the hip.
    """

    beam: ConeBeam
    side: Side

    def of(self, film_mm: Points) -> Points:
        """Film millimetres as the right view's; its own inverse but for the middle."""
        flip = 1.0 if self.side == "right" else -1.0
        return np.asarray((film_mm - [self.beam.centre_mm[0], 0]) * [flip, 1.0])

    def back(self, points: Points) -> Points:
        """The right view's points as film millimetres."""
        flip = 1.0 if self.side == "right" else -1.0
        return np.asarray(points * [flip, 1.0] + [self.beam.centre_mm[0], 0])

    def project(self, points: Points3) -> Points:
        """The subject's millimetres as the right view's."""
        return self.of(self.beam.project(points))


def hip_marks(
    view: RightView,
    femur: Femur,
    surface: Surface,
    pelvis: tuple[Surface, Surface],
    socket: Points3,
    medial_deg: float,
) -> Points:
    """(80, 2) landmarks in film millimetres.

    Femur and roof lie on what is seen; the others, which no label is drawn from, lie as the template has them.

    Args:
        view: Of this hip.
        femur: Where its head is.
        surface: Of the femur, of small triangles.
        pelvis: Outer and inner surface of its cortex.
        socket: (n, 3) points of the acetabulum.
        medial_deg: Where the roof ends, from straight up, medially.
    """
    outline = _outline(view, surface, femur)
    near = outline[np.hypot(*(outline - view.project(femur.head_mm[None])[0]).T) < 1.25 * _size(view, femur)]
    circle = robust_circle(near[near[:, 1] < np.median(near[:, 1])])
    marks = _laid(circle)
    marks[FEMUR] = _along(outline, circle)
    scale = circle.radius / head_circle(template()).radius
    marks[FEMUR.stop : 40] += _shift(marks, circle)
    marks[ROOF] = _roof(view, *pelvis, socket, scale, medial_deg)
    return view.back(marks)


def _laid(circle: Circle) -> Points:
    """The template's landmarks about a head, the symphysis in the middle."""
    base = template()
    own = head_circle(base)
    scale = circle.radius / own.radius
    marks = (base - own.centre) * scale
    medial = np.maximum(marks[:, 0] - 34.0 * scale, 0.0)
    factor = (-circle.x - 34.0 * scale) / ((-own.x - 34.0) * scale)
    marks[:, 0] += medial * (factor - 1)
    return np.asarray(marks + circle.centre)


def _shift(marks: Points, circle: Circle) -> Points:
    """How the greater trochanter lies against the template's."""
    return np.asarray(marks[3:9].mean(axis=0) - _laid(circle)[3:9].mean(axis=0))


def _size(view: RightView, femur: Femur) -> float:
    nearer = -view.beam.source_mm[1] / (femur.head_mm[1] - view.beam.source_mm[1])
    return femur.head_radius_mm * nearer * view.beam.magnification


def _outline(view: RightView, surface: Surface, femur: Femur) -> Points:
    """The femur's outline from its lateral shaft over the head to the medial shaft."""
    size = _size(view, femur) / 26.0
    x, y = view.beam.project(femur.head_mm[None])[0]
    left, right = (100.0, 45.0) if view.side == "right" else (45.0, 100.0)
    rows, columns = (round(length * size / _FINE_MM) for length in (40.0 + 73.5, left + right))
    grid = Grid((rows, columns), _FINE_MM, (x - left * size, y - 40.0 * size))
    path = view.beam.path_mm(surface, grid)
    longest = max(find_contours(path, _GRAZED_MM), key=len)
    outline = view.of(grid.to_mm(longest[:, ::-1].astype(np.float64)))
    return outline if outline[0, 0] < outline[-1, 0] else outline[::-1]


def _along(outline: Points, circle: Circle) -> Points:
    """(35, 2) landmarks spread along an outline as the template's are, between places that are known on it."""
    base = template()
    own = head_circle(base)
    scale = circle.radius / own.radius
    depth = (outline[:, 1] - circle.y) / scale
    away = np.hypot(*(outline - circle.centre).T) / circle.radius
    # The neck leaves the head's circle laterally. Medially heads are less round: flat or drawn out there, they go on.
    deep = depth > _NECK_BELOW * own.radius
    off = np.where(outline[:, 0] < circle.x, np.abs(away - 1) > _ON_HEAD, deep & (away - 1 > _ABOUT_HEAD))
    # Below the head's middle its outline ends where it turns back to the neck, even if that goes on as round.
    off |= (depth > 0) & (outline[:, 0] < circle.x + _TURNS_BACK * circle.radius)
    top = int(np.where(off, np.inf, depth).argmin())
    first = top - int(off[:top][::-1].argmax()) if off[:top].any() else 0
    last = top + int(off[top:].argmax()) - 1 if off[top:].any() else len(outline) - 1
    lateral = np.nonzero(outline[:first, 0] < circle.x - 1.2 * circle.radius)[0]
    tip = int(lateral[outline[lateral, 1].argmin()])
    fossa = tip + int(outline[tip:first, 1].argmax())
    low = last + np.nonzero((depth[last:] > 40) & (depth[last:] < 66))[0]
    chord = np.interp(depth[low], depth[[low[0], low[-1]]], outline[[low[0], low[-1]], 0])
    lesser = int(low[(outline[low, 0] - chord).argmax()])
    start = int(np.nonzero(depth[:tip] > base[0, 1] - own.y)[0].max(initial=0))
    medial = np.nonzero(depth[lesser:] > base[FEMUR.stop - 1, 1] - own.y)[0]
    end = lesser + int(medial[0]) if medial.size else len(outline) - 1
    where = {0: start, _TIP: tip, _FOSSA: fossa, FEMORAL_HEAD.start: first, FEMORAL_HEAD.stop - 1: last,
             _LESSER: lesser, FEMUR.stop - 1: end}  # fmt: skip
    passed = np.append(0, np.hypot(*np.diff(outline, axis=0).T).cumsum())
    known = np.append(0, np.hypot(*np.diff(base[FEMUR], axis=0).T).cumsum())
    at = np.interp(known, known[list(where)], passed[list(where.values())])
    return np.stack([np.interp(at, passed, outline[:, axis]) for axis in (0, 1)], axis=1)


def _roof(view: RightView, pelvis: Surface, inner: Surface, socket: Points3, scale: float, medial_deg: float) -> Points:
    """(8, 2) landmarks of the acetabular roof: three up its outer edge, five along the sourcil's lower edge."""
    centre_mm, radius = fit_sphere(socket)
    away = pelvis.vertices - centre_mm
    distance = np.linalg.norm(away, axis=1)
    near = np.abs(distance - radius) < 4
    facing = -(away[near] * pelvis.normals()[near]).sum(axis=1) / distance[near]
    bearing = pelvis.vertices[near][(facing > 0.6) & (np.abs(away[near][:, 1]) < _CORONAL_MM)]
    centre = view.project(centre_mm[None])[0]
    seen = view.project(bearing) - centre
    angle, reach = np.degrees(np.arctan2(seen[:, 0], -seen[:, 1])), np.hypot(*seen.T)
    lateral = float(np.percentile(angle[(angle > -75) & (angle < 60)], 1.5))
    angles = np.linspace(lateral, medial_deg, 5)
    grazed = np.array([_grazed(angle, reach, at) for at in angles])
    sourcil = _lower_edge(view, pelvis, inner, centre, angles, grazed, scale)
    edge = _outer_edge(view, pelvis, sourcil[0], scale)
    return np.concatenate([edge[::-1], sourcil])


def _grazed(angle: NDArray[np.float64], reach: NDArray[np.float64], at: float) -> float:
    """How far from the socket's centre rays graze it, at an angle."""
    width = _BIN_DEG
    while not (near := np.abs(angle - at) < width).any():
        width *= 2
    return float(np.percentile(reach[near], _GRAZING))


def _lower_edge(
    view: RightView,
    pelvis: Surface,
    inner: Surface,
    centre: Points,
    angles: NDArray[np.float64],
    grazed: NDArray[np.float64],
    scale: float,
) -> Points:
    """Where the bright band of the sourcil begins below where rays graze the socket, as a reader sees its edge.

    Rays that pass just within the socket run obliquely through its cortex: the band is brightest where they graze it,
    and ends below where that falls to half.
    """
    half = 45.0 * scale
    x, y = view.back(centre[None])[0]
    size = 2 * round(half / _FINE_MM)
    grid = Grid((size, size), _FINE_MM, (x - half, y - half))
    compact = view.beam.path_mm(pelvis, grid) - view.beam.path_mm(inner, grid)
    compact = gaussian_filter(compact, _SEEN_MM * scale / _FINE_MM)
    steps = np.arange(-_SEARCHED_MM[0], _SEARCHED_MM[1], 0.1) * scale
    edges = []
    for at, radius in zip(np.radians(angles), grazed, strict=True):
        line = centre + (radius + steps)[:, None] * [np.sin(at), -np.cos(at)]
        pixels = grid.to_pixels(view.back(line))
        values = map_coordinates(compact, [pixels[:, 1], pixels[:, 0]], order=1, mode="nearest")
        brightest = int(np.argmax(np.where(np.abs(steps) < _PEAK_MM * scale, values, -np.inf)))
        below = values[: brightest + 1]
        level = below.min() + _EDGE_LEVEL * (below[-1] - below.min())
        first = int(np.nonzero(below <= level)[0][-1]) if (below <= level).any() else 0
        edges.append(line[first])
    return np.array(edges)


def _outer_edge(view: RightView, pelvis: Surface, corner: Points, scale: float) -> Points:
    """Where the ilium ends laterally at three heights above the roof's lateral end."""
    high, wide = 14.0 * scale, 16.0 * scale
    x, y = view.back(corner[None])[0]
    grid = Grid((round(2 * high / _FINE_MM), round(2 * wide / _FINE_MM)), _FINE_MM, (x - wide, y - 1.6 * high))
    bone = view.beam.path_mm(pelvis, grid) > _GRAZED_MM
    columns = view.of(np.stack([grid.x_mm(), np.full(grid.shape[1], y)], axis=1))[:, 0]
    edge = []
    for step in _ROOF_STEPS:
        row = int(np.clip(np.rint((y - step * scale - grid.origin_mm[1]) / _FINE_MM), 0, grid.shape[0] - 1))
        there = columns[bone[row] & (columns < corner[0] + 4.0 * scale)]
        edge.append((float(there.min()) if there.size else float(corner[0]), y - step * scale))
    return np.array(edge)
