"""Dice counted over all images together, by hand."""

from __future__ import annotations

import pytest
import torch

from hipseg.metrics.dice import Dice

NAMES = ("background", "head", "neck", "none")


def _computed(metric: Dice) -> dict[str, float]:
    return {name: value.item() for name, value in metric.compute().items()}


def test_pixels_of_all_images_are_counted_together() -> None:
    metric = Dice(NAMES, pooled=True)
    # Head: 1 of both, 3 predicted, 1 true; neck: none predicted, 2 true.
    metric.update(torch.tensor([[1, 1, 1, 0, 0, 0]]), torch.tensor([[1, 0, 0, 0, 2, 2]]))
    # Head: 2 of both, 2 predicted, 4 true; neck: 1 of both, 2 predicted, 1 true.
    metric.update(torch.tensor([[1, 1, 0, 0, 2, 2]]), torch.tensor([[1, 1, 1, 1, 2, 0]]))
    head, neck = 2 * 3 / (5 + 5), 2 * 1 / (2 + 3)
    expected = {"mean": (head + neck + 1) / 3, "head": head, "neck": neck, "none": 1.0}
    assert _computed(metric) == pytest.approx(expected)


def test_batches_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, truth = (torch.randint(0, 3, (6, 5, 7), generator=generator) for _ in range(2))
    whole, parts = Dice(NAMES, pooled=True), Dice(NAMES, pooled=True)
    whole.update(predicted, truth)
    for i in range(6):
        parts.update(predicted[i : i + 1], truth[i : i + 1])
    assert _computed(whole) == pytest.approx(_computed(parts))


def test_an_image_without_a_label_does_not_raise_the_pooled_score() -> None:
    scores = {}
    for pooled in (True, False):
        metric = Dice(NAMES[:2], pooled=pooled)
        metric.update(torch.tensor([[1, 1, 0], [0, 0, 0]]), torch.tensor([[1, 0, 0], [0, 0, 0]]))
        scores[pooled] = _computed(metric)["head"]
    assert scores == pytest.approx({True: 2 / 3, False: (2 / 3 + 1) / 2})


def test_true_pixels_beyond_the_images_are_missed() -> None:
    metric = Dice(NAMES[:2], pooled=True)
    metric.update(torch.tensor([[1, 1]]), torch.tensor([[1, 1]]), torch.tensor([[0, 4]]))
    assert _computed(metric)["head"] == pytest.approx(2 * 2 / (2 + 2 + 4))


def test_it_starts_anew_after_reset() -> None:
    metric = Dice(NAMES[:2], pooled=True)
    metric.update(torch.tensor([[1, 1]]), torch.tensor([[0, 0]]))
    assert _computed(metric)["head"] == 0
    metric.reset()
    metric.update(torch.tensor([[1, 0]]), torch.tensor([[1, 0]]))
    assert _computed(metric)["head"] == 1
