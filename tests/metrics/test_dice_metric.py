"""The Dice coefficient on hand-drawn label maps, against MONAI, and its rule for empty regions."""

from __future__ import annotations

import pytest
import torch
from monai.metrics import DiceMetric
from torch import Tensor
from torch.nn import functional as F

from hipseg.metrics.dice import Dice, dice_scores

NAMES = ("background", "femoral_head", "acetabular_roof", "joint_space")


def _maps(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randint(0, 4, (count, 6, 9), generator=generator) for _ in range(2))  # type: ignore[return-value]


def test_hand_drawn() -> None:
    truth = torch.tensor([[[0, 0, 1, 1], [2, 2, 1, 1], [2, 2, 3, 0]]])
    predicted = torch.tensor([[[0, 1, 1, 1], [2, 0, 0, 1], [2, 2, 0, 3]]])
    expected = [2 * 1 / (3 + 4), 2 * 3 / (4 + 4), 2 * 3 / (4 + 3), 0]
    assert dice_scores(predicted, truth, 4)[0].tolist() == pytest.approx(expected)


def test_against_monai() -> None:
    predicted, truth = _maps(5, seed=0)
    hot = [F.one_hot(maps, 4).movedim(-1, 1) for maps in (predicted, truth)]
    monai = DiceMetric(include_background=True, reduction="none")(*hot)
    assert torch.allclose(dice_scores(predicted, truth, 4).float(), monai)


@pytest.mark.parametrize(
    ("predicted", "truth", "score"), [([0, 0], [0, 0], 1.0), ([1, 0], [0, 0], 0.0), ([0, 0], [1, 0], 0.0)]
)
def test_empty_regions(predicted: list[int], truth: list[int], score: float) -> None:
    assert dice_scores(torch.tensor([predicted]), torch.tensor([truth]), 2)[0, 1] == score


def test_true_pixels_outside_count_as_missed() -> None:
    maps = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0]])
    outside = torch.tensor([[0, 6], [0, 5]])
    assert dice_scores(maps, maps, 2, outside)[:, 1].tolist() == [2 * 2 / (2 + 2 + 6), 0.0]


def test_metric_is_the_mean_over_images_whatever_the_batches() -> None:
    predicted, truth = _maps(5, seed=1)
    metric = Dice(NAMES)
    for part in (slice(0, 4), slice(4, 5)):
        metric.update(predicted[part], truth[part])
    scores = dice_scores(predicted, truth, 4)
    computed = {name: value.item() for name, value in metric.compute().items()}
    expected = {name: scores[:, i].mean().item() for i, name in enumerate(NAMES) if i > 0}
    assert computed == pytest.approx(expected | {"mean": scores[:, 1:].mean().item()})


def test_metric_starts_anew_after_reset() -> None:
    metric = Dice(NAMES)
    metric.update(*_maps(3, seed=2))
    metric.reset()
    perfect = torch.arange(4)[None]
    metric.update(perfect, perfect)
    assert {name: value.item() for name, value in metric.compute().items()} == dict.fromkeys(("mean", *NAMES[1:]), 1.0)
