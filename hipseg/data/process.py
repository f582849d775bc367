"""One film from its file to what the store holds, in worker processes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.data.chunks import encode_chunk
from hipseg.data.cohorts import FilmFile
from hipseg.data.exclusions import NOT_LOCATED, Exclusion
from hipseg.data.settings import Settings
from hipseg.data.usable import find_fault
from hipseg.data.views import NotLocated, no_region, prepare_whole, region_around
from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.io.dicom import Film, file_sha256, read_film
from hipseg.io.limits import Limits
from hipseg.io.spacing import Spacing
from hipseg.labels.curves import CurveFunction
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, SIDES, Points, Side, hip_landmarks
from hipseg.labels.points_file import read_points
from hipseg.transforms.film import View
from hipseg.transforms.intensity import to_uint16
from hipseg.transforms.polarity import Polarity

DECODER_CRASHED: Final = "the process that read it broke down; its pixel data are damaged or an attack"


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
        chunk: The label map as the store writes it, if it is encoded already.
    """

    side: Side
    label: NDArray[np.uint8]
    landmarks: Points
    reason: str
    detail: str
    chunk: bytes | None = None


@dataclass(frozen=True)
class StoredView:
    """An image that the store keeps, as `View`, and perhaps its chunk as the store writes it."""

    grid: Grid
    image: NDArray[np.uint16]
    quantiles: NDArray[np.float32]
    chunk: bytes | None = None


@dataclass(frozen=True)
class Processed:
    """What the store keeps of a film: its own shape and spacing, and one view of all of it or one of each hip.

    Its image and landmarks are turned as a person is viewed; `flipped` says whether the file's columns and rows run the
    other way.
    """

    file: FilmFile
    shape: tuple[int, int]
    spacing: Spacing
    sha256: str
    views: tuple[StoredView, ...]
    hips: tuple[Hip, ...]
    polarity: Polarity
    points_sha256: str
    pixels_sha256: str = ""
    flipped: tuple[bool, bool] = (False, False)
    magnification: float = float("nan")


@dataclass(frozen=True)
class Unchanged:
    """A film whose bytes are as they were when it was stored."""

    file: FilmFile


Outcome = Processed | Unchanged | Exclusion


def _draw_hip(landmarks_mm: Points, side: Side, fault: tuple[str, str], grid: Grid, curves: CurveFunction) -> Hip:
    """One side's landmarks and label map on a grid, empty if the hip can't be used."""
    landmarks = grid.to_pixels(landmarks_mm)
    if fault[0]:
        return Hip(side, np.zeros(grid.shape, dtype=np.uint8), np.full_like(landmarks, np.nan), *fault)
    label = draw_label_map(landmarks, grid.shape, curves)
    return Hip(side, label, landmarks, "", "", encode_chunk(label))


def crashed(task: Task) -> Outcome:
    """What becomes of a film that brings down the process that reads it."""
    return Exclusion(task.film.name, "", "decoder_crashed", DECODER_CRASHED)


def process(task: Task) -> Outcome:
    """Process one film; what is wrong with it comes back as an exclusion."""
    try:
        if task.known_sha256 and task.film.points.is_file():
            found = file_sha256(task.film.path), _points_sha256(task.film)
            if found == (task.known_sha256, task.known_points_sha256):
                return Unchanged(task.film)
        return _process(task.film, task.settings)
    except Excluded as excluded:
        return Exclusion(task.film.name, "", excluded.reason, excluded.detail)
    except OSError as error:
        return Exclusion(task.film.name, "", "unreadable", f"the file can't be opened ({error.strerror})")
    except MemoryError:
        return Exclusion(task.film.name, "", "too_many_pixels", "it takes more memory than there is")


def _process(file: FilmFile, settings: Settings) -> Processed:
    film = read_film(file.path, settings.modalities, settings.limits, file.calibration)
    landmarks = read_landmarks(file, film, settings.limits)
    prepared = prepare_whole(film, settings)
    faults = {side: find_fault(landmarks[side], side, film.grid, prepared, settings.plausible) for side in SIDES}
    found: list[View] = [prepared]
    if settings.region == "joint":
        heads = settings.locator.find(prepared) if settings.locator else {}
        film_pixels, found = prepared.correct(film.pixels), []
        for side in SIDES:
            view = None
            if not faults[side][0]:
                try:
                    view = region_around(film_pixels, film, side, heads.get(side), landmarks[side], settings)
                except NotLocated as why:
                    faults[side] = NOT_LOCATED, str(why)
            # A hip that can't be used keeps its place in the store, without an image.
            found.append(view or no_region(film.grid, settings))
    images = [to_uint16(view.image, settings.intensity_bits) for view in found]
    # Encoded here, by many processes, and not by the one that writes.
    views = tuple(
        StoredView(view.grid, image, view.quantiles, encode_chunk(image))
        for view, image in zip(found, images, strict=True)
    )
    # Both hips lie in the one view of a film, or each in its own.
    hips = tuple(
        _draw_hip(landmarks[side], side, faults[side], view.grid, settings.curves)
        for side, view in zip(SIDES, views * (len(SIDES) // len(views)), strict=True)
    )
    return Processed(
        file, film.grid.shape, film.spacing, film.sha256, views, hips, prepared.polarity, _points_sha256(file),
        film.pixels_sha256, film.flipped, film.magnification,
    )  # fmt: skip


def _points_sha256(file: FilmFile) -> str:
    """Of a film's points files, and of what else decides where its landmarks lie."""
    parts = [file_sha256(path) if path.is_file() else "" for path in (file.points, file.left_points) if path]
    if len(parts) == 1 and file.calibration == 1.0:
        return parts[0]
    return hashlib.sha256(f"{parts} {file.calibration!r}".encode()).hexdigest()


def read_landmarks(file: FilmFile, film: Film, limits: Limits) -> dict[Side, Points]:
    """(80, 2) of each hip in the millimetres of the film as it is viewed; NaN for a hip without its points file.

    Raises:
        Excluded: If no points file can be read.
    """
    most = limits.points_kb * 1000
    if file.left_points is None:
        points = film.turned(read_points(file.points, most_bytes=most))
        landmarks = {side: hip_landmarks(points, side) for side in SIDES}
        # A program that marks hips by where they lie on the image takes a mirrored film's for each other.
        right, left = (float(np.mean(landmarks[side][:, 0])) for side in SIDES)
        if film.flipped[0] and right > left:
            landmarks = {"right": landmarks["left"], "left": landmarks["right"]}
        return landmarks
    landmarks, missing = {}, None
    for side, path in zip(SIDES, (file.points, file.left_points), strict=True):
        try:
            landmarks[side] = film.turned(read_points(path, LANDMARKS_PER_HIP, most))
        except Excluded as excluded:
            if excluded.reason != "points_missing":
                raise
            landmarks[side], missing = np.full((LANDMARKS_PER_HIP, 2), np.nan), excluded
    if missing is not None and all(np.isnan(points).all() for points in landmarks.values()):
        raise missing
    return landmarks
