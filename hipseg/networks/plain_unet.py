"""nnU-Net's plain U-Net: strided convolutions down, transposed ones up, an answer at every resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

_CONVOLUTION: Final[dict[int, Any]] = {2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: Final[dict[int, Any]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORM: Final[dict[int, Any]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_SLOPE: Final = 0.01


class PlainUNet(nn.Module):
    """A U-Net of plain convolutions (Isensee et al., Nature Methods 2021).

    Each stage is some convolutions, each with instance norm and leaky ReLU; the first of them has the stage's stride.

    Args:
        in_channels: Of the images.
        out_channels: Of the answers.
        features: Of every stage.
        strides: Of every stage and axis; the first is 1 as a rule.
        kernel_sizes: Of every stage and axis, odd.
        convolutions: In every stage.
        deep_supervision: Whether the answers of all resolutions are given in training.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        features: Sequence[int],
        strides: Sequence[Sequence[int]],
        kernel_sizes: Sequence[Sequence[int]],
        convolutions: int = 2,
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        if not len(features) == len(strides) == len(kernel_sizes) >= 2:
            raise ValueError("features, strides and kernel_sizes must have one entry for each of two stages or more")
        if len(strides[0]) not in _CONVOLUTION:
            raise ValueError(f"strides have {len(strides[0])} axes, not 2 or 3")
        self.deep_supervision = deep_supervision
        down, before = [], in_channels
        for count, stride, kernel in zip(features, strides, kernel_sizes, strict=True):
            down.append(_stage(before, count, tuple(kernel), tuple(stride), convolutions))
            before = count
        self.down = nn.ModuleList(down)
        widen, up, heads = [], [], []
        transposed, convolution = _TRANSPOSED[len(strides[0])], _CONVOLUTION[len(strides[0])]
        for stage in range(len(features) - 1, 0, -1):
            stride, count = tuple(strides[stage]), features[stage - 1]
            widen.append(transposed(features[stage], count, stride, stride))
            up.append(_stage(2 * count, count, tuple(kernel_sizes[stage - 1]), (1,) * len(stride), convolutions))
            heads.append(convolution(count, out_channels, 1))
        self.widen, self.up, self.heads = nn.ModuleList(widen), nn.ModuleList(up), nn.ModuleList(heads)
        self.apply(_initialise)

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """(B, C, ...) to (B, out_channels, ...); in training with deep supervision a list, the finest first."""
        seen: list[Tensor] = []
        for stage in self.down:
            image = stage(image)
            seen.append(image)
        answers = []
        every = self.deep_supervision and self.training
        for level, (widen, stage, head) in enumerate(zip(self.widen, self.up, self.heads, strict=True), start=2):
            image = stage(torch.cat([widen(image), seen[-level]], dim=1))
            if every or level == len(seen):
                answers.append(head(image))
        return answers[::-1] if every else answers[-1]


def _stage(
    before: int, count: int, kernel: tuple[int, ...], stride: tuple[int, ...], convolutions: int
) -> nn.Sequential:
    axes, layers = len(stride), list[nn.Module]()
    for number in range(convolutions):
        layers += [
            _CONVOLUTION[axes](
                before if number == 0 else count,
                count,
                kernel,
                stride if number == 0 else 1,
                tuple((size - 1) // 2 for size in kernel),
            ),
            _NORM[axes](count, eps=1e-5, affine=True),
            nn.LeakyReLU(_SLOPE, inplace=True),
        ]
    return nn.Sequential(*layers)


def _initialise(module: nn.Module) -> None:
    """He's normal distribution for leaky ReLU."""
    if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, a=_SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
