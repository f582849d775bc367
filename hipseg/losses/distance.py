"""Losses that weigh an error by how far it lies from a boundary."""

from __future__ import annotations

from monai.losses import HausdorffDTLoss

from hipseg.losses.activation import Activation
from hipseg.losses.overlap import Dice, ProbabilityLoss, WeightedSum


class Hausdorff(ProbabilityLoss):
    """Squared error times the squared distances, in pixels, to both boundaries (Karimi and Salcudean, IEEE TMI 2020).

    Args:
        activation: The output activation.
        include_background: As in `Dice`.
        exponent: Of the distances.
    """

    def __init__(self, activation: Activation, include_background: bool = False, exponent: float = 2.0) -> None:
        super().__init__(activation, include_background, HausdorffDTLoss(alpha=exponent, include_background=True))


class DiceHausdorff(WeightedSum):
    """The sum of Dice and the Hausdorff-distance loss.

    Args:
        activation: The output activation.
        dice_weight: Of the Dice loss.
        hausdorff_weight: Of the Hausdorff-distance loss, hundreds of square pixels before anything is learnt.
        include_background: As in `Dice`, for both.
        exponent: As in `Hausdorff`.
    """

    def __init__(
        self,
        activation: Activation,
        dice_weight: float = 1.0,
        hausdorff_weight: float = 0.001,
        include_background: bool = False,
        exponent: float = 2.0,
    ) -> None:
        hausdorff = Hausdorff(activation, include_background, exponent)
        super().__init__(Dice(activation, include_background), dice_weight, hausdorff, hausdorff_weight)
