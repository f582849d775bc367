"""Grey values: a film's whole range as it is stored, and what a network sees of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from scipy.ndimage import maximum_filter, minimum_filter

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

UINT16_MAX: Final = 65535
DARKEST: Final = np.float32(2**-12)  # of what is image; 0 is none
LEVELS: Final = np.linspace(0.0, 100.0, 201)  # percentages at which a film's distribution is kept

_FLAT_MM: Final = 5.0
_SAME: Final = 1e-4  # of the range, within which grey values are one
_END: Final = 1e-3  # of the range, which tells nothing of a joint
_ENOUGH: Final = 0.02


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError(f"give a lower and a higher number, not {list(ends)}")
    return ends


_Percentage = Annotated[float, Field(ge=0, le=100)]
_Share = Annotated[float, Field(ge=0, le=1)]
Percentiles = Annotated[tuple[_Percentage, _Percentage], AfterValidator(_rising)]
Shares = Annotated[tuple[_Share, _Share], AfterValidator(_rising)]


class Intensity(Protocol):
    """Turns stored grey values, in which 0 is no image, into what a network sees, in [0, 1]."""

    def of_film(self, image: Image, quantiles: NDArray[np.float32]) -> Image:
        """Of any part of a film, pixel by pixel.

        Args:
            image: (..., rows, columns).
            quantiles: Of the film, at `LEVELS`.
        """

    def of_window(self, image: Image, head: tuple[float, float], spacing_mm: float) -> Image:
        """Of what `of_film` gave, within the window that the network is shown.

        Args:
            image: (rows, columns).
            head: x and y, in its pixels, of where the femoral head is expected.
            spacing_mm: Of its pixels.
        """


@dataclass(frozen=True)
class FilmPercentiles:
    """Clipped to two percentiles of the film, and scaled between them.

    Attributes:
        percentiles: Lower and upper, 0 to 100; the thesis takes 5 and 95.
    """

    percentiles: Percentiles

    def of_film(self, image: Image, quantiles: NDArray[np.float32]) -> Image:
        """See `Intensity`."""
        low, high = np.interp(self.percentiles, LEVELS, quantiles)
        scaled = (image - np.float32(low)) * np.float32(1 / max(high - low, float(DARKEST)))
        return np.clip(scaled, 0, 1, out=scaled) * (image > 0)

    def of_window(self, image: Image, head: tuple[float, float], spacing_mm: float) -> Image:
        """As it is."""
        return image


@dataclass(frozen=True)
class Local:
    """Scaled by the surroundings of the head, so that the joint's greys are told apart however bright the pelvis is.

    Attributes:
        reach_mm: Radius of these surroundings.
        percentiles: Of them, lower and upper.
        ends: What the two percentiles become; beyond, values go on to 0 and 1.
    """

    reach_mm: Annotated[float, Field(gt=0)]
    percentiles: Percentiles
    ends: Shares

    def of_film(self, image: Image, quantiles: NDArray[np.float32]) -> Image:
        """As it is."""
        return image

    def of_window(self, image: Image, head: tuple[float, float], spacing_mm: float) -> Image:
        """See `Intensity`; where nothing is seen about the head, the whole window is its surroundings."""
        rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
        near = (columns - head[0]) ** 2 + (rows - head[1]) ** 2 < (self.reach_mm / spacing_mm) ** 2
        # The ends of the range are shutters, labels, metal, and what is saturated.
        there = (image > DARKEST + _END) & (image < 1 - _END)
        seen = image[near & there]
        if seen.size < _ENOUGH * np.count_nonzero(near):
            seen = image[there]
        if not seen.size:
            return np.zeros_like(image)
        low, high = np.percentile(seen, self.percentiles)
        factor = (self.ends[1] - self.ends[0]) / max(float(high - low), float(DARKEST))
        scaled = (image - np.float32(low)) * np.float32(factor) + np.float32(self.ends[0])
        return np.clip(scaled, 0, 1, out=scaled) * (image > 0)


def whole_range(image: Image, seen: Mask) -> Image:
    """All grey values of what is seen, from `DARKEST` to 1; 0 elsewhere.

    Args:
        image: (rows, columns).
        seen: (rows, columns), True where there is an image.

    Raises:
        ValueError: If there is none, or it has one grey value.
    """
    values = image[seen]
    if not values.size or not (high := values.max()) > (low := values.min()):
        raise ValueError("the image is constant")
    scaled = np.zeros_like(image)
    scaled[seen] = DARKEST + (values - low) * ((1 - DARKEST) / (high - low))
    return scaled


def quantiles_of(image: Image, spacing_mm: float) -> NDArray[np.float32]:
    """How a film's grey values are distributed, but for areas that are no image: its values at `LEVELS`.

    Args:
        image: (rows, columns) as `whole_range` gives it.
        spacing_mm: Of its pixels.
    """
    seen = image > 0
    values = image[seen & ~flat_areas(image, spacing_mm)]
    if values.size < _ENOUGH * np.count_nonzero(seen):
        values = image[seen]
    return np.percentile(values, LEVELS).astype(np.float32)


def flat_areas(image: Image, spacing_mm: float) -> Mask:
    """Where a film is black or white without any texture, over 5 mm and more: shutters, labels, what is burned in.

    Args:
        image: (rows, columns) as `whole_range` gives it.
        spacing_mm: Of its pixels.
    """
    return black_areas(image, spacing_mm) | _wide(image > 1 - _SAME, spacing_mm)


def black_areas(image: Image, spacing_mm: float) -> Mask:
    """Of `flat_areas` those that are black."""
    return _wide((image > 0) & (image < DARKEST + _SAME), spacing_mm)


def _wide(same: Mask, spacing_mm: float) -> Mask:
    """What of a mask (rows, columns) is wide enough, and a pixel around it, which is a mixture."""
    size = 1 + 2 * max(1, int(_FLAT_MM / spacing_mm / 2))  # odd, so that it has a middle
    grown: Mask = maximum_filter(minimum_filter(same, size, mode="nearest"), size + 2, mode="nearest")
    return grown


def to_uint16(image: Image, bits: int) -> NDArray[np.uint16]:
    """[0, 1] as value * 65535, its lowest 16 - `bits` bits rounded away; only 0 becomes 0.

    Films carry 10 to 16 bits of which the lowest are noise; without them the store is smaller and reads faster. The
    error is at most 2**-(bits + 1), but for the darkest greys up to 2**-bits, and 1 stays 65535.
    """
    step = np.float32(2 ** (16 - bits))
    rounded = np.rint(image * np.float32(UINT16_MAX) / step) * step
    return np.where(image > 0, np.clip(rounded, step, UINT16_MAX), 0).astype(np.uint16)
