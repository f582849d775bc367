"""From a subject in a pose to the grey values of one film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import Points, Side
from hipseg.phantom.arthritis_shadows import DiseasedHips
from hipseg.phantom.bone_shadows import Brush, paint_bones
from hipseg.phantom.canvas import Canvas, ramp
from hipseg.phantom.glyphs import marker_strokes
from hipseg.phantom.preset import Surroundings
from hipseg.phantom.skeleton import Skeleton
from hipseg.phantom.soft_shadows import add_belly, add_body, add_bowel, add_muscles, add_skin_folds
from hipseg.phantom.subject import Beam, Subject
from hipseg.phantom.surroundings import add_surroundings
from hipseg.phantom.textures import spectral_noise, trabeculae
from hipseg.transforms.resample import resample

CANVAS_MM: Final = 0.4
_TEXTURE_MM: Final = 0.7
_FIELD_MM: Final = 8.0
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Exposed:
    """One film's content before it is stored.

    Attributes:
        values: (rows, columns) float32 in [0, 1]; bone bright.
        skeleton: The truth, in film millimetres.
        diseased: What osteoarthritis has made of the hips; None if there is none.
    """

    values: Image
    skeleton: Skeleton
    diseased: DiseasedHips | None = None


def _texture(rng: np.random.Generator, canvas: Canvas, skeleton: Skeleton, angle_deg: float) -> Image:
    """The subject's trabeculae, laid over the canvas so that they move with the body."""
    body = Grid.centred((800, 800), _TEXTURE_MM * skeleton.scale, skeleton.centre_mm)
    return resample(trabeculae(rng, body, angle_deg), body, canvas.grid)


def _draw_shadow(
    subject: Subject,
    skeleton: Skeleton,
    beam: Beam,
    rng: np.random.Generator,
    canvas: Canvas,
    paint: Callable[[Brush, Skeleton], None],
) -> None:
    own = np.random.default_rng([subject.seed, 2])
    amplitude = np.float32(beam.trabeculae)
    streaks = [amplitude * _texture(own, canvas, skeleton, angle) for angle in (62.0, 118.0, 85.0)]
    add_body(canvas, subject, skeleton)
    middle = int(np.clip(canvas.grid.to_pixels(np.asarray(skeleton.centre_mm))[0], 0, canvas.grid.shape[1]))
    femoral = np.concatenate([streaks[0][:, :middle], streaks[1][:, middle:]], axis=1)
    brush = Brush(canvas, subject.contrast, subject.edge_mm, subject.sourcil, (femoral, streaks[2]))
    add_muscles(brush, skeleton)
    paint(brush, skeleton)
    add_bowel(rng, canvas, skeleton, beam)
    add_skin_folds(rng, canvas, skeleton, beam)


def _expose(canvas: Canvas, beam: Beam, rng: np.random.Generator) -> Image:
    """Soft-tissue texture, a slow field, gamma and unsharpness."""
    grid = canvas.grid
    size = tuple(int(np.ceil(n * grid.spacing_mm / _FIELD_MM)) + 2 for n in grid.shape)
    slow = Grid((size[0], size[1]), _FIELD_MM, grid.origin_mm)
    field = resample(spectral_noise(rng, slow, 2.0, (120.0, 700.0)), slow, grid)
    thickness = np.clip(canvas.image, 0, 1)
    grain = spectral_noise(rng, grid, 3.3, (0.9, 60.0))
    image = canvas.image + np.float32(beam.texture) * grain * ramp(thickness * 4)
    image = np.clip(image * (1 + np.float32(beam.field) * field), 0, None)
    image = np.where(image < 1, np.maximum(image, 1e-6) ** np.float32(beam.gamma), image).astype(np.float32)
    return gaussian_filter(image, beam.blur_mm / grid.spacing_mm, truncate=3.0)


def _collimate(values: Image, grid: Grid, rng: np.random.Generator) -> None:
    """Black out what four slightly turned shutters cover."""
    width, height = grid.size_mm
    x, y = grid.x_mm().astype(np.float32)[None, :], grid.y_mm().astype(np.float32)[:, None]
    tilt = np.float32(np.deg2rad(rng.normal(0, 0.6)))
    for along, across, length in ((x, y, width), (y, x, height)):
        low, high = (np.float32(rng.uniform(0, 0.045) * length) for _ in range(2))
        lower, upper = low + tilt * across, np.float32(length) - high + tilt * across
        values[(along < lower) | (along > upper)] = 0.0


