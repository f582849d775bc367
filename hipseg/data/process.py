"""One film from its file to what the store holds, in worker processes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from hipseg.data.chunks import encode_chunk
from hipseg.data.cohorts import FilmFile
from hipseg.data.exclusions import NOT_LOCATED, Exclusion
from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.inference.heads import HeadLocator
from hipseg.io.dicom import Film, file_sha256, read_film
from hipseg.io.limits import UNLIMITED, Limits
from hipseg.io.spacing import Spacing
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import CurveFunction
from hipseg.labels.label_map import draw_label_map
from hipseg.labels.landmarks import LANDMARKS_PER_HIP, SIDES, Points, Side, hip_landmarks
from hipseg.labels.points_file import read_points
from hipseg.measure.landmark_faults import landmark_fault
from hipseg.measure.quality import Plausible
from hipseg.transforms.film import Image, PreparedFilm, View, prepare_film, prepare_region
from hipseg.transforms.implant import shows_metal
from hipseg.transforms.intensity import to_uint16
from hipseg.transforms.polarity import Polarity

Region = Literal["film", "joint"]

DECODER_CRASHED: Final = "the process that read it broke down; its pixel data are damaged or an attack"
_NOT_PLACED: Final = 1e-6
# What a whole film is judged on (polarity, metal, size) where only its joints are stored.
_OVERVIEW_SHAPE: Final = (512, 512)
_OVERVIEW_MM: Final = 0.9


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
        region: `film`, one image a film, its centre the film's; `joint`, one image a hip, its centre the femoral
            head's, grey values clipped and scaled within it.
        locator: Finds the head's centre for `joint` on the image alone; without it the landmarks tell.
        plausible: What landmarks are judged by; without it they are taken as they are.
        limits: Beyond which a file is not read.
    """

    rows: int
    columns: int
    spacing_mm: float
    percentiles: tuple[float, float]
    intensity_bits: int
    modalities: tuple[str, ...]
    curves: CurveFunction
    region: Region = "film"
    locator: HeadLocator | None = None
    plausible: Plausible | None = None
    limits: Limits = UNLIMITED

    @property
    def views(self) -> int:
        """Images a film."""
        return 1 if self.region == "film" else len(SIDES)


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
    """An image that the store keeps, where it lies on its film, and perhaps its chunk as the store writes it."""

    grid: Grid
    image: NDArray[np.uint16]
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


def find_fault(
    landmarks_mm: Points, side: Side, film: Grid, prepared: PreparedFilm, plausible: Plausible | None
) -> tuple[str, str]:
    """Why a hip can't be used, as reason and detail, both empty if it can.

    Args:
        landmarks_mm: (80, 2) film millimetres.
        side: Which.
        film: The film's own pixels.
        prepared: The whole film.
        plausible: What the landmarks are judged by, if they are.
    """
    if np.isnan(landmarks_mm).any() or (np.abs(landmarks_mm) < _NOT_PLACED).all():
        return "side_missing", f"the points file places no landmarks on the {side}"
    if (outside := ((landmarks_mm < 0) | (landmarks_mm > film.size_mm)).any(axis=1)).any():
        pixels = plausible is not None and _look_like_pixels(landmarks_mm, film, plausible)
        more = "; they look like pixels, multiply them by the spacing" if pixels else ""
        return "points_outside", f"{outside.sum()} of {LANDMARKS_PER_HIP} landmarks lie outside the film{more}"
    try:
        circle = head_circle(prepared.grid.to_pixels(landmarks_mm))
    except (ValueError, np.linalg.LinAlgError):
        return "side_missing", f"the {side} femoral head's landmarks lie on one spot or line"
    if plausible is not None:
        right = landmarks_mm if side == "right" else landmarks_mm * [-1.0, 1.0]
        if fault := landmark_fault(right, plausible):
            pixels = _look_like_pixels(landmarks_mm, film, plausible)
            more = "; they look like pixels, multiply them by the spacing" if pixels else ""
            return "landmarks_implausible", f"{fault}{more}"
    if shows_metal(prepared.raw, prepared.levels, circle):
        return "implant", "the femoral head is as bright as metal"
    return "", ""


