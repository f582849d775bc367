"""Segmentation losses on (B, channels, ...) logits and (B, ...) label maps, with the activation's own target."""

from __future__ import annotations

from monai.losses import DiceLoss
from torch import Tensor, nn

from hipseg.losses.activation import Activation


class Dice(nn.Module):
    """1 - Dice of probabilities and target, per channel and image, averaged (Milletari, V-Net, 2016; MONAI's form).

    Args:
        activation: The output activation.
        include_background: Whether channel 0 counts under softmax; under sigmoid there is no background channel.
    """

    def __init__(self, activation: Activation, include_background: bool = True) -> None:
        super().__init__()
        self.activation = activation
        self.include_background = include_background
        has_background = activation.channels(2) == 2
        self._dice = DiceLoss(include_background=include_background or not has_background)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar."""
        loss: Tensor = self._dice(self.activation(logits), self.activation.target(labels, logits.shape[1]))
        return loss


class CrossEntropy(nn.Module):
    """The activation's cross-entropy: over labels for softmax, per channel for sigmoid."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar."""
        return self.activation.cross_entropy(logits, labels)


class DiceCrossEntropy(nn.Module):
    """The sum of both, each with its weight.

    Args:
        activation: The output activation.
        dice_weight: Of the Dice loss.
        cross_entropy_weight: Of the cross-entropy.
        include_background: As in `Dice`.
    """

    def __init__(
        self,
        activation: Activation,
        dice_weight: float = 1.0,
        cross_entropy_weight: float = 1.0,
        include_background: bool = True,
    ) -> None:
        super().__init__()
        self.dice, self.cross_entropy = Dice(activation, include_background), CrossEntropy(activation)
        self.dice_weight, self.cross_entropy_weight = dice_weight, cross_entropy_weight

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """A scalar."""
        dice = self.dice_weight * self.dice(logits, labels)
        cross_entropy: Tensor = dice + self.cross_entropy_weight * self.cross_entropy(logits, labels)
        return cross_entropy
