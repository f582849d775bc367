"""A square picture of a hip as a network that grades it sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.transforms.prepare_image import resize

Picture = NDArray[np.float32]

MEAN: Final = 0.449
"""Of grey values in [0, 1] in the pictures that public weights were learnt from; likewise the spread."""
SPREAD: Final = 0.226


def centre_square(pixels: NDArray[Any]) -> NDArray[Any]:
    """The middle square of a picture (rows, columns): what is longer is cut off alike on both sides."""
    rows, columns = pixels.shape
    edge = min(rows, columns)
    top, left = (rows - edge) // 2, (columns - edge) // 2
    return pixels[top : top + edge, left : left + edge]


def saturate(picture: Picture, share: float) -> Picture:
    """A picture in [0, 1], a share of its darkest pixels 0 and of its brightest 1; one of a single value is 0."""
    low, high = np.quantile(picture, (share, 1 - share))
    if not high > low:  # flat but for few pixels
        low, high = picture.min(), picture.max()
    if not high > low:
        return np.zeros_like(picture)
    return np.clip((picture - low) / (high - low), 0, 1).astype(np.float32)


def share_of(saturation: float | Mapping[str, float], cohort: str, otherwise: float = 0.0) -> float:
    """What is saturated of a cohort's pictures: one share of all, or each cohort's own.

    Args:
        saturation: That share, or shares by the cohort's name.
        cohort: Whose pictures.
        otherwise: Of a cohort that is not named.
    """
    return float(saturation.get(cohort, otherwise) if isinstance(saturation, Mapping) else saturation)


def prepare_picture(pixels: NDArray[Any], edge: int, share: float, coarse: int | None = None) -> Picture:
    """What the network sees of a picture.

    Args:
        pixels: (rows, columns) grey values on any scale.
        edge: Pixels along an edge of the result.
        share: Of the darkest and of the brightest pixels that are saturated, in [0, 0.5).
        coarse: Pixels along an edge to which it is brought down first, as if it had been taken so; not if None.

    Returns:
        (edge, edge) float32, [0, 1] shifted and scaled by `MEAN` and `SPREAD`.
    """
    square = centre_square(pixels)[None].astype(np.float32)
    if coarse is not None:
        square = resize(square, (coarse, coarse))
    picture = saturate(resize(square, (edge, edge))[0], share)
    return (picture - np.float32(MEAN)) / np.float32(SPREAD)
