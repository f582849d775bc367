"""What turns a network's channels into label probabilities: softmax over all labels, or a sigmoid a label.

What is to be learnt is a label map (B, ...) or, of every pixel, each label's share (B, labels, ...) as floats.
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F


class Activation(Protocol):
    """An output activation; channels are (B, channels, ...), label maps (B, ...)."""

    def channels(self, labels: int) -> int:
        """How many channels the network needs for so many labels, the background included."""

    def __call__(self, logits: Tensor) -> Tensor:
        """The probability of every channel."""

    def target(self, labels: Tensor, channels: int) -> Tensor:
        """A label map, one-hot, or shares as the channels to be learnt, float."""

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The matching cross-entropy of every pixel, (B, ...)."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """(B, labels, ...): the probability of every label, the background first."""

    def decide(self, logits: Tensor) -> Tensor:
        """(B, ...) int64: the label map."""


def _shares(labels: Tensor, count: int) -> Tensor:
    """A label map, one-hot, or shares as they are: (B, count, ...) float."""
    return labels if labels.is_floating_point() else F.one_hot(labels.long(), count).movedim(-1, 1).float()


class Softmax:
    """One channel for every label, the background too; the largest wins."""

    def channels(self, labels: int) -> int:
        """As many as labels."""
        return labels

    def __call__(self, logits: Tensor) -> Tensor:
        """Softmax over channels."""
        return torch.softmax(logits, dim=1)

    def target(self, labels: Tensor, channels: int) -> Tensor:
        """With the background as channel 0."""
        return _shares(labels, channels)

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Over all labels."""
        target = labels if labels.is_floating_point() else labels.long()
        return F.cross_entropy(logits, target, reduction="none")

    def probabilities(self, logits: Tensor) -> Tensor:
        """The softmax itself."""
        return self(logits)

    def decide(self, logits: Tensor) -> Tensor:
        """The most probable label."""
        return logits.argmax(dim=1)


class Sigmoid:
    """One channel for every label but the background; the largest above the threshold wins, else background.

    Args:
        threshold: 0 to 1.
    """

    def __init__(self, threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5) -> None:
        self.threshold = threshold

    def channels(self, labels: int) -> int:
        """One less than labels."""
        return labels - 1

    def __call__(self, logits: Tensor) -> Tensor:
        """A sigmoid on every channel."""
        return torch.sigmoid(logits)

    def target(self, labels: Tensor, channels: int) -> Tensor:
        """Without the background."""
        return _shares(labels, channels + 1)[:, 1:]

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Binary, on every channel: background pixels teach every channel to be off."""
        target = self.target(labels, logits.shape[1])
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """The sigmoids, their odds scaled so that the threshold becomes one half, behind a background of what is left.

        So the background is the largest exactly where none exceeds the threshold, and contours at one half run where
        label maps end.
        """
        inside = torch.sigmoid(logits - math.log(self.threshold / (1 - self.threshold)))
        return torch.cat([1 - inside.amax(dim=1, keepdim=True), inside], dim=1)

    def decide(self, logits: Tensor) -> Tensor:
        """The most probable label above the threshold, else 0."""
        best, channel = self(logits).max(dim=1)
        return torch.where(best > self.threshold, channel + 1, 0)
