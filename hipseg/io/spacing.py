"""Pixel spacing, which a radiograph may state once, twice, differently, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from hipseg.errors import Excluded

_ISOTROPIC: Final = 1e-3
_TAGS: Final = ("PixelSpacing", "ImagerPixelSpacing")


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


def read_spacing(dataset: Dataset) -> Spacing:
    """PixelSpacing, or else ImagerPixelSpacing.

    Raises:
        Excluded: `spacing_missing`, `spacing_invalid` (not two positive numbers), or `spacing_anisotropic` (rows and
            columns differ by more than 0.1 %).
    """
    stated = {tag: pair for tag in _TAGS if (pair := dataset.get(tag)) not in (None, "")}
    if not stated:
        raise Excluded("spacing_missing", "neither PixelSpacing nor ImagerPixelSpacing is stated")
    tag = next(iter(stated))
    mm = _isotropic_mm(tag, stated[tag])
    imager_mm = float("nan")
    if len(stated) == 2:
        try:
            other = _isotropic_mm(_TAGS[1], stated[_TAGS[1]])
        except Excluded:
            other = mm  # an unusable second statement contradicts nothing
        imager_mm = other if abs(other - mm) > _ISOTROPIC * mm else imager_mm
    return Spacing(mm, tag, imager_mm)


def _isotropic_mm(tag: str, stated: object) -> float:
    try:
        row, column = (float(value) for value in stated)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise Excluded("spacing_invalid", f"{tag} is {stated}, not two numbers") from None
    if not (np.isfinite([row, column]).all() and row > 0 and column > 0):
        raise Excluded("spacing_invalid", f"{tag} is {stated}, not two positive numbers")
    if abs(row - column) > _ISOTROPIC * max(row, column):
        raise Excluded("spacing_anisotropic", f"{tag} is {row:g} by {column:g} mm; rows and columns must agree")
    return (row + column) / 2
