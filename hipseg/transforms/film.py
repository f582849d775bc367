"""A film as networks see it: on the common grid, bone bright, grey values scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.labels.landmarks import SIDES, Side
from hipseg.transforms.implant import GreyLevels, grey_levels
from hipseg.transforms.intensity import clip_and_scale
from hipseg.transforms.polarity import Polarity, check_polarity
from hipseg.transforms.resample import inside_film, resample

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_TRACE: Final = 1e-3  # of padding in a resampled pixel, which would pull its grey value towards it


@dataclass(frozen=True)
class View:
    """What a network sees of a film.

    Attributes:
        grid: Where it lies on the film.
        image: (rows, columns) in [0, 1].
    """

    grid: Grid
    image: Image


@dataclass(frozen=True)
class PreparedFilm:
    """One film on the common grid.

    Attributes:
        grid: The common grid, its centre on the film's.
        inside: Its rows and columns that hold the film.
        raw: (rows, columns), resampled, bone bright, in the film's own grey values.
        image: The same clipped and scaled to [0, 1], 0 outside the film.
        polarity: Whether bone was bright as the header states.
    """

    grid: Grid
    inside: tuple[slice, slice]
    raw: Image
    image: Image
    polarity: Polarity

    @cached_property
    def levels(self) -> GreyLevels:
        """What is metal among the film's own grey values."""
        return grey_levels(self.raw[self.inside])

    def views(self) -> dict[Side, View]:
        """Both hips in the one image."""
        return {side: View(self.grid, self.image) for side in SIDES}

    def correct(self, pixels: Image) -> Image:
        """The film's own pixels (rows, columns) with bone bright, as this film was found to need it."""
        return pixels.max() + pixels.min() - pixels if self.polarity == "corrected" else pixels


def centred_grid(film: Grid, shape: tuple[int, int], spacing_mm: float) -> Grid:
    """The common grid over a film, their centres in one place.

    Raises:
        Excluded: `too_large` if the film does not fit.
    """
    grid = Grid.centred(shape, spacing_mm, film.centre_mm)
    (width, height), (most_wide, most_high) = film.size_mm, grid.size_mm
    if width > most_wide or height > most_high:
        detail = f"{width:.1f} x {height:.1f} mm do not fit into {most_wide:.1f} x {most_high:.1f} mm"
        raise Excluded("too_large", detail)
    return grid


def bright_bone(image: Image, inside: tuple[slice, slice], spacing_mm: float) -> tuple[Image, Polarity]:
    """The resampled film with bright bone, and whether that took correcting what the header states."""
    polarity = check_polarity(image[inside], spacing_mm)
    if polarity == "corrected":
        image = image.copy()
        film = image[inside]
        image[inside] = film.max() + film.min() - film
    return image, polarity


def prepare_film(
    pixels: Image,
    film: Grid,
    shape: tuple[int, int],
    spacing_mm: float,
    percentiles: tuple[float, float],
    padding: Mask | None = None,
) -> PreparedFilm:
    """Resample, correct the polarity, clip and scale.

    Args:
        pixels: (rows, columns) as read, bone bright if the header is right.
        film: Where they lie.
        shape: Rows and columns of the common grid.
        spacing_mm: Of the common grid.
        percentiles: Of the film's own grey values, between which they are clipped.
        padding: (rows, columns), True where there is no image; its pixels have the image's least value.

    Raises:
        Excluded: `too_large`, or `constant` for an image of one grey value.
    """
    grid = centred_grid(film, shape, spacing_mm)
    inside = inside_film(film, grid)
    raw, polarity = bright_bone(resample(pixels, film, grid), inside, spacing_mm)
    try:
        image = clip_and_scale(raw, inside, percentiles, _seen(padding, film, grid))
    except (ValueError, IndexError):
        raise Excluded("constant", "the image has one grey value between its percentiles") from None
    return PreparedFilm(grid, inside, raw, image, polarity)


def _seen(padding: Mask | None, film: Grid, grid: Grid) -> Mask | None:
    """Where a grid (rows, columns) shows image rather than padding."""
    return None if padding is None else resample((~padding).astype(np.float32), film, grid) > 1 - _TRACE


def prepare_as(
    made: Mapping[str, Any], pixels: Image, film: Grid, padding: Mask | None = None, any_size: bool = False
) -> PreparedFilm:
    """`prepare_film` with what a store's or a checkpoint's `preprocessing` says.

    Args:
        made: That.
        pixels: See `prepare_film`.
        film: See `prepare_film`.
        padding: See `prepare_film`.
        any_size: Whether a film that does not fit gets a larger grid.
    """
    spacing_mm, (width, height) = made["spacing_mm"], film.size_mm
    shape = made["rows"], made["columns"]
    if any_size:
        shape = max(shape[0], math.ceil(height / spacing_mm)), max(shape[1], math.ceil(width / spacing_mm))
    return prepare_film(pixels, film, shape, spacing_mm, tuple(made["percentiles"]), padding)


def prepare_region(
    pixels: Image,
    film: Grid,
    centre_mm: tuple[float, float],
    shape: tuple[int, int],
    spacing_mm: float,
    percentiles: tuple[float, float],
    padding: Mask | None = None,
) -> View:
    """A part of a film from its own pixels, clipped and scaled within that part.

    Args:
        pixels: (rows, columns), bone bright.
        film: Where they lie.
        centre_mm: The part's middle, x and y in film millimetres.
        shape: Rows and columns of the part.
        spacing_mm: Of the part.
        percentiles: Of its own grey values, between which they are clipped.
        padding: As in `prepare_film`.

    Returns:
        The part, 0 beyond the film.

    Raises:
        Excluded: `constant` for a part of one grey value.
    """
    grid = Grid.centred(shape, spacing_mm, centre_mm)
    inside = inside_film(film, grid)
    try:
        seen = _seen(padding, film, grid)
        return View(grid, clip_and_scale(resample(pixels, film, grid), inside, percentiles, seen))
    except (ValueError, IndexError):
        raise Excluded("constant", "the image has one grey value between its percentiles") from None
