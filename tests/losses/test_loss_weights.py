"""Weight maps: what has no weight is as if it were not in the image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hipseg.losses.activation import Activation, Sigmoid, Softmax
from hipseg.losses.distance import DiceHausdorff, Hausdorff
from hipseg.losses.overlap import CrossEntropy, Dice, DiceCrossEntropy

ACTIVATIONS: list[tuple[Activation, int]] = [(Softmax(), 4), (Sigmoid(), 3)]
LOSSES = [Dice, CrossEntropy, DiceCrossEntropy, Hausdorff, DiceHausdorff]


def _example(channels: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, channels, 12, 10, generator=generator)
    return logits, torch.randint(0, 4, (2, 12, 10), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(("activation", "channels"), ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_full_weight_changes_nothing(loss: type[nn.Module], activation: Activation, channels: int) -> None:
    logits, labels = _example(channels)
    weighted = loss(activation)(logits, labels, torch.ones_like(labels))
    assert weighted.item() == pytest.approx(loss(activation)(logits, labels).item(), rel=1e-6)


@pytest.mark.parametrize(("activation", "channels"), ACTIVATIONS)
@pytest.mark.parametrize("loss", [Dice, CrossEntropy, DiceCrossEntropy])
def test_overlap_is_that_of_the_counted_part(loss: type[nn.Module], activation: Activation, channels: int) -> None:
    logits, labels = _example(channels)
    weight = torch.zeros_like(labels)
    weight[:, 2:9, 3:] = 1
    part = loss(activation)(logits[:, :, 2:9, 3:], labels[:, 2:9, 3:])
    assert loss(activation)(logits, labels, weight).item() == pytest.approx(part.item(), rel=1e-5)


@pytest.mark.parametrize(("activation", "channels"), ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_uncounted_pixels_teach_nothing(loss: type[nn.Module], activation: Activation, channels: int) -> None:
    logits, labels = _example(channels)
    logits.requires_grad_()
    weight = torch.ones_like(labels)
    weight[:, :, 6:] = 0
    (taught,) = torch.autograd.grad(loss(activation)(logits, labels, weight), logits)
    assert (taught[..., 6:] == 0).all()
    assert (taught[..., :6] != 0).any()


@pytest.mark.parametrize(("activation", "channels"), ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_shares_of_0_and_1_cost_what_the_label_map_does(
    loss: type[nn.Module], activation: Activation, channels: int
) -> None:
    logits, labels = _example(channels)
    shares = torch.stack([labels == label for label in range(4)], dim=1).float()
    weight = (labels != 2).to(torch.uint8)
    by_map = loss(activation)(logits, labels, weight).item()
    assert loss(activation)(logits, shares, weight).item() == pytest.approx(by_map, rel=1e-6)


def test_no_weight_at_all_costs_nothing() -> None:
    logits, labels = _example(4)
    assert CrossEntropy(Softmax())(logits, labels, torch.zeros_like(labels)).item() == 0


def test_hausdorff_of_one_wrong_pixel_by_hand() -> None:
    """A certain prediction wrong in one pixel, 3 pixels right of a head that fills the columns up to 4."""
    labels = torch.zeros(1, 9, 12, dtype=torch.uint8)
    labels[:, :, :4] = 1
    predicted = labels.clone()
    predicted[0, 4, 6] = 1
    logits = 200.0 * (torch.nn.functional.one_hot(predicted.long(), 2).movedim(-1, 1).float() - 0.5)
    # It is 3 pixels from the nearest of the target's head, and 1 from the nearest background of its own.
    expected = (3.0**2 + 1.0**2) / (9 * 12)
    assert Hausdorff(Softmax())(logits, labels).item() == pytest.approx(expected, rel=1e-4)


def test_sum_of_dice_and_hausdorff() -> None:
    logits, labels = _example(4)
    dice, far = Dice(Softmax(), include_background=False)(logits, labels), Hausdorff(Softmax())(logits, labels)
    found = DiceHausdorff(Softmax(), dice_weight=0.5, hausdorff_weight=0.01)(logits, labels)
    assert found.item() == pytest.approx((0.5 * dice + 0.01 * far).item(), rel=1e-6)
