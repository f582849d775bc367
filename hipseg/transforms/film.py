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
from hipseg.transforms.intensity import LEVELS, quantiles_of, whole_range
from hipseg.transforms.polarity import Polarity, check_polarity
from hipseg.transforms.resample import inside_film, resample

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LEAST: Final = (5.0, 95.0)  # percentiles that differ in every image worth the name
_TRACE: Final = 1e-3  # of padding in a resampled pixel, which would pull its grey value towards it


@dataclass(frozen=True)
class View:
    """A film, or a part of it, on a grid.

    Attributes:
        grid: Where it lies on the film.
        image: (rows, columns), its whole range of grey values in (0, 1], 0 where there is no image.
        quantiles: Of these at `intensity.LEVELS`, but for areas that are no image.
    """

    grid: Grid
    image: Image
    quantiles: NDArray[np.float32]


@dataclass(frozen=True)
class PreparedFilm(View):
    """One film on the common grid, whose centre is on the film's, with bright bone.

    Attributes:
        inside: Its rows and columns that hold the film.
        polarity: Whether bone was bright as the header states.
    """

    inside: tuple[slice, slice]
    polarity: Polarity

    @cached_property
    def levels(self) -> GreyLevels:
        """What is metal among the film's grey values."""
        return grey_levels(self.quantiles)

    def views(self) -> dict[Side, View]:
        """Both hips in the one image."""
        return dict.fromkeys(SIDES, self)

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
    pixels: Image, film: Grid, shape: tuple[int, int], spacing_mm: float, padding: Mask | None = None
) -> PreparedFilm:
    """Resample, correct the polarity, and bring the grey values to [0, 1].

    Args:
        pixels: (rows, columns) as read, bone bright if the header is right.
        film: Where they lie.
        shape: Rows and columns of the common grid.
        spacing_mm: Of the common grid.
        padding: (rows, columns), True where there is no image; its pixels have the image's least value.

    Raises:
        Excluded: `too_large`, or `constant` for an image of one grey value.
    """
    grid = centred_grid(film, shape, spacing_mm)
    inside = inside_film(film, grid)
    raw, polarity = bright_bone(resample(pixels, film, grid), inside, spacing_mm)
    view = _as_stored(raw, grid, _seen(inside, padding, film, grid))
    return PreparedFilm(grid, view.image, view.quantiles, inside, polarity)


def _as_stored(raw: Image, grid: Grid, seen: Mask) -> View:
    """Grey values as a store keeps them.

    Raises:
        Excluded: `constant` for an image of one grey value.
    """
    try:
        image = whole_range(raw, seen)
    except ValueError:
        raise Excluded("constant", "the image has one grey value") from None
    quantiles = quantiles_of(image, grid.spacing_mm)
    low, high = np.interp(_LEAST, LEVELS, quantiles)
    if not high > low:
        raise Excluded("constant", "the image has one grey value, but for a few pixels")
    return View(grid, image, quantiles)


def _seen(inside: tuple[slice, slice], padding: Mask | None, film: Grid, grid: Grid) -> Mask:
    """Where a grid (rows, columns) shows image rather than what is outside, or padding."""
    seen = np.zeros(grid.shape, dtype=bool)
    seen[inside] = True
    return seen if padding is None else seen & (resample((~padding).astype(np.float32), film, grid) > 1 - _TRACE)


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
    return prepare_film(pixels, film, shape, spacing_mm, padding)


def prepare_region(
    pixels: Image,
    film: Grid,
    centre_mm: tuple[float, float],
    shape: tuple[int, int],
    spacing_mm: float,
    padding: Mask | None = None,
) -> View:
    """A part of a film from its own pixels, its grey values those of that part.

    Args:
        pixels: (rows, columns), bone bright.
        film: Where they lie.
        centre_mm: The part's middle, x and y in film millimetres.
        shape: Rows and columns of the part.
        spacing_mm: Of the part.
        padding: As in `prepare_film`.

    Returns:
        The part, 0 beyond the film.

    Raises:
        Excluded: `constant` for a part of one grey value.
    """
    grid = Grid.centred(shape, spacing_mm, centre_mm)
    seen = _seen(inside_film(film, grid), padding, film, grid)
    return _as_stored(resample(pixels, film, grid), grid, seen)
