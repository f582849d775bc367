"""Five labels of one hip joint, as the study of single-joint radiographs draws them, from a phantom's outlines.

L1 femoral head, medullary cavity and greater trochanter; L2 inferior neck, diaphyseal cortex and lesser trochanter; L3
Koehler's teardrop; L4 the region between head, teardrop and acetabulum; L5 pelvic bone.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import centripetal_spline, spline_curves
from hipseg.labels.label_map import fill
from hipseg.labels.landmarks import SOURCIL_MEDIAL, Points
from hipseg.phantom.bone_shadows import whole_femur
from hipseg.phantom.canvas import Canvas
from hipseg.phantom.skeleton import Hip

FIVE_LABELS: Final = ("background", "head_and_medulla", "cortex_and_neck", "teardrop", "medial_space", "pelvis")
_HEAD, _CORTEX, _TEARDROP, _SPACE, _PELVIS = range(1, 6)
_CORTEX_MM: Final = 6.5  # as thick as its shadow
_TEARDROP_TOP: Final = 0.35  # of the head's radius above its centre; higher up its walls are those of the socket


def draw_five_labels(hip: Hip, grid: Grid) -> NDArray[np.uint8]:
    """The label map (rows, columns) of one hip on a part of its film.

    Where labels meet, the femur lies over the teardrop, that over the medial space, and that over the pelvis.

    Args:
        hip: Its outlines, in film millimetres.
        grid: Where the image lies on the film.
    """
    labels = np.zeros(grid.shape, dtype=np.uint8)
    circle = head_circle(hip.landmarks)
    for outline in _pelvic_outlines(hip):
        labels[_filled(outline, grid)] = _PELVIS
    hole = centripetal_spline(_closed(hip.landmarks[60:67]), 6)
    labels[_filled(hole, grid)] = 0
    labels[_filled(_medial_space(hip), grid)] = _SPACE
    low = grid.y_mm()[:, None] > circle.y - _TEARDROP_TOP * circle.radius
    labels[_filled(hip.structures["teardrop_wall"], grid) & low] = _TEARDROP
    femur = _filled(whole_femur(hip, grid.origin_mm[1] + grid.size_mm[1]), grid)
    labels[femur] = _HEAD
    labels[femur & _cortex(hip, grid)] = _CORTEX
    return labels


def _filled(outline: Points, grid: Grid) -> NDArray[np.bool_]:
    """Pixels whose centre lies in a closed outline of film millimetres."""
    return fill(grid.shape, grid.to_pixels(outline)[:, ::-1])


def _closed(points: Points) -> Points:
    return np.concatenate([points, points[:1]])


def _pelvic_outlines(hip: Hip) -> list[Points]:
    """Ilium, the bone above the roof, ischium with pubis, and the socket's walls behind the head."""
    landmarks, parts = hip.landmarks, hip.structures
    wing = np.concatenate([landmarks[[69, 68, 67]], parts["wing"][1:]])
    column = parts["column"]
    sourcil = spline_curves(landmarks).sourcil[::-1]
    above = np.concatenate([landmarks[[69, 68, 67]], column[1:10], column[11:14], sourcil])
    inner = 0.28 * (landmarks[61] - landmarks[44])
    behind = np.stack(
        [
            landmarks[59] + 0.35 * (landmarks[44] - landmarks[59]) + inner,
            landmarks[44] + 0.3 * (landmarks[59] - landmarks[44]) + inner,
        ]
    )
    ischium_and_pubis = np.concatenate([landmarks[44:60], behind])
    medial = np.concatenate([landmarks[[46, 45]], parts["teardrop_wall"][4::-1], landmarks[[59]]])
    socket = np.concatenate([landmarks[40:45], medial, landmarks[[74, 73, 72, 71]] - [0.0, 16.0]])
    return [centripetal_spline(_closed(outline), 6) for outline in (wing, ischium_and_pubis)] + [above, socket]


def _medial_space(hip: Hip) -> Points:
    """From the sourcil down along the teardrop's lateral wall, and back under and through the head."""
    circle = head_circle(hip.landmarks)
    sourcil = spline_curves(hip.landmarks).sourcil
    wall = hip.structures["teardrop_wall"]
    lateral = wall[: int(np.argmax(wall[:, 1])) + 1]
    lateral = lateral[lateral[:, 1] > hip.landmarks[SOURCIL_MEDIAL, 1]]
    # Below, it ends where the head does.
    under = np.array([[circle.x, circle.y + circle.radius]])
    return np.concatenate([sourcil, lateral, under, [circle.centre]])


def _cortex(hip: Hip, grid: Grid) -> NDArray[np.bool_]:
    """The shaft's walls, the neck's lower edge, and the lesser trochanter."""
    landmarks, canvas = hip.landmarks, Canvas.blank(grid)
    found = np.zeros(grid.shape, dtype=bool)
    below = landmarks[34, 1]
    lateral, medial = (hip.structures[f"shaft_{name}"] for name in ("lateral", "medial"))
    outer = np.concatenate([landmarks[1::-1], lateral[lateral[:, 1] > landmarks[0, 1] + 4.0]])
    inner = np.concatenate([landmarks[27:35], medial[medial[:, 1] > below + 4.0]])
    for line in (outer[outer[:, 1] > landmarks[31:34, 1].mean()], inner):
        if len(line) > 1:
            shadow = canvas.shadow(line, reach_mm=_CORTEX_MM + 1, closed=False, pitch_mm=1.0)
            found[shadow.window] |= shadow.distance_mm < _CORTEX_MM
    knob = np.concatenate([landmarks[30:35], [landmarks[31:34].mean(axis=0) + (landmarks[1] - landmarks[33]) * 0.25]])
    return found | _filled(knob, grid)
