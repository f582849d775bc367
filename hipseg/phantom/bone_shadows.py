"""The bones' shadows: each structure of the skeleton added to a canvas by its amount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hipseg.labels.circle import head_circle
from hipseg.labels.curves import centripetal_spline, spline_curves
from hipseg.labels.label_map import femur_outline
from hipseg.labels.landmarks import SIDES, SOURCIL, Points
from hipseg.phantom.amounts import AMOUNTS
from hipseg.phantom.bones import SACRAL_FORAMINA
from hipseg.phantom.canvas import Canvas, Image, ramp
from hipseg.phantom.skeleton import Hip, Skeleton, rotate
from hipseg.phantom.subject import Sourcil

FINE_MM = 0.9


@dataclass(frozen=True)
class Brush:
    """What turns outlines into grey values.

    Attributes:
        canvas: Where to.
        contrast: Factor on every structure's amount.
        edge_mm: Width of the joint's edges.
        sourcil: The band along the roof's lower edge.
        texture: Trabecular streaks over the canvas for femur and pelvis, already of the wanted amplitude.
    """

    canvas: Canvas
    contrast: dict[str, float]
    edge_mm: float
    sourcil: Sourcil
    texture: tuple[Image, Image]

    def amount(self, name: str) -> np.float32:
        """A structure's grey value on this film."""
        return np.float32(AMOUNTS[name] * self.contrast[name])

    def line(self, name: str, points: Points, width_mm: float, factor: float = 1.0) -> None:
        """Add a ridge along a smooth open curve."""
        curve = centripetal_spline(points, 8)
        shadow = self.canvas.shadow(curve, reach_mm=2.5 * width_mm, closed=False)
        self.canvas.add(shadow, self.amount(name) * np.float32(factor) * shadow.line(width_mm))

    def area(self, name: str, outline: Points, edge_mm: float, dome_mm: float, factor: float = 1.0) -> None:
        """Add a closed shape that is half flat, half round."""
        shadow = self.canvas.shadow(outline, reach_mm=edge_mm, pitch_mm=2.0)
        body = shadow.fill(edge_mm) * (np.float32(0.5) + np.float32(0.5) * shadow.dome(dome_mm))
        self.canvas.add(shadow, self.amount(name) * np.float32(factor) * body)


def _smooth(points: Points) -> Points:
    """A closed smooth curve through an outline's points."""
    return centripetal_spline(np.concatenate([points[-3:], points, points[:3]]), 6)[18:-12]


def paint_bones(brush: Brush, skeleton: Skeleton) -> None:
    """The bones' shadows from their outlines."""
    add_midline(brush, skeleton)
    for side in SIDES:
        hip = skeleton.hips[side]
        add_hemipelvis(brush, hip)
        add_joint_space(brush, hip)
        add_femur(brush, hip)


def whole_femur(hip: Hip, bottom_mm: float) -> Points:
    """The femur's outline from its head to below the film's lower edge, or to the knee."""
    landmarks = hip.landmarks
    outline = femur_outline(landmarks, spline_curves(landmarks))
    shafts = hip.structures["shaft_medial"], hip.structures["shaft_lateral"][::-1]
    # Where the landmarks end lower than the shaft's first points, the shaft starts below them.
    floor = max(landmarks[0, 1], landmarks[34, 1]) + 4.0
    knee = hip.structures["knee"] if shafts[0][-1, 1] < bottom_mm else np.zeros((0, 2))
    medial, lateral = (line[line[:, 1] > floor] for line in shafts)
    return np.concatenate([outline, medial, knee, lateral])


