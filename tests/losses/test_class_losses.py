"""Losses of classes against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from hipseg.losses.classification import CrossEntropy, Focal

LOGITS = torch.tensor([[0.0, math.log(3.0)], [math.log(4.0), 0.0]])  # of the second class 3/4 and 1/5
TARGET = torch.tensor([1, 1])


def test_cross_entropy_is_the_mean_logarithm() -> None:
    found = CrossEntropy(None, (5, 5))(LOGITS, TARGET)
    assert float(found) == pytest.approx((math.log(4 / 3) + math.log(5)) / 2, rel=1e-6)


def test_balanced_classes_count_alike_however_many_there_are() -> None:
    target = torch.tensor([1, 0])  # of the first class 4/5
    found = CrossEntropy("balanced", (30, 10))(LOGITS, target)
    expected = (3 * math.log(4 / 3) + 1 * math.log(5 / 4)) / 4
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_focal_loss_counts_by_what_is_missing() -> None:
    found = Focal(None, 2.0, (1, 1))(LOGITS, TARGET)
    expected = (0.25**2 * math.log(4 / 3) + 0.8**2 * math.log(5)) / 2
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_focal_loss_of_gamma_0_is_cross_entropy() -> None:
    weights = (0.3, 1.7)
    a, b = (
        Focal(weights, 0.0, (1, 1))(LOGITS, torch.tensor([0, 1])),
        CrossEntropy(weights, (1, 1))(LOGITS, torch.tensor([0, 1])),
    )
    assert float(a) == pytest.approx(float(b), rel=1e-6)


def test_as_many_weights_as_classes_are_needed() -> None:
    with pytest.raises(ValueError, match="3 weights for 2 classes"):
        CrossEntropy((1.0, 1.0, 1.0), (4, 4))
