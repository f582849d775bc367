"""The soft tissue's shadow: body, flanks, thighs, muscle, skin folds and what the bowel holds."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.labels.landmarks import SIDES, Points
from hipseg.phantom.amounts import SOFT_TISSUE
from hipseg.phantom.bone_shadows import Brush
from hipseg.phantom.canvas import Canvas, ramp
from hipseg.phantom.skeleton import Skeleton
from hipseg.phantom.subject import Beam, Subject

# Right half of the body's outline and of the gap between the thighs, in body millimetres.
_TRUNK: Final = np.array(
    [(-150, -420), (-165, -330), (-180, -250), (-196, -180), (-203, -120), (-205, -60), (-206, 0), (-206, 50),
     (-200, 110), (-190, 180), (-178, 260), (-165, 420), (-150, 600), (-125, 1000),
     (-120, 1400)], dtype=np.float64)  # fmt: skip
_GAP: Final = np.array(
    [(0, 84), (-5, 112), (-9, 150), (-13, 200), (-18, 260), (-25, 420), (-35, 600), (-50, 1000), (-55, 1400)],
    dtype=np.float64,
)
_HIP_DEPTH_MM: Final = 150.0
_BELLY_DEPTH_MM: Final = 60.0


def _closed(right: Points) -> Points:
    return np.concatenate([right, right[::-1] * [-1.0, 1.0]])


def add_body(canvas: Canvas, subject: Subject, skeleton: Skeleton) -> None:
    """The thickness of trunk and thighs, thinner over the flanks and towards the skin."""
    size = subject.body_size * skeleton.scale
    centre = np.asarray(skeleton.centre_mm)
    trunk = canvas.shadow(_closed(_TRUNK) * [size, skeleton.scale] + centre, reach_mm=600.0, pitch_mm=4.0)
    gap = canvas.shadow(_closed(_GAP) * [1.0, skeleton.scale] + centre, reach_mm=600.0, pitch_mm=4.0)
    x = ((canvas.grid.x_mm()[None, :] - centre[0]) / size).astype(np.float32)
    y = ((canvas.grid.y_mm()[:, None] - centre[1]) / skeleton.scale).astype(np.float32)
    # A belly is round and soon thick; a hip thickens slowly.
    full_at = np.float32(size) * (_HIP_DEPTH_MM + np.float32(_BELLY_DEPTH_MM - _HIP_DEPTH_MM) * ramp(-(y + 30) / 110))
    depth = np.clip(-trunk.distance_mm / full_at, 0, 1)
    thickness = (1 - (1 - depth) ** 2) ** np.float32(subject.thickness_power)
    between = np.float32(0.27) + np.float32(0.53) * ramp((gap.distance_mm + 6) / 20)
    between += np.float32(0.20) * ramp((gap.distance_mm + 24) / 100)
    body = np.float32(SOFT_TISSUE) * thickness * between
    for side in (-1, 1):
        flank = np.exp(-(((x - side * 115) / 42) ** 2) - ((y + 125) / 70) ** 2)
        body *= 1 - np.float32(0.38) * flank
    canvas.add(trunk, body[trunk.window])


def add_muscles(brush: Brush, skeleton: Skeleton) -> None:
    """Iliopsoas and the gluteal muscles, whose fat planes show as faint edges."""
    scale, centre = skeleton.scale, np.asarray(skeleton.centre_mm)
    psoas = np.array([(-30, -240), (-62, -180), (-88, -110), (-104, -45), (-118, 20), (-120, 58), (-108, 40),
                      (-84, -20), (-62, -80), (-38, -160), (-22, -240)], dtype=np.float64)  # fmt: skip
    gluteus = np.array([(-150, -110), (-172, -60), (-182, -15), (-172, 0), (-150, -30), (-135, -70)], dtype=np.float64)
    thigh = np.array([(-118, 90), (-70, 80), (-55, 150), (-70, 330), (-110, 330)], dtype=np.float64)
    for _, flip in zip(SIDES, (1.0, -1.0), strict=True):
        for outline in (psoas, gluteus, thigh):
            brush.area("muscle", outline * [flip * scale, scale] + centre, 5.0, 20.0)


def add_bowel(rng: np.random.Generator, canvas: Canvas, skeleton: Skeleton, beam: Beam) -> None:
    """Gas as dark bubbles in clusters, and now and then contrast medium as bright lobes."""
    scale, centre = skeleton.scale, np.asarray(skeleton.centre_mm)
    spots = np.array([(-105, -150), (105, -150), (-60, -190), (70, -185), (0, -60), (-25, -85), (30, -95), (10, -30)])
    for _ in range(beam.gas):
        spot = (spots[rng.integers(len(spots))] + rng.normal(0, 16, 2)) * scale + centre
        _blob(rng, canvas, spot, float(rng.uniform(4, 15)), float(-rng.uniform(0.015, 0.07)))
    if beam.contrast_medium:
        for _ in range(int(rng.integers(6, 16))):
            spot = (spots[rng.integers(len(spots))] + rng.normal(0, 18, 2)) * scale + centre
            _blob(rng, canvas, spot, float(rng.uniform(7, 18)), float(rng.uniform(0.1, 0.3)))


def _blob(rng: np.random.Generator, canvas: Canvas, centre: Points, radius: float, amount: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    waves = np.arange(1, 5)[:, None]
    lobes = rng.normal(0, 0.22, (4, 1)) / waves * np.cos(waves * angle + rng.uniform(0, 6.3, (4, 1)))
    wobble = 1 + lobes.sum(axis=0)
    outline = centre + (radius * wobble)[:, None] * np.stack([1.4 * np.cos(angle), np.sin(angle)], axis=1)
    shadow = canvas.shadow(outline, reach_mm=4.0, pitch_mm=2.0)
    canvas.add(
        shadow, np.float32(amount) * shadow.fill(3.0) * (np.float32(0.4) + np.float32(0.6) * shadow.dome(radius))
    )


def add_belly(rng: np.random.Generator, canvas: Canvas, skeleton: Skeleton) -> None:
    """A belly that hangs over the hips: thicker above an arc from flank to flank, with an edge along it."""
    scale, centre = skeleton.scale, np.asarray(skeleton.centre_mm)
    low, sag = rng.uniform(-35, 70), rng.uniform(-30, 50)
    x = np.linspace(-230, 230, 24)
    edge = low + sag * (1 - (x / 230) ** 2) + rng.normal(0, 6) * np.sin(x / rng.uniform(30, 60))
    arc = np.stack([x, edge], axis=1) * scale + centre
    above = np.array([(230, -420), (-230, -420)]) * scale + centre
    shadow = canvas.shadow(np.concatenate([arc, above]), reach_mm=8.0, pitch_mm=2.0)
    height = centre[1] + low * scale - canvas.grid.y_mm()[shadow.window[0]]
    high = ramp(height / (float(rng.uniform(60, 200)) * scale))
    body = ramp(canvas.image[shadow.window] * 4)  # only over the body, not over air
    amount = np.float32(rng.uniform(0.02, 0.16)) * shadow.fill(float(rng.uniform(1.5, 8)))
    canvas.add(shadow, amount * (1 - np.float32(rng.uniform(0, 0.8)) * high[:, None]) * body)
    line = canvas.shadow(arc, reach_mm=14.0, closed=False, pitch_mm=3.0)
    canvas.add(line, np.float32(rng.normal(0, 0.03)) * line.line(float(rng.uniform(3, 9))))


def add_skin_folds(rng: np.random.Generator, canvas: Canvas, skeleton: Skeleton, beam: Beam) -> None:
    """Groin and buttock folds as long soft arcs."""
    scale, centre = skeleton.scale, np.asarray(skeleton.centre_mm)
    for _ in range(beam.skin_folds):
        side = rng.choice([-1.0, 1.0])
        start = np.array([side * rng.uniform(10, 60), rng.uniform(60, 110)])
        end = np.array([side * rng.uniform(120, 200), rng.uniform(-40, 120)])
        middle = (start + end) / 2 + rng.normal(0, 14, 2)
        arc = np.array([start, middle, end]) * scale + centre
        shadow = canvas.shadow(arc, reach_mm=14.0, closed=False, pitch_mm=3.0)
        canvas.add(shadow, np.float32(rng.normal(0, 0.018)) * shadow.line(float(rng.uniform(3, 9))))