def add_femur(brush: Brush, hip: Hip) -> None:
    """Proximal femur and shaft: head with its thin rim, cortex, medulla, calcar, both trochanters, trabeculae."""
    landmarks, canvas = hip.landmarks, brush.canvas
    outline = whole_femur(hip, canvas.grid.origin_mm[1] + canvas.grid.size_mm[1])
    shadow = canvas.shadow(outline, reach_mm=8.0, pitch_mm=FINE_MM)
    inside = shadow.fill(brush.edge_mm)
    thickness = np.float32(0.36) * inside + np.float32(0.64) * shadow.dome(24.0)
    grid = canvas.grid
    y = grid.y_mm()[shadow.window[0]][:, None].astype(np.float32)
    circle = head_circle(landmarks)
    low = ramp(((y - (circle.y + 1.4 * circle.radius)) / 40.0).astype(np.float32))
    x = grid.x_mm()[shadow.window[1]][None, :]
    beyond = ramp(((np.hypot(x - circle.x, y - circle.y) - circle.radius - 2) / 8).astype(np.float32))
    amount = brush.amount("femur") * thickness
    amount += brush.amount("head_rim") * shadow.shell(2.5, brush.edge_mm) * (1 - low)
    cortex = shadow.shell(6.5, brush.edge_mm) * low + np.float32(0.22) * shadow.shell(2.5, 1.5) * (1 - low) * beyond
    amount += brush.amount("cortex") * cortex
    deep = ramp((-shadow.distance_mm - 7) / 5)
    amount += brush.amount("medulla") * deep * low
    amount += brush.texture[0][shadow.window] * inside * ramp((-shadow.distance_mm) / 4)
    canvas.add(shadow, amount)
    brush.line("calcar", landmarks[28:32], 4.0)
    brush.line("trochanter", np.concatenate([landmarks[6:7], landmarks[35:40]]), 2.5)
    _add_trochanters(brush, landmarks)


def _add_trochanters(brush: Brush, landmarks: Points) -> None:
    ridge = landmarks[[8, 10, 12]].mean(axis=0) * 0.35 + landmarks[30:32].mean(axis=0) * 0.65
    brush.line("trochanter", np.array([landmarks[7], landmarks[39], ridge, landmarks[32]]), 5.0, 0.6)
    knob = np.concatenate([landmarks[30:35], [landmarks[31:34].mean(axis=0) + (landmarks[1] - landmarks[33]) * 0.25]])
    brush.area("trochanter", knob, 5.0, 6.0, 1.2)
    great = np.concatenate([landmarks[3:9], landmarks[[39, 38]]])
    brush.area("trochanter", great, 8.0, 9.0, 0.6)


def add_hemipelvis(brush: Brush, hip: Hip) -> None:
    """Ilium, ischium, pubis with the obturator foramen, acetabular walls, and the lines that cross there."""
    landmarks, parts, canvas = hip.landmarks, hip.structures, brush.canvas
    ilium = _add_wing(brush, hip)
    brush.line("crest", parts["crest"], 4.0)
    _add_column(brush, hip, ilium)
    _add_ischium_and_pubis(brush, landmarks)
    _add_walls(brush, hip)
    brush.line("pelvic_rim", parts["pelvic_rim"], 4.0)
    brush.line("ilioischial", parts["ilioischial"], 2.5)
    brush.line("teardrop", parts["teardrop_wall"], 2.2)
    brush.line("crest", parts["sacroiliac"], 3.0, -0.8)
    brush.line("crest", parts["sacroiliac"] + [4.0, 0.0], 3.0, 0.8)
    sourcil = landmarks[SOURCIL]
    band = brush.sourcil
    ends = sourcil[0] + 0.1 * (sourcil[0] - sourcil[1]), sourcil[-1] + band.medial * (sourcil[-1] - sourcil[-2])
    curve = np.concatenate([ends[0][None], spline_curves(landmarks).sourcil, ends[1][None]])
    shadow = canvas.shadow(curve, reach_mm=12.0, closed=False, pitch_mm=FINE_MM)
    above = _above(shadow.distance_mm, canvas, shadow.window, head_circle(landmarks).centre, curve)
    ridge = np.exp(-(((above - np.float32(band.centre_mm)) / np.float32(band.width_mm)) ** 2))
    amount = brush.amount("sourcil") * np.float32(band.factor)
    canvas.add(shadow, amount * ridge * ramp(above / np.float32(brush.edge_mm) + np.float32(0.5)))


