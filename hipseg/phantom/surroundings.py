"""What lies on real films beside the body: scales, letters, text, clothes, metal, and boxes that were blacked out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.phantom.canvas import Canvas, ramp
from hipseg.phantom.glyphs import digit_strokes, marker_strokes
from hipseg.phantom.preset import Surroundings
from hipseg.phantom.skeleton import Hip, Skeleton, rotate

Image = NDArray[np.float32]

_BALL_MM: Final = 25.0
_TURN: Final = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_RING: Final = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def add_surroundings(
    values: Image, grid: Grid, skeleton: Skeleton, wanted: Surroundings, rng: np.random.Generator
) -> None:
    """Draw onto a film's grey values what a preset wants on some of its films.

    Args:
        values: (rows, columns) in [0, 1], changed.
        grid: Its pixels.
        skeleton: Where the body lies.
        wanted: How often each thing is there.
        rng: Decides.
    """
    canvas = Canvas(grid, values)
    chance = rng.random(8)
    width, height = grid.size_mm
    for side in SIDES:
        if rng.random() < wanted.hardware:
            _add_hardware(canvas, skeleton.hips[side], side, skeleton.scale, rng)
    if chance[0] < wanted.ball:
        at = np.add(skeleton.centre_mm, (rng.normal(0, 90), rng.uniform(60, 220)))
        at = np.clip(at, _BALL_MM, np.array([width, height]) - _BALL_MM)
        _add(canvas, _BALL_MM / 2 * skeleton.scale * _RING + at, rng.uniform(0.85, 1.0), 0.8)
    if chance[1] < wanted.zipper:
        _add_zipper(canvas, np.asarray(skeleton.centre_mm), rng)
    for _ in range(int(rng.integers(wanted.clips[0], wanted.clips[1] + 1))):
        _add_clip(canvas, rng.uniform(0, 1, 2) * [width, height], rng)
    if chance[2] < wanted.letter:
        _add_letter(canvas, rng)
    if chance[3] < wanted.ruler:
        _add_ruler(canvas, rng)
    if chance[4] < wanted.text:
        _add_text(canvas, rng)
    if chance[5] < wanted.boxes:
        _black_out(values, grid, rng)


def _add(canvas: Canvas, outline: Points, level: float, edge_mm: float) -> None:
    """An opaque area that is so bright."""
    shadow = canvas.shadow(outline, reach_mm=1.0, pitch_mm=1.0)
    part = canvas.image[shadow.window]
    part += shadow.fill(edge_mm) * np.maximum(np.float32(level) - part, 0)


def _add_line(canvas: Canvas, points: Points, width_mm: float, level: float) -> None:
    """An opaque stroke that is so bright; one darker than what is there is drawn all the same if below 0.5."""
    shadow = canvas.shadow(points, reach_mm=width_mm, closed=False, pitch_mm=max(0.3, min(1.0, width_mm / 3)))
    ink = ramp((np.float32(width_mm / 2) - shadow.distance_mm) / np.float32(0.5) + np.float32(0.5))
    part = canvas.image[shadow.window]
    part += ink * (np.float32(level) - part if level < 0.5 else np.maximum(np.float32(level) - part, 0))


def _add_letter(canvas: Canvas, rng: np.random.Generator) -> None:
    """A large R or L of lead over soft tissue, with or without a ring around it."""
    width, height = canvas.grid.size_mm
    side: Side = "right" if rng.random() < 0.7 else "left"
    x = float(rng.uniform(0.05, 0.3)) * width
    at = np.array([x if side == "right" else width - x, rng.uniform(0.0, 0.6) * height])
    size, level = float(rng.uniform(14, 46)), float(rng.uniform(0.8, 1.0))
    for stroke in marker_strokes(side):
        _add_line(canvas, rotate(stroke * size, np.zeros(2), float(rng.normal(0, 4))) + at, 0.2 * size, level)
    if rng.random() < 0.3:
        ring = np.concatenate([_RING, _RING[:1]])
        _add_line(canvas, 0.95 * size * ring + at, 0.08 * size, level)


def _add_ruler(canvas: Canvas, rng: np.random.Generator) -> None:
    """A scale with ticks and figures along an edge, a little turned, dark on grey or bright on nothing."""
    grid = canvas.grid
    width, height = grid.size_mm
    breadth, inset = float(rng.uniform(10, 34)), float(rng.uniform(-8, 30))
    left, x, tilt = rng.random() < 0.7, grid.x_mm()[None, :], np.deg2rad(rng.normal(0, 1.2))
    across = (x if left else width - x) - inset + tilt * grid.y_mm()[:, None]
    band = rng.random() < 0.75
    if band:
        level, step = np.float32(rng.uniform(0.3, 1.0)), np.float32(0.7 * grid.spacing_mm)
        there = ramp((across / step).astype(np.float32)) * ramp(((breadth - across) / step).astype(np.float32))
        canvas.image += there * np.maximum(level - canvas.image, 0)
    ink, every = (float(rng.uniform(0, 0.3)), 10.0) if band else (float(rng.uniform(0.7, 1.0)), 5.0)
    edge_first, thick = rng.random() < 0.5, float(rng.uniform(0.6, 2.2))

    def at(depth: float, y: float) -> list[float]:
        place = depth + inset - tilt * y
        return [place if left else width - place, y]

    for number, y in enumerate(np.arange(float(rng.uniform(0, every)), height, every)):
        long = 0.45 if number % 10 == 0 else 0.3 if number % 5 == 0 else 0.18
        ends = (0.0, long * breadth) if edge_first else ((1 - long) * breadth, breadth)
        _add_line(canvas, np.array([at(end, y) for end in ends]), thick, ink)
        if number % 10 == 5:
            size = 0.4 * breadth
            for stroke in digit_strokes(int(rng.integers(10))):
                _add_line(canvas, stroke * size + at(0.6 * breadth, y), 0.14 * size, ink)


def _add_text(canvas: Canvas, rng: np.random.Generator) -> None:
    """Lines of figures in a corner."""
    width, height = canvas.grid.size_mm
    size = float(rng.uniform(4, 9))
    x = float(rng.uniform(4, 20)) if rng.random() < 0.5 else width - float(rng.uniform(40, 80))
    y = float(rng.uniform(6, 20)) if rng.random() < 0.5 else height - float(rng.uniform(12, 40))
    for line in range(int(rng.integers(1, 4))):
        for column in range(int(rng.integers(3, 11))):
            at = np.array([x + 0.75 * size * column, y + 1.4 * size * line])
            for stroke in digit_strokes(int(rng.integers(10))):
                _add_line(canvas, stroke * size + at, 0.13 * size, float(rng.uniform(0.85, 1.0)))


def _add_zipper(canvas: Canvas, centre: Points, rng: np.random.Generator) -> None:
    """Two rows of small teeth below the symphysis, and the slider."""
    x, y = np.add(centre, (rng.normal(0, 12), rng.uniform(-20, 60)))
    tilt, level = np.deg2rad(rng.normal(0, 5)), float(rng.uniform(0.8, 1.0))
    for tooth in range(int(rng.integers(15, 50))):
        side = 1.6 if tooth % 2 else -1.6
        at = np.array([x + side + tilt * 2.4 * tooth, y + 2.4 * tooth])
        _add_line(canvas, at + np.array([(-1.3, 0), (1.3, 0)]), 1.4, level)
    slider = np.array([(x - 3, y - 4), (x + 3, y - 4), (x + 4, y + 5), (x - 4, y + 5)])
    _add(canvas, slider, level, 0.5)


def _add_clip(canvas: Canvas, at: Points, rng: np.random.Generator) -> None:
    """A button, ring, pin or tag."""
    size, level, kind = float(rng.uniform(2, 11)), float(rng.uniform(0.7, 1.0)), int(rng.integers(4))
    angle = float(rng.uniform(0, 180))
    if kind == 0:
        _add(canvas, 0.6 * size * _RING + at, level, 0.5)
    elif kind == 1:
        _add_line(canvas, size * np.concatenate([_RING, _RING[:1]]) + at, 1.2, level)
    elif kind == 2:
        _add_line(canvas, rotate(np.array([(-1.5 * size, 0), (1.5 * size, 0)]), np.zeros(2), angle) + at, 1.5, level)
    else:
        corners = np.array([(-1.5, -0.6), (1.5, -0.6), (1.5, 0.6), (-1.5, 0.6)]) * size
        _add(canvas, rotate(corners, np.zeros(2), angle) + at, level, 0.5)


def _black_out(values: Image, grid: Grid, rng: np.random.Generator) -> None:
    """Steps that hide names in corners and along an edge."""
    rows, columns = values.shape
    for _ in range(int(rng.integers(1, 4))):
        down, across = (rng.uniform(5, 70, 2) * [1, 2.5] / grid.spacing_mm).astype(int)
        vertical = slice(0, down) if rng.random() < 0.75 else slice(max(rows - down, 0), rows)
        horizontal = slice(0, across) if rng.random() < 0.5 else slice(max(columns - across, 0), columns)
        values[vertical, horizontal] = 0.0


def _add_hardware(canvas: Canvas, hip: Hip, side: Side, scale: float, rng: np.random.Generator) -> None:
    """Screws through the neck, a nail, or a plate along the shaft, beside a sound joint."""
    landmarks, level = hip.landmarks, float(rng.uniform(0.92, 1.0))
    head = head_circle(landmarks)
    lateral = np.array([1.0 if side == "left" else -1.0, 0.0])
    shaft = (hip.structures["shaft_lateral"][:4] + hip.structures["shaft_medial"][:4]) / 2
    outer = hip.structures["shaft_lateral"][:4]
    neck = landmarks[13:16].mean(axis=0) / 2 + landmarks[28:30].mean(axis=0) / 2
    along = (neck - head.centre) / np.linalg.norm(neck - head.centre)
    across = np.array([-along[1], along[0]])
    tip, entry = head.centre + 0.25 * head.radius * along, head.centre + along * 88 * scale
    kind = int(rng.integers(3))
    if kind == 0:
        for offset in rng.permutation([-9.0, 0.0, 9.0])[: int(rng.integers(2, 4))]:
            ends = np.array([tip, entry]) + offset * scale * across
            _add_line(canvas, ends, 4.5 * scale, level)
            _add_line(canvas, np.array([ends[0], ends[0] + 16 * scale * along]), 6.5 * scale, level)
        return
    _add_line(canvas, np.array([tip, entry]), 9.0 * scale, level)
    if kind == 1:
        top = (landmarks[5:9].mean(axis=0) + shaft[0]) / 2
        _add_line(canvas, np.concatenate([top[None], shaft]), 11.0 * scale, level)
        return
    plate = np.concatenate([entry[None], outer]) + 2.5 * scale * lateral
    _add_line(canvas, plate, 6.0 * scale, level)
    for place in outer[1:]:
        _add_line(canvas, np.array([place, place - 38 * scale * lateral]), 4.5 * scale, level)