def _mark(values: Image, grid: Grid, side: Side, rng: np.random.Generator) -> None:
    """A lead R or L in an upper corner, right side on the image's left."""
    width, height = grid.size_mm
    x = float(rng.uniform(0.06, 0.13)) * width
    at = np.array([x if side == "right" else width - x, height * rng.uniform(0.07, 0.25)])
    canvas = Canvas(grid, values)
    size = float(rng.uniform(11, 17))
    for stroke in marker_strokes(side):
        shadow = canvas.shadow(stroke * size + at, reach_mm=3.0, closed=False, pitch_mm=1.0)
        lead = ramp((np.float32(0.09 * size) - shadow.distance_mm) / np.float32(0.5) + np.float32(0.5))
        values[shadow.window] = np.maximum(values[shadow.window], lead)


def _implant(values: Image, grid: Grid, skeleton: Skeleton, side: Side) -> None:
    """A total hip prosthesis: cup, ball, neck and stem, all white."""
    hip = skeleton.hips[side]
    circle = head_circle(hip.landmarks)
    canvas = Canvas(grid, values)
    shaft = (hip.structures["shaft_lateral"][:3] + hip.structures["shaft_medial"][:3]) / 2
    neck = circle.centre + 0.55 * (hip.landmarks[13:16].mean(axis=0) - circle.centre)
    spread = np.array([[-9.0, 0.0], [-8.0, 0.0], [-5.0, 0.0]])
    under = neck + np.array([6.0, 8.0])
    stem = np.concatenate([[circle.centre, neck], shaft + spread, (shaft - spread)[::-1], [under]])
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ball = circle.centre + 0.98 * circle.radius * ring
    for outline in (stem, ball):
        shadow = canvas.shadow(outline, reach_mm=1.0)
        values[shadow.window] = np.maximum(values[shadow.window], np.float32(0.985) * shadow.fill(0.8))


def expose_film(
    subject: Subject,
    skeleton: Skeleton,
    beam: Beam,
    grid: Grid,
    rng: np.random.Generator,
    prosthesis: Side | None = None,
    surroundings: Surroundings | None = None,
    paint: Callable[[Brush, Skeleton], None] = paint_bones,
) -> Exposed:
    """Draw one film.

    Args:
        subject: Whose body; contrasts and trabeculae are the subject's.
        skeleton: Where its bones lie on this film.
        beam: The exposure.
        grid: The film's own pixels.
        rng: For what belongs to this exposure alone: noise, gas, folds, shutters, marker.
        prosthesis: The side with a hip prosthesis.
        surroundings: How often there is what else may lie on a film; nothing if None.
        paint: What adds the bones' shadows.
    """
    width, height = grid.size_mm
    margin = 8
    shape = (int(np.ceil(height / CANVAS_MM)) + 2 * margin, int(np.ceil(width / CANVAS_MM)) + 2 * margin)
    canvas = Canvas.blank(Grid(shape, CANVAS_MM, (-margin * CANVAS_MM, -margin * CANVAS_MM)))
    _draw_shadow(subject, skeleton, beam, rng, canvas, paint)
    if surroundings is not None and rng.random() < surroundings.belly:
        add_belly(rng, canvas, skeleton)
    values = resample(_expose(canvas, beam, rng), canvas.grid, grid)
    if prosthesis is not None:
        _implant(values, grid, skeleton, prosthesis)
    noise = rng.standard_normal(grid.shape, dtype=np.float32)
    # As many quanta for every mm2: the finer the pixel, the noisier.
    noise *= np.float32(beam.noise * 0.15 / grid.spacing_mm) * (np.float32(0.35) + np.float32(0.65) * values)
    values += noise
    np.clip(values, 0, 1, out=values)
    if beam.collimated:
        _collimate(values, grid, rng)
    if beam.marker:
        _mark(values, grid, "right" if rng.random() < 0.75 else "left", rng)
    if surroundings is not None:
        add_surroundings(values, grid, skeleton, surroundings, rng)
    return Exposed(values, skeleton)


def inside(points_mm: Points, grid: Grid) -> bool:
    """Whether all points lie on the film."""
    width, height = grid.size_mm
    return bool(((points_mm >= 0) & (points_mm <= [width, height])).all())