def _above(distance: Image, canvas: Canvas, window: tuple[slice, slice], centre: Points, curve: Points) -> Image:
    """Distance to the sourcil, positive on the far side of it as seen from the head's centre."""
    x = canvas.grid.x_mm()[window[1]][None, :] - centre[0]
    y = canvas.grid.y_mm()[window[0]][:, None] - centre[1]
    relative = curve - centre
    angle = np.arctan2(relative[:, 0], -relative[:, 1])
    order = np.argsort(angle)
    radius = np.interp(np.arctan2(x, -y), angle[order], np.hypot(*relative.T)[order])
    return np.where(np.hypot(x, y) >= radius, distance, -distance).astype(np.float32)


def _add_wing(brush: Brush, hip: Hip) -> Image:
    """The thin ilium, its lateral edge above the joint that of the landmarks; returns where it is, 0 to 1."""
    landmarks, canvas = hip.landmarks, brush.canvas
    outline = np.concatenate([landmarks[[69, 68, 67]], hip.structures["wing"][1:]])
    shadow = canvas.shadow(_smooth(outline), reach_mm=4.0, pitch_mm=1.5)
    y = canvas.grid.y_mm()[shadow.window[0]][:, None]
    # Behind the head it ends in no edge of its own.
    width = np.float32(2.0) + np.float32(6.0) * ramp((y - landmarks[69, 1] + 2.0) / 8.0)
    inside = ramp(-shadow.distance_mm / width + np.float32(0.5))
    canvas.add(shadow, (brush.amount("wing") + np.float32(0.7) * brush.texture[1][shadow.window]) * inside)
    ilium = canvas.blank(canvas.grid)
    ilium.add(shadow, inside)
    return ilium.image


def _add_column(brush: Brush, hip: Hip, ilium: Image) -> None:
    """The load-bearing bone above the roof: its lower edge is the sourcil's, blurred by the walls around the head."""
    landmarks, column = hip.landmarks, hip.structures["column"].copy()
    curve = spline_curves(landmarks).sourcil[::-1]
    outline = np.concatenate([landmarks[[69, 68, 67]], column[1:10], column[11:14], curve])
    shadow = brush.canvas.shadow(outline, reach_mm=16.0)
    above = (curve[:, 1].mean() - brush.canvas.grid.y_mm()[shadow.window[0]])[:, None].astype(np.float32)
    thins = 1 - np.float32(0.32) * ramp((above - 2) / 9) - np.float32(0.14) * ramp((above - 15) / 40)
    soft = ramp(-(shadow.distance_mm - np.float32(6.0)) / np.float32(17.0) + np.float32(0.5))
    upper = ramp(-shadow.distance_mm / np.float32(26.0) + np.float32(0.35))
    high = ramp((above - 15) / 30)
    soft = soft * (1 - high) + upper * high
    sharp = shadow.fill(brush.edge_mm) * (1 - high)
    amount = brush.amount("column") * (np.float32(0.9) * soft + np.float32(0.1) * sharp) * thins
    amount *= np.float32(0.25) + np.float32(0.75) * ilium[shadow.window]
    amount += brush.texture[1][shadow.window] * shadow.fill(8.0)
    brush.canvas.add(shadow, amount)


def _add_ischium_and_pubis(brush: Brush, landmarks: Points) -> None:
    # Behind the head the bone has no edge of its own: close the outline along the ilioischial line.
    behind = (
        landmarks[59] + 0.35 * (landmarks[44] - landmarks[59]),
        landmarks[44] + 0.3 * (landmarks[59] - landmarks[44]),
    )
    medial = 0.28 * (landmarks[61] - landmarks[44])
    outline = np.concatenate([landmarks[44:60], behind[0][None] + medial, behind[1][None] + medial])
    bone = brush.canvas.shadow(_smooth(outline), reach_mm=6.0)
    hole = brush.canvas.shadow(_smooth(landmarks[60:67]), reach_mm=6.0)
    solid = brush.canvas.blank(brush.canvas.grid)
    solid.add(bone, bone.fill(2.0) * (np.float32(0.55) + np.float32(0.45) * bone.dome(9.0)))
    solid.image[hole.window] *= 1 - hole.fill(2.0)
    rims = brush.canvas.blank(brush.canvas.grid)
    rims.add(bone, bone.shell(2.5, 1.5))
    rims.add(hole, hole.line(2.5, 1.8))
    brush.canvas.add(bone, brush.amount("pubis") * solid.image[bone.window])
    brush.canvas.add(bone, brush.amount("pubis_rim") * rims.image[bone.window])
    brush.canvas.add(bone, brush.texture[1][bone.window] * solid.image[bone.window])


