"""One film from its file to what the store holds: SPEC's steps, one function each, run in worker processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.cohorts import FilmFile
from hipseg.data.exclusions import Exclusion
from hipseg.errors import Excluded
from hipseg.grid import Grid
from hipseg.io.dicom import Film, file_sha256, read_film
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import CurveFunction
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, SIDES, Points, Side, hip_landmarks
from hipseg.labels.points_file import read_points
from hipseg.transforms.film import PreparedFilm, prepare_film
from hipseg.transforms.implant import shows_metal
from hipseg.transforms.intensity import to_uint16
from hipseg.transforms.polarity import Polarity

_NOT_PLACED: Final = 1e-6


@dataclass(frozen=True)
class Settings:
    """What decides the content of a store; kept in it, and a store is never continued with others.

    Attributes:
        rows: Of the stored grid.
        columns: Of the stored grid.
        spacing_mm: Of the stored grid.
        percentiles: Between which the grey values are clipped.
        intensity_bits: Precision of the stored grey values.
        modalities: DICOM modalities that are radiographs.
        curves: How head and sourcil run between their landmarks.
    """

    rows: int
    columns: int
    spacing_mm: float
    percentiles: tuple[float, float]
    intensity_bits: int
    modalities: tuple[str, ...]
    curves: CurveFunction


@dataclass(frozen=True)
class Task:
    """A film to process.

    Attributes:
        film: Its file.
        settings: How.
        known_sha256: Of the file when it was stored before, or empty.
        known_points_sha256: Of its points file, likewise.
    """

    film: FilmFile
    settings: Settings
    known_sha256: str
    known_points_sha256: str


@dataclass(frozen=True)
class Hip:
    """One side of a processed film; `reason` is empty if it can be used.

    Attributes:
        side: Right or left.
        label: (rows, columns) uint8, all background if it can't be used.
        landmarks: (80, 2) in pixel-centre coordinates of the stored image, NaN if it can't be used.
        reason: Reason code of its exclusion.
        detail: The reason in a sentence.
    """

    side: Side
    label: NDArray[np.uint8]
    landmarks: Points
    reason: str
    detail: str


@dataclass(frozen=True)
class Processed:
    """What the store keeps of a film."""

    file: FilmFile
    film: Film
    grid: Grid
    image: NDArray[np.uint16]
    hips: tuple[Hip, ...]
    polarity: Polarity
    points_sha256: str


@dataclass(frozen=True)
class Unchanged:
    """A film whose bytes are as they were when it was stored."""

    file: FilmFile


Outcome = Processed | Unchanged | Exclusion


def prepare_hip(points: Points, side: Side, film: Grid, prepared: PreparedFilm, curves: CurveFunction) -> Hip:
    """One side's landmarks and label map, or why there are none.

    Args:
        points: (160, 2) film millimetres.
        side: Which.
        film: The film's own pixels.
        prepared: The film on the stored grid.
        curves: How head and sourcil run between their landmarks.
    """
    landmarks_mm = hip_landmarks(points, side)
    landmarks = prepared.grid.to_pixels(landmarks_mm)
    reason, detail = "", ""
    if np.isnan(landmarks_mm).any() or (np.abs(landmarks_mm) < _NOT_PLACED).all():
        reason, detail = "side_missing", f"the points file places no landmarks on the {side}"
    elif (outside := ((landmarks_mm < 0) | (landmarks_mm > film.size_mm)).any(axis=1)).any():
        reason, detail = "points_outside", f"{outside.sum()} of {LANDMARKS_PER_HIP} landmarks lie outside the film"
    else:
        try:
            circle = head_circle(landmarks)
        except (ValueError, np.linalg.LinAlgError):
            reason, detail = "side_missing", f"the {side} femoral head's landmarks lie on one spot or line"
        else:
            if shows_metal(prepared.raw[prepared.inside], prepared.raw, circle):
                reason, detail = "implant", "the femoral head is as bright as metal"
    if reason:
        label = np.zeros(prepared.grid.shape, dtype=np.uint8)
        return Hip(side, label, np.full_like(landmarks, np.nan), reason, detail)
    return Hip(side, draw_label_map(landmarks, prepared.grid.shape, curves), landmarks, "", "")


def process(task: Task) -> Outcome:
    """Process one film; what is wrong with it comes back as an exclusion."""
    try:
        if task.known_sha256 and task.film.points.is_file():
            found = file_sha256(task.film.path), file_sha256(task.film.points)
            if found == (task.known_sha256, task.known_points_sha256):
                return Unchanged(task.film)
        return _process(task.film, task.settings)
    except Excluded as excluded:
        return Exclusion(task.film.name, "", excluded.reason, excluded.detail)
    except OSError as error:
        return Exclusion(task.film.name, "", "unreadable", f"the file can't be opened ({error.strerror})")


def _process(file: FilmFile, settings: Settings) -> Processed:
    film = read_film(file.path, settings.modalities)
    points = read_points(file.points)
    shape = settings.rows, settings.columns
    prepared = prepare_film(film.pixels, film.grid, shape, settings.spacing_mm, settings.percentiles)
    hips = tuple(prepare_hip(points, side, film.grid, prepared, settings.curves) for side in SIDES)
    image = to_uint16(prepared.image, settings.intensity_bits)
    return Processed(file, film, prepared.grid, image, hips, prepared.polarity, file_sha256(file.points))
