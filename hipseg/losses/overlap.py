"""Segmentation losses on (B, channels, ...) logits and the activation's own target, of label maps or of shares.

A weight map (B, ...), 1 or 0, says which pixels count: the others are absent from prediction and target alike.
"""

from __future__ import annotations

from monai.losses import DiceLoss
from torch import Tensor, nn

from hipseg.losses.activation import Activation


class ProbabilityLoss(nn.Module):
    """What compares the activation's probabilities with its target, both (B, channels, ...).

    Args:
        activation: The output activation.
        include_background: Whether channel 0 counts under softmax; under sigmoid there is no background channel.
        compare: Of probabilities and target without what is left out, a scalar.
    """

    def __init__(self, activation: Activation, include_background: bool, compare: nn.Module) -> None:
        super().__init__()
        self.activation, self._compare = activation, compare
        self._first = 0 if include_background or activation.channels(2) == 1 else 1

    def forward(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """A scalar."""
        probabilities, target = self.activation(logits), self.activation.target(labels, logits.shape[1])
        if weight is not None:
            counts = weight[:, None].to(probabilities)
            probabilities, target = probabilities * counts, target * counts
        loss: Tensor = self._compare(probabilities[:, self._first :], target[:, self._first :])
        return loss


class Dice(ProbabilityLoss):
    """1 - Dice of probabilities and target, per channel and image, averaged (Milletari, V-Net, 2016; MONAI's form).

    With `batch` a channel's Dice is of all images of a batch together, as for patches that lack most labels.

    Shares cost nothing where probabilities equal them, by the form that is least there and the same for label maps
    (Wang, Dice semimetric losses, NeurIPS 2023).
    """

    def __init__(self, activation: Activation, include_background: bool = True, batch: bool = False) -> None:
        super().__init__(activation, include_background, DiceLoss(soft_label=True, batch=batch))


class CrossEntropy(nn.Module):
    """The activation's cross-entropy: over labels for softmax, per channel for sigmoid."""

    def __init__(self, activation: Activation) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """A scalar: the mean over the pixels that count."""
        pixels = self.activation.cross_entropy(logits, labels)
        if weight is None:
            return pixels.mean()
        counts = weight.to(pixels)
        return (pixels * counts).sum() / counts.sum().clamp(min=1)


class WeightedSum(nn.Module):
    """Dice and another loss, each with its weight."""

    def __init__(self, dice: nn.Module, dice_weight: float, other: nn.Module, other_weight: float) -> None:
        super().__init__()
        self.dice, self.other = dice, other
        self.dice_weight, self.other_weight = dice_weight, other_weight

    def forward(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """A scalar."""
        dice, other = self.dice(logits, labels, weight), self.other(logits, labels, weight)
        total: Tensor = self.dice_weight * dice + self.other_weight * other
        return total


class DiceCrossEntropy(WeightedSum):
    """The sum of Dice and cross-entropy.

    Args:
        activation: The output activation.
        dice_weight: Of the Dice loss.
        cross_entropy_weight: Of the cross-entropy.
        include_background: As in `Dice`.
        batch: As in `Dice`.
    """

    def __init__(
        self,
        activation: Activation,
        dice_weight: float = 1.0,
        cross_entropy_weight: float = 1.0,
        include_background: bool = True,
        batch: bool = False,
    ) -> None:
        dice = Dice(activation, include_background, batch)
        super().__init__(dice, dice_weight, CrossEntropy(activation), cross_entropy_weight)