def _add_walls(brush: Brush, hip: Hip) -> None:
    """The socket's walls seen through the head: posterior rim the more lateral, anterior the more medial."""
    landmarks, parts = hip.landmarks, hip.structures
    medial = np.concatenate([landmarks[[46, 45]], parts["teardrop_wall"][4::-1], landmarks[[59]]])
    roof = landmarks[[74, 73, 72, 71]] - [0.0, 16.0]  # behind the roof the walls run on into the ilium
    posterior = np.concatenate([landmarks[40:45], medial, roof])
    brush.area("posterior_wall", posterior, 5.0, 14.0)
    anterior = np.concatenate([parts["anterior_wall"], parts["teardrop_wall"][4::-1], landmarks[[59]], roof[:3]])
    brush.area("anterior_wall", anterior, 5.0, 14.0)
    brush.line("wall_edges", landmarks[40:45], 2.2)
    brush.line("wall_edges", parts["anterior_wall"], 2.2)


def add_joint_space(brush: Brush, hip: Hip) -> None:
    """Cartilage between the curves: a dip of a few percent."""
    curves = spline_curves(hip.landmarks)
    head = curves.femoral_head
    centre = head_circle(hip.landmarks).centre
    fan = np.concatenate([curves.sourcil, [centre]])
    gap = brush.canvas.shadow(fan, reach_mm=3.0, pitch_mm=FINE_MM)
    bone = brush.canvas.shadow(head, reach_mm=3.0, pitch_mm=FINE_MM)
    mask = brush.canvas.blank(brush.canvas.grid)
    mask.add(gap, gap.fill(brush.edge_mm))
    mask.image[bone.window] *= 1 - bone.fill(brush.edge_mm)
    brush.canvas.add(gap, brush.amount("joint_space") * mask.image[gap.window])


def add_midline(brush: Brush, skeleton: Skeleton) -> None:
    """Sacrum with its foramina, coccyx, and the lower lumbar vertebrae."""
    _add_sacrum(brush, skeleton)
    add_vertebrae(brush, skeleton)


def _add_sacrum(brush: Brush, skeleton: Skeleton) -> None:
    parts = skeleton.midline
    brush.area("sacrum", _smooth(parts["sacrum"]), 7.0, 18.0)
    brush.area("sacrum", _smooth(parts["coccyx"]), 3.0, 5.0, 0.5)
    axis = parts["sacrum"][0], parts["coccyx"].mean(axis=0)
    tilt = np.rad2deg(np.arctan2(axis[1][0] - axis[0][0], axis[1][1] - axis[0][1]))
    for side in (1.0, -1.0):
        for spot in SACRAL_FORAMINA * [side, 1.0] * skeleton.scale:
            centre = rotate((spot + axis[0] - [0, -136 * skeleton.scale])[None], axis[0], -tilt)[0]
            shadow = brush.canvas.shadow(_oval(centre, 4.0, 3.0), reach_mm=4.0)
            brush.canvas.add(shadow, brush.amount("sacrum") * np.float32(-0.35) * shadow.fill(4.0))


def add_vertebrae(brush: Brush, skeleton: Skeleton) -> None:
    """The lower lumbar vertebrae."""
    parts = skeleton.midline
    for level in ("5", "4", "3"):
        body = parts[f"vertebra_{level}"]
        brush.area("spine", _smooth(body), 2.5, 10.0)
        brush.line("spine", body[:7], 2.5, 0.25)
        brush.line("spine", body[7:14], 2.5, 0.25)
        process = parts[f"process_{level}"]
        mirrored = np.stack([2 * body[0, 0] - process[:, 0], process[:, 1]], axis=1)
        for outline in (process, mirrored):
            brush.area("spine", outline, 3.0, 5.0, 0.45)
        brush.area("spine", _smooth(parts[f"spinous_{level}"]), 2.0, 3.0, 0.5)


def _oval(centre: Points, half_width: float, half_height: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return centre + np.stack([half_width * np.cos(angle), half_height * np.sin(angle)], axis=1)
