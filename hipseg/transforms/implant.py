"""Metal in place of the femoral head."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.circle import Circle

_SHARE: Final = 0.6
_REACH: Final = 1.9


class GreyLevels(NamedTuple):
    """A film's own grey values: above which is metal, and how far they reach."""

    metal: float
    span: float


def grey_levels(film: NDArray[np.float32]) -> GreyLevels:
    """Where metal begins: further above the film's middle than its bright bones by a factor.

    Args:
        film: Its pixels, bone bright, not clipped.
    """
    span = float(np.ptp(film))
    body = film[film > film.min() + 0.02 * span]
    middle, bright = np.percentile(body, (50, 85)) if body.size else (0.0, 0.0)
    return GreyLevels(float(middle + _REACH * (bright - middle)), span)


def shows_metal(image: NDArray[np.float32], levels: GreyLevels, circle: Circle) -> bool:
    """Whether most of the femoral head is metal: far brighter than bone is on this film, and without texture.

    Args:
        image: (rows, columns), bone bright, not clipped.
        levels: Of its film.
        circle: The head in pixel-centre coordinates of `image`.
    """
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    head = image[np.hypot(columns - circle.x, rows - circle.y) < 0.75 * circle.radius]
    if head.size == 0:
        return False
    low, high = np.percentile(head, (25, 75))
    return bool(high - low < 0.03 * levels.span and (head > levels.metal).mean() > _SHARE)
