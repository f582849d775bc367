"""Softmax and sigmoid: targets, cross-entropies against closed forms, and the rules that decide a label."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from hipseg.losses.activation import Activation, Sigmoid, Softmax

LABELS = torch.tensor([[[0, 1, 2], [3, 3, 0]]], dtype=torch.uint8)


def _logits(*pixels: tuple[float, ...]) -> Tensor:
    """(1, channels, 1, pixels) whose sigmoids are the given probabilities."""
    return torch.logit(torch.tensor(pixels).T)[None, :, None]


def _slope(activation: Activation, logits: Tensor, target: Tensor) -> Tensor:
    """The gradient of the mean cross-entropy."""
    logits = logits.clone().requires_grad_()
    (slope,) = torch.autograd.grad(activation.cross_entropy(logits, target).mean(), logits)
    return slope


@pytest.mark.parametrize(("activation", "channels"), [(Softmax(), 4), (Sigmoid(), 3)])
def test_channels_of_four_labels(activation: Activation, channels: int) -> None:
    assert activation.channels(4) == channels


def test_targets_are_one_hot() -> None:
    expected = torch.stack([LABELS[0] == label for label in range(4)]).float()[None]
    assert torch.equal(Softmax().target(LABELS, 4), expected)
    assert torch.equal(Sigmoid().target(LABELS, 3), expected[:, 1:])


@pytest.mark.parametrize(("activation", "channels", "nats"), [(Softmax(), 4, np.log(4)), (Sigmoid(), 3, np.log(2))])
def test_cross_entropy_of_knowing_nothing(activation: Activation, channels: int, nats: float) -> None:
    assert activation.cross_entropy(torch.zeros(1, channels, 2, 3), LABELS).mean().item() == pytest.approx(nats)


def test_cross_entropies_against_numpy() -> None:
    logits = torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    x, labels = logits[0].numpy().astype(float), LABELS[0].numpy()
    p = np.exp(x) / np.exp(x).sum(0)
    picked = np.take_along_axis(p, labels[None].astype(int), 0)
    assert Softmax().cross_entropy(logits, LABELS).mean().item() == pytest.approx(-np.log(picked).mean(), rel=1e-5)
    on = 1 / (1 + np.exp(-x[1:]))
    hot = np.stack([labels == label for label in (1, 2, 3)])
    expected = -np.where(hot, np.log(on), np.log(1 - on)).mean()
    assert Sigmoid().cross_entropy(logits[:, 1:], LABELS).mean().item() == pytest.approx(expected, rel=1e-5)


def test_shares_are_their_own_target_and_one_hot_shares_cost_what_labels_do() -> None:
    shares = torch.softmax(torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(1)), 1)
    assert torch.equal(Softmax().target(shares, 4), shares)
    assert torch.equal(Sigmoid().target(shares, 3), shares[:, 1:])
    hot = torch.stack([LABELS[0] == label for label in range(4)]).float()[None]
    activations: list[tuple[Activation, int]] = [(Softmax(), 4), (Sigmoid(), 3)]
    for activation, channels in activations:
        logits = torch.randn(1, channels, 2, 3, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(activation.cross_entropy(logits, hot), activation.cross_entropy(logits, LABELS))


def test_cross_entropies_are_least_where_probabilities_equal_shares() -> None:
    shares = torch.softmax(torch.randn(1, 4, 2, 3, generator=torch.Generator().manual_seed(1)), 1)
    for activation, exact in ((Softmax(), shares.log()), (Sigmoid(), torch.logit(shares[:, 1:]))):
        assert _slope(activation, exact, shares).abs().max() < 1e-7  # type: ignore[arg-type]
        assert _slope(activation, 2 * exact, shares).abs().max() > 0.005  # type: ignore[arg-type]


def test_background_teaches_every_sigmoid_channel() -> None:
    slope = _slope(Sigmoid(), torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, dtype=torch.uint8))
    assert torch.allclose(slope, torch.full((1, 3, 2, 2), 0.5 / 12))


def test_softmax_decides_for_the_largest() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0], [9.0, 1.0, 2.0, 3.0], [0.0, 5.0, 4.0, 4.0]]).T[None, :, None]
    assert Softmax().decide(logits).tolist() == [[[3, 0, 1]]]


@pytest.mark.parametrize(
    ("threshold", "decided"), [(0.5, [0, 1, 2, 3, 0]), (0.8, [0, 0, 2, 0, 0]), (0.3, [1, 1, 2, 3, 0])]
)
def test_sigmoid_decides_for_the_largest_above_the_threshold(threshold: float, decided: list[int]) -> None:
    pixels = [(0.4, 0.2, 0.1), (0.6, 0.5, 0.1), (0.8, 0.9, 0.85), (0.1, 0.1, 0.7), (0.1, 0.2, 0.1)]
    assert Sigmoid(threshold).decide(_logits(*pixels)).tolist() == [[decided]]


def test_sigmoid_at_the_threshold_is_background() -> None:
    assert Sigmoid(0.5).decide(torch.zeros(1, 3, 1, 1)).item() == 0


def test_softmax_probabilities() -> None:
    probabilities = Softmax().probabilities(torch.log(torch.tensor([1.0, 2.0, 3.0, 4.0]))[None, :, None])
    assert probabilities.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_sigmoid_probabilities_put_the_background_first() -> None:
    probabilities = Sigmoid().probabilities(_logits((0.1, 0.7, 0.4)))
    assert probabilities.flatten().tolist() == pytest.approx([0.3, 0.1, 0.7, 0.4])


def test_sigmoid_threshold_becomes_one_half_where_contours_run() -> None:
    probabilities = Sigmoid(0.3).probabilities(_logits((0.3, 0.1, 0.1), (0.4, 0.1, 0.1)))[0, 1].flatten()
    assert probabilities.tolist() == pytest.approx([0.5, 0.28 / 0.46])  # odds of 0.4 / 0.6 times 0.7 / 0.3


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_most_probable_label_is_the_decision(threshold: float) -> None:
    # `hipseg predict` takes the largest of the probabilities, the test set the decision: they must not differ.
    logits = 2 * torch.randn(1, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    activation = Sigmoid(threshold)
    assert torch.equal(activation.probabilities(logits).argmax(1), activation.decide(logits))
