"""What a network says of an image that was resampled, on the image's own grid."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def on_own_grid(probabilities: Tensor, size: Sequence[int]) -> Tensor:
    """Probabilities (B, labels, ...), interpolated to another size unless they have it."""
    if tuple(probabilities.shape[2:]) == tuple(size):
        return probabilities
    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    return F.interpolate(probabilities, tuple(size), mode=mode, align_corners=False)
