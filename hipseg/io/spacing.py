"""Pixel spacing, which a radiograph may state once, twice, differently, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from hipseg.errors import Excluded

_ISOTROPIC: Final = 1e-3
_SHOWN: Final = 80  # characters of a header's value
_TAGS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")


@dataclass(frozen=True)
class Spacing:
    """Millimetres per pixel.

    Attributes:
        mm: The spacing to use.
        tag: The DICOM attribute it comes from.
        imager_mm: ImagerPixelSpacing where it is stated beside a different PixelSpacing, else NaN.
    """

    mm: float
    tag: str
    imager_mm: float


def stated_number(dataset: Dataset, name: str) -> float | None:
    """A header's number, or None where it is absent or empty."""
    value = dataset.get(name)
    return None if value is None or str(value).strip() == "" else float(value)


def read_spacing(
    dataset: Dataset, plausible_mm: tuple[float, float] = (5e-324, np.inf), calibration: float = 1.0
) -> Spacing:
    """PixelSpacing, or else ImagerPixelSpacing, or else, of a film that was scanned, NominalScannedPixelSpacing.

    Args:
        dataset: The header.
        plausible_mm: Least and largest spacing that is believed.
        calibration: By which what is stated is multiplied; it is said in the tag.

    Raises:
        Excluded: `spacing_missing`, `spacing_invalid` (not two positive numbers of a plausible size), or
            `spacing_anisotropic` (rows and columns differ by more than 0.1 %).
    """
    stated = {tag: pair for tag in _TAGS if (pair := dataset.get(tag)) not in (None, "")}
    if not stated:
        raise Excluded("spacing_missing", f"none of {', '.join(_TAGS)} is stated")
    tag = next(iter(stated))
    mm = _isotropic_mm(tag, stated[tag]) * calibration
    if not plausible_mm[0] <= mm <= plausible_mm[1]:
        said = f"{tag} is {mm:g} mm, not between {plausible_mm[0]:g} and {plausible_mm[1]:g} (limits.spacing_mm)"
        raise Excluded("spacing_invalid", said)
    imager_mm = float("nan")
    if tag == _TAGS[0] and _TAGS[1] in stated:
        try:
            other = _isotropic_mm(_TAGS[1], stated[_TAGS[1]]) * calibration
        except Excluded:
            other = mm  # an unusable second statement contradicts nothing
        imager_mm = other if abs(other - mm) > _ISOTROPIC * mm else imager_mm
    return Spacing(mm, tag if calibration == 1.0 else f"{tag} x {calibration:g}", imager_mm)


def _isotropic_mm(tag: str, stated: object) -> float:
    try:
        row, column = (float(value) for value in stated)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        raise Excluded("spacing_invalid", f"{tag} is {str(stated)[:_SHOWN]}, not two numbers") from None
    if not (np.isfinite([row, column]).all() and row > 0 and column > 0):
        raise Excluded("spacing_invalid", f"{tag} is {str(stated)[:_SHOWN]}, not two positive numbers")
    if abs(row - column) > _ISOTROPIC * max(row, column):
        raise Excluded("spacing_anisotropic", f"{tag} is {row:g} by {column:g} mm; rows and columns must agree")
    return (row + column) / 2