def _look_like_pixels(landmarks: Points, film: Grid, plausible: Plausible) -> bool:
    """Whether landmarks (80, 2) make a head of a plausible size if they count pixels, and none if millimetres."""
    try:
        radius = head_circle(landmarks).radius
    except (ValueError, np.linalg.LinAlgError):
        return False
    low, high = plausible.head_radius_mm
    on_film = bool(((landmarks >= 0) & (landmarks <= np.array(film.shape[::-1]))).all())
    return on_film and low <= radius * film.spacing_mm <= high < radius


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
    landmarks = _read_landmarks(file, film, settings.limits)
    prepared = _prepare(film, settings)
    faults = {side: find_fault(landmarks[side], side, film.grid, prepared, settings.plausible) for side in SIDES}
    found = [View(prepared.grid, prepared.image)]
    if settings.region == "joint":
        heads = settings.locator.find(prepared) if settings.locator else {}
        film_pixels, found = prepared.correct(film.pixels), []
        for side in SIDES:
            view = None
            if not faults[side][0]:
                try:
                    view = _region(film_pixels, film, side, heads.get(side), landmarks[side], settings)
                except _NotLocated as why:
                    faults[side] = NOT_LOCATED, str(why)
            # A hip that can't be used keeps its place in the store, without an image.
            found.append(view or _nothing(film.grid, settings))
    images = [to_uint16(view.image, settings.intensity_bits) for view in found]
    # Encoded here, by many processes, and not by the one that writes.
    views = tuple(StoredView(view.grid, image, encode_chunk(image)) for view, image in zip(found, images, strict=True))
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


def _read_landmarks(file: FilmFile, film: Film, limits: Limits) -> dict[Side, Points]:
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


def _prepare(film: Film, settings: Settings) -> PreparedFilm:
    """The whole film: what is stored, or what its joints are found on."""
    if settings.locator:
        return settings.locator.prepare(film.pixels, film.grid, film.padding)
    stored = (settings.rows, settings.columns), settings.spacing_mm
    whole = stored if settings.region == "film" else (_OVERVIEW_SHAPE, _OVERVIEW_MM)
    return prepare_film(film.pixels, film.grid, *whole, settings.percentiles, film.padding)


class _NotLocated(Exception):
    """What the locator found is not this hip's femoral head; its text says why."""


def _region(
    pixels: Image, film: Film, side: Side, found: tuple[float, float] | None, landmarks_mm: Points, settings: Settings
) -> View:
    """The region around a head: where it was found, or else where its landmarks are."""
    shape, spacing_mm = (settings.rows, settings.columns), settings.spacing_mm
    head = _head_mm(landmarks_mm)
    if settings.locator is None:
        return prepare_region(pixels, film.grid, head, shape, spacing_mm, settings.percentiles, film.padding)
    if found is None:
        raise _NotLocated(f"the locator finds no joint on the {side}")
    off = np.abs(np.array(found) - head)[::-1] / spacing_mm
    if (off > np.array(shape) / 2).any():
        raise _NotLocated(f"the locator takes another place for the {side} femoral head")
    try:
        return prepare_region(pixels, film.grid, found, shape, spacing_mm, settings.percentiles, film.padding)
    except Excluded:
        raise _NotLocated(f"around the {side} head that the locator finds there is one grey value") from None


def _nothing(film: Grid, settings: Settings) -> View:
    grid = Grid.centred((settings.rows, settings.columns), settings.spacing_mm, film.centre_mm)
    return View(grid, np.zeros(grid.shape, dtype=np.float32))


def _head_mm(landmarks_mm: Points) -> tuple[float, float]:
    circle = head_circle(landmarks_mm)
    return circle.x, circle.y
