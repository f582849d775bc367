"""Dice, cross-entropy and their sum, against closed forms, numpy and MONAI."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import Tensor
from torch.nn import functional as F

from hipseg.losses.activation import Activation, Sigmoid, Softmax
from hipseg.losses.overlap import CrossEntropy, Dice, DiceCrossEntropy

# 12 pixels: 6 background, 3 head, 2 roof, 1 joint space.
LABELS = torch.tensor([[[0, 0, 0, 0], [0, 0, 1, 1], [1, 2, 2, 3]]], dtype=torch.uint8)
COUNTS = np.array([6, 3, 2, 1])


def _random(channels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(channels)
    logits = torch.randn(2, channels, 5, 7, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, 4, (2, 5, 7), generator=generator)


def _certain(channels: int) -> Tensor:
    """Logits of a perfect prediction."""
    return 40 * F.one_hot(LABELS.long(), 4).movedim(-1, 1)[:, 4 - channels :].float() - 20


@pytest.mark.parametrize("background", [True, False])
def test_softmax_dice_of_knowing_nothing(background: bool) -> None:
    loss = Dice(Softmax(), include_background=background)(torch.zeros(1, 4, 3, 4), LABELS)
    dice = (2 * COUNTS / 4 / (12 / 4 + COUNTS))[0 if background else 1 :]
    assert loss.item() == pytest.approx(1 - dice.mean(), abs=1e-5)


def test_sigmoid_dice_of_knowing_nothing() -> None:
    loss = Dice(Sigmoid())(torch.zeros(1, 3, 3, 4), LABELS)
    assert loss.item() == pytest.approx(1 - (2 * COUNTS[1:] / 2 / (12 / 2 + COUNTS[1:])).mean(), abs=1e-5)


def test_sigmoid_dice_keeps_the_femoral_head_without_background() -> None:
    # There is no background channel to leave out: channel 0 is the femoral head.
    logits, labels = _random(3)
    without = Dice(Sigmoid(), include_background=False)(logits, labels)
    assert without.item() == pytest.approx(Dice(Sigmoid(), include_background=True)(logits, labels).item())


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
def test_perfect_prediction_costs_nothing(activation: Activation, channels: int) -> None:
    for loss in (Dice(activation), CrossEntropy(activation), DiceCrossEntropy(activation)):
        assert loss(_certain(channels), LABELS).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
def test_dice_of_shares_is_nothing_at_the_shares_and_more_beside(activation: Activation, channels: int) -> None:
    shares = torch.softmax(_random(4)[0], 1)
    exact = shares.log() if channels == 4 else torch.logit(shares[:, 1:])
    assert Dice(activation)(exact, shares).item() == pytest.approx(0, abs=1e-5)
    for other in (2 * exact, 0.5 * exact, exact.roll(1, dims=3)):  # surer, less sure, elsewhere
        assert Dice(activation)(other, shares).item() > 0.05


def test_dice_is_the_mean_over_images_and_channels() -> None:
    logits, labels = _random(4)
    p = torch.softmax(logits, 1).numpy()
    hot = np.stack([labels.numpy() == label for label in range(4)], axis=1)
    dice = 2 * (p * hot).sum((2, 3)) / (p.sum((2, 3)) + hot.sum((2, 3)))
    assert Dice(Softmax())(logits, labels).item() == pytest.approx(1 - dice.mean(), abs=1e-5)


def test_softmax_sum_is_monai_dice_ce() -> None:
    logits, labels = _random(4)
    monai = DiceCELoss(softmax=True, to_onehot_y=True)(logits, labels[:, None])
    assert DiceCrossEntropy(Softmax())(logits, labels).item() == pytest.approx(monai.item(), abs=1e-6)


def test_sigmoid_sum_is_monai_dice_and_binary_cross_entropy() -> None:
    # Not MONAI's DiceCELoss(sigmoid=True), whose cross-entropy is a softmax over the three channels.
    logits, labels = _random(3)
    hot = F.one_hot(labels, 4).movedim(-1, 1)[:, 1:].double()
    expected = DiceLoss(sigmoid=True)(logits, hot) + F.binary_cross_entropy_with_logits(logits, hot)
    assert DiceCrossEntropy(Sigmoid())(logits, labels).item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
def test_weights_of_the_sum(activation: Activation, channels: int) -> None:
    logits, labels = _random(channels)
    dice, cross_entropy = Dice(activation)(logits, labels), CrossEntropy(activation)(logits, labels)
    loss = DiceCrossEntropy(activation, dice_weight=0.25, cross_entropy_weight=3.0)(logits, labels)
    assert loss.item() == pytest.approx((0.25 * dice + 3.0 * cross_entropy).item())


def test_volumes_as_well() -> None:
    labels = torch.stack([LABELS[0], LABELS[0].flip(0)])[None]
    loss = Dice(Softmax())(torch.zeros(1, 4, 2, 3, 4), labels)
    assert loss.item() == pytest.approx(1 - (2 * COUNTS / 4 / (12 / 4 + COUNTS)).mean(), abs=1e-5)
