"""Does bone look bright? Headers sometimes lie about it, and a network trained on bright bone fails on dark."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Polarity = Literal["stated", "corrected", "unsure"]

_FINE_MM: Final = 1.5
_COARSE_MM: Final = 4.5
_STEP_MM: Final = 1.8
_ACTIVE: Final = 0.0015
_SURE: Final = 0.12


def _radial_agreement(smooth: NDArray[np.float32], active: NDArray[np.bool_]) -> float:
    """Correlation, -1 to 1, of brightness with closeness to the centre line: a body is thickest in its middle."""
    rows, columns = np.nonzero(active)
    across = (columns - columns.mean()) / max(float(np.ptp(columns)), 1.0)
    down = (rows - rows.mean()) / max(float(np.ptp(rows)), 1.0)
    closeness = -(across**2) - 0.25 * down**2
    values = smooth[active]
    return float(np.corrcoef(closeness, values)[0, 1]) if values.std() > 1e-6 else 0.0


def _ridge_balance(fine: NDArray[np.float32], coarse: NDArray[np.float32], active: NDArray[np.bool_]) -> float:
    """-1 to 1: whether thin structures (cortex, rims, trabeculae) are bright or dark against what surrounds them."""
    detail = (fine - coarse)[active]
    low, middle, high = np.percentile(detail, (2, 50, 98))
    span = high - low
    return float((high + low - 2 * middle) / span) if span > 1e-6 else 0.0


def bone_brightness(image: NDArray[np.float32], spacing_mm: float) -> float:
    """How surely bone is bright: positive if it is, negative if the image is inverted, near 0 if it can't be told.

    Inverting the image negates the result. Constant areas (air, a collimator's mask, white or black) carry no vote.

    Args:
        image: (rows, columns) of a film, any linear scale.
        spacing_mm: Millimetres per pixel.
    """
    if min(image.shape) < 2:
        return 0.0
    scale = float(np.ptp(image)) or 1.0
    fine = gaussian_filter(image / np.float32(scale), _FINE_MM / spacing_mm)
    coarse = gaussian_filter(fine, _COARSE_MM / spacing_mm)
    slope = np.hypot(*np.gradient(gaussian_filter(fine, _STEP_MM / spacing_mm)))
    active = (slope > _ACTIVE * spacing_mm) & (slope < 0.05 * spacing_mm)
    if active.sum() < 1000:
        return 0.0
    return 0.7 * _radial_agreement(coarse, active) + 0.3 * _ridge_balance(fine, coarse, active)


def corrected(found: Polarity) -> Polarity:
    """What an image shows once it was corrected as it was found to need it: bright bone, unless that can't be told."""
    return "unsure" if found == "unsure" else "stated"


def check_polarity(image: NDArray[np.float32], spacing_mm: float) -> Polarity:
    """Compare what the header states (bone is bright in `image`) with what the image shows.

    Returns:
        `stated` if they agree, `corrected` if the image is surely inverted (the caller inverts it), `unsure` if the
        image does not tell; it is then left as it is.
    """
    brightness = bone_brightness(image, spacing_mm)
    if brightness > _SURE:
        return "stated"
    return "corrected" if brightness < -_SURE else "unsure"
