"""Otsu's threshold on probabilities of nested labels, as a QCT study of the femur decides."""

from __future__ import annotations

import numpy as np
import torch
from skimage.filters import threshold_otsu
from torch import Tensor
from torch.nn import functional as F


class OtsuThresholds:
    """Labels that lie within each other, every one with its own threshold (Otsu, IEEE Trans Syst Man Cybern 1979).

    What label k and all later ones enclose has the sum of their probabilities; where it exceeds its threshold a pixel
    is within. The last label within which a pixel lies is its own. A sum that is the same everywhere encloses nothing
    below one half.
    """

    def __call__(self, probabilities: Tensor) -> Tensor:
        """(B, labels, ...) probabilities, the background first; 1 for the label that is decided on, else 0."""
        decided = torch.zeros_like(probabilities[:, 0], dtype=torch.int64)
        within = probabilities.flip(1).cumsum(1).flip(1)
        for image, sums in zip(decided, within, strict=True):
            for number in range(1, probabilities.shape[1]):
                enclosed = sums[number].cpu().numpy()
                flat = float(np.ptp(enclosed)) < 1e-6
                image[sums[number] > (0.5 if flat else float(threshold_otsu(enclosed)))] = number
        return F.one_hot(decided, probabilities.shape[1]).movedim(-1, 1).to(probabilities.dtype)
