"""The V-Net with which a QCT study outlines femurs, as far as its text says how it is built."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class VNet(nn.Module):
    """Five levels of 3 x 3 x 3 convolutions, each with batch norm and ReLU, and concatenated skips.

    Deng et al. (A Deep Learning-Based Approach to Extracting Periosteal and Endosteal Contours of Proximal Femur in
    Quantitative CT Images) give kernels of 3 x 3 x 3, batch norm, ReLU and about 8.6 million parameters, and no layout.
    This one has two convolutions a level on the way down, strided convolutions between levels, transposed ones of
    2 x 2 x 2 and three convolutions a level on the way up: 8.59 million with 16 features first.

    Args:
        in_channels: Of the images.
        out_channels: Of the answers.
        features: Of the first level, doubled at each.
        levels: Of the network; sizes must be multiples of 2 to the power of one less.
    """

    def __init__(self, in_channels: int, out_channels: int, features: int = 16, levels: int = 5) -> None:
        super().__init__()
        if levels < 2:
            raise ValueError(f"levels is {levels}, not 2 or more")
        counts = [features * 2**level for level in range(levels)]
        down = [nn.Sequential(_step(in_channels, features), _step(features, features))]
        shrink, grow, up = [], [], []
        for finer, coarser in pairwise(counts):
            shrink.append(_step(finer, coarser, stride=2))
            down.append(nn.Sequential(_step(coarser, coarser), _step(coarser, coarser)))
            grow.append(nn.ConvTranspose3d(coarser, finer, 2, 2))
            up.append(nn.Sequential(_step(2 * finer, finer), _step(finer, finer), _step(finer, finer)))
        self.down, self.shrink = nn.ModuleList(down), nn.ModuleList(shrink)
        self.grow, self.up = nn.ModuleList(grow), nn.ModuleList(up)
        self.head = nn.Conv3d(features, out_channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_channels, z, y, x) to (B, out_channels, z, y, x) logits."""
        kept = [self.down[0](image)]
        for shrink, down in zip(self.shrink, self.down[1:], strict=True):
            kept.append(down(shrink(kept[-1])))
        seen = kept.pop()
        for grow, up in zip(reversed(self.grow), reversed(self.up), strict=True):
            seen = up(torch.cat([kept.pop(), grow(seen)], dim=1))
        answer: Tensor = self.head(seen)
        return answer


def _step(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(before, after, 3, stride, 1), nn.BatchNorm3d(after), nn.ReLU(inplace=True))
