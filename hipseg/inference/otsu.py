"""Otsu's threshold on probabilities of nested labels, as a QCT study of the femur decides."""

from __future__ import annotations

import numpy as np
from skimage.filters import threshold_otsu
from torch import Tensor

from hipseg.inference.nested import decide_nested


class OtsuThresholds:
    """Labels that lie within each other, every one with its own threshold (Otsu, IEEE Trans Syst Man Cybern 1979).

    Where the sum of `decide_nested` exceeds its threshold a pixel is within. A sum that is the same everywhere
    encloses nothing below one half.
    """

    def __call__(self, probabilities: Tensor) -> Tensor:
        """(B, labels, ...) probabilities, the background first; 1 for the label that is decided on, else 0."""
        return decide_nested(probabilities, _beyond_threshold)


def _beyond_threshold(sums: Tensor) -> Tensor:
    enclosed = sums.cpu().numpy()
    flat = float(np.ptp(enclosed)) < 1e-6
    return sums > (0.5 if flat else float(threshold_otsu(enclosed)))
