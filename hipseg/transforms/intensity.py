"""Grey values: percentile clipping, scaling, and their 16-bit form on disk."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

UINT16_MAX: Final = 65535


def clip_and_scale(
    image: NDArray[np.float32],
    inside: tuple[slice, slice],
    percentiles: tuple[float, float],
    seen: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Clip to the percentiles of the pixels inside, scale these to [0, 1], and leave 0 outside.

    Args:
        image: (rows, columns).
        inside: The rows and columns that hold the film.
        percentiles: Lower and upper, 0 to 100; (0, 100) is plain min-max scaling.
        seen: (rows, columns), False where there is no image though the film goes on; 0 there too. All of it if None.

    Raises:
        ValueError: If the film has one grey value between the percentiles.
    """
    film = image[inside]
    low, high = np.percentile(film if seen is None else film[seen[inside]], percentiles)
    if not high > low:
        raise ValueError("the image is constant between its percentiles")
    scaled = np.zeros_like(image)
    scaled[inside] = np.clip((film - low) / (high - low), 0.0, 1.0)
    if seen is not None:
        scaled[~seen] = 0.0
    return scaled


def to_uint16(image: NDArray[np.float32], bits: int) -> NDArray[np.uint16]:
    """[0, 1] as value * 65535, its lowest 16 - `bits` bits rounded away.

    Films carry 10 to 16 bits of which the lowest are noise; without them the store is smaller and reads faster. The
    error is at most 2**-(bits + 1), and 1 stays 65535.
    """
    step = np.float32(2 ** (16 - bits))
    rounded = np.rint(image * np.float32(UINT16_MAX) / step) * step
    return np.minimum(rounded, UINT16_MAX).astype(np.uint16)
