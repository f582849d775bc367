"""Metal in place of the femoral head."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.circle import Circle

_SHARE: Final = 0.6
_REACH: Final = 1.9


def shows_metal(film: NDArray[np.float32], image: NDArray[np.float32], circle: Circle) -> bool:
    """Whether most of the femoral head is far brighter than bone is on this film.

    Metal saturates: it lies further above the film's middle than its bright bones by a factor, and it has no texture.

    Args:
        film: The image's pixels inside the film, bone bright, not clipped.
        image: (rows, columns).
        circle: The head in pixel-centre coordinates of `image`.
    """
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    head = image[np.hypot(columns - circle.x, rows - circle.y) < 0.75 * circle.radius]
    if head.size == 0:
        return False
    body = film[film > film.min() + 0.02 * np.ptp(film)]
    middle, bright = np.percentile(body, (50, 85)) if body.size else (0.0, 0.0)
    limit = middle + _REACH * (bright - middle)
    flat = np.percentile(head, 75) - np.percentile(head, 25) < 0.03 * np.ptp(film)
    return bool(flat and (head > limit).mean() > _SHARE)
