"""Radiographs in picture files, which state nothing of themselves: their spacing is given."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from hipseg.errors import Excluded
from hipseg.io.dicom import Film, file_sha256
from hipseg.io.images import PICTURES, image_ending, read_image_file
from hipseg.io.limits import UNLIMITED, Limits
from hipseg.io.spacing import Spacing

_ISOTROPIC: Final = 1e-3


def is_picture(path: Path) -> bool:
    """Whether a file's name is a picture's."""
    return image_ending(path) in PICTURES


def read_picture(path: Path, spacing_mm: tuple[float, ...] | None, limits: Limits = UNLIMITED) -> Film:
    """A picture as a film, its right side on the left and bone bright as it is.

    Args:
        path: PNG, JPEG, BMP or TIFF; of colours the mean is taken.
        spacing_mm: Millimetres per pixel, once or down and across.
        limits: Beyond which it is not read.

    Raises:
        Excluded: With the reason.
    """
    pixels = grey(read_image_file(path, limits).pixels)
    if pixels.ndim != 3:
        raise Excluded("multiframe", "it holds several pictures, not one film")
    if spacing_mm is None:
        raise Excluded("spacing_missing", "a picture states no spacing; give spacing_mm=[DOWN,ACROSS]")
    down, across = spacing_mm[0], spacing_mm[-1]
    if len(spacing_mm) > 2 or abs(down - across) > _ISOTROPIC * across:
        raise Excluded("spacing_invalid", f"its pixels are {down:g} x {across:g} mm, not square")
    return Film(pixels[0].astype(np.float32), Spacing(across, "given", float("nan")), file_sha256(path))


def grey(pixels: np.ndarray) -> np.ndarray:
    """One channel of a picture (channels, rows, columns): of colours their mean, without transparency."""
    if pixels.shape[0] == 1:
        return pixels
    colours = pixels[:1] if pixels.shape[0] == 2 else pixels[:3]
    return np.asarray(colours.mean(axis=0, keepdims=True), dtype=np.float32)
