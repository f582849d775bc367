"""What a store keeps of a film: all of it, or a region around each femoral head."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.data.settings import Settings
from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.io.dicom import Film
from hipseg.labels.circle import head_circle
from hipseg.labels.landmarks import Points, Side
from hipseg.transforms.film import Image, PreparedFilm, View, prepare_film, prepare_region
from hipseg.transforms.intensity import LEVELS

# What a whole film is judged on (polarity, metal, size) where only its joints are stored.
_OVERVIEW_SHAPE: Final = (512, 512)
_OVERVIEW_MM: Final = 0.9


def prepare_whole(film: Film, settings: Settings) -> PreparedFilm:
    """The whole film: what is stored, or what its joints are found on."""
    if settings.locator:
        return settings.locator.prepare(film.pixels, film.grid, film.padding)
    stored = (settings.rows, settings.columns), settings.spacing_mm
    whole = stored if settings.region == "film" else (_OVERVIEW_SHAPE, _OVERVIEW_MM)
    return prepare_film(film.pixels, film.grid, *whole, film.padding)


class NotLocated(Exception):
    """What the locator found is not this hip's femoral head; its text says why."""


def region_around(
    pixels: Image, film: Film, side: Side, found: tuple[float, float] | None, landmarks_mm: Points, settings: Settings
) -> View:
    """The region around a head: where it was found, or else where its landmarks are."""
    shape, spacing_mm = (settings.rows, settings.columns), settings.spacing_mm
    head = _head_mm(landmarks_mm)
    if settings.locator is None:
        return prepare_region(pixels, film.grid, head, shape, spacing_mm, film.padding)
    if found is None:
        raise NotLocated(f"the locator finds no joint on the {side}")
    off = np.abs(np.array(found) - head)[::-1] / spacing_mm
    if (off > np.array(shape) / 2).any():
        raise NotLocated(f"the locator takes another place for the {side} femoral head")
    try:
        return prepare_region(pixels, film.grid, found, shape, spacing_mm, film.padding)
    except Excluded:
        raise NotLocated(f"around the {side} head that the locator finds there is one grey value") from None


def no_region(film: Grid, settings: Settings) -> View:
    """The place of a hip that has no region, without an image."""
    grid = Grid.centred((settings.rows, settings.columns), settings.spacing_mm, film.centre_mm)
    return View(grid, np.zeros(grid.shape, dtype=np.float32), np.zeros(len(LEVELS), dtype=np.float32))


def _head_mm(landmarks_mm: Points) -> tuple[float, float]:
    circle = head_circle(landmarks_mm)
    return circle.x, circle.y
