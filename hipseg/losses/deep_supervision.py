"""The loss of a network that answers at several resolutions: each with its share, the coarsest with none."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F


def deep_supervision(loss: nn.Module, answers: Sequence[Tensor], target: Tensor, weight: Tensor | None) -> Tensor:
    """The weighted sum over resolutions (Isensee et al., Nature Methods 2021).

    A resolution counts half as much as the next finer one; the coarsest does not count unless it is the only one; the
    weights add up to 1.

    Args:
        loss: Of logits, targets and weight maps.
        answers: (B, channels, ...) logits, the finest first.
        target: (B, ...) label maps or (B, labels, ...) shares at the finest resolution; coarser ones take the nearest.
        weight: (B, ...), where the loss counts; None for everywhere.
    """
    counted = answers[:-1] if len(answers) > 1 else answers
    shares = [0.5**level for level in range(len(counted))]
    total: Tensor | None = None
    for share, logits in zip(shares, counted, strict=True):
        size = logits.shape[2:]
        part = share / sum(shares) * loss(logits, _nearest(target, size), _nearest(weight, size))
        total = part if total is None else total + part
    assert total is not None
    return total


def _nearest(pixels: Tensor | None, size: Sequence[int]) -> Tensor | None:
    """Label maps (B, ...) or shares (B, labels, ...) at another resolution."""
    if pixels is None or tuple(pixels.shape[-len(size) :]) == tuple(size):
        return pixels
    has_channels = pixels.ndim == len(size) + 2
    shown = pixels if has_channels else pixels[:, None]
    coarse = F.interpolate(shown.float(), tuple(size), mode="nearest-exact").to(pixels.dtype)
    return coarse if has_channels else coarse[:, 0]
