"""The records that datasets return and tasks understand."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class HipSample(NamedTuple):
    """One hip as if it were the right one, or a batch of them with one more axis in front.

    Attributes:
        image: (1, H, W) float32 in [0, 1].
        label: (H, W) uint8, the label map.
        target: What a loss compares with: the label map, or (labels, H, W) float32 shares that sum to 1.
        weight: (H, W) uint8, 1 where a loss counts, else 0.
        outside: (labels,) int64, pixels of each label that lie outside the image.
        corner: (2,) int64, row and column of the image's first pixel in the stored one, mirrored if it is a left hip's.
        spacing_mm: Millimetres per pixel.
        row: The hip's row in the store, which leads to its key, landmarks and film.
        overview: (1, h, w) float32, its whole film at a glance, where something learns to find it; else empty.
        place: (2,) float32, x and y of its femoral head there, NaN if it lies beyond.
    """

    image: Tensor
    label: Tensor
    target: Tensor
    weight: Tensor
    outside: Tensor
    corner: Tensor
    spacing_mm: Tensor
    row: Tensor
    overview: Tensor = torch.zeros(0)
    place: Tensor = torch.zeros(0)


class SegmentationBatch(Protocol):
    """What the segmentation task needs of a batch: `HipSample`'s fields of the same names."""

    @property
    def image(self) -> Tensor:
        """(B, C, ...) float32."""

    @property
    def label(self) -> Tensor:
        """(B, ...) uint8."""

    @property
    def target(self) -> Tensor:
        """(B, ...) uint8, or (B, labels, ...) float32."""

    @property
    def weight(self) -> Tensor:
        """(B, ...) uint8."""

    @property
    def outside(self) -> Tensor:
        """(B, labels) int64."""


class GradedSample(NamedTuple):
    """One picture of a hip with its class, or a batch of them with one more axis in front.

    Attributes:
        image: (1, edge, edge) float32, standardised.
        target: () int64, index of the class.
        grade: () float64, as the reader gave it.
        row: () int64, the picture's row in the store.
    """

    image: Tensor
    target: Tensor
    grade: Tensor
    row: Tensor
