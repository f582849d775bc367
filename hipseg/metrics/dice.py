"""The Dice coefficient of label maps, per image and label.

Rule for empty regions, used everywhere: a label that neither map has counts as 1, one that only one map has as 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric


def dice_scores(predicted: Tensor, truth: Tensor, labels: int, outside: Tensor | None = None) -> Tensor:
    """Dice of every image and label.

    Args:
        predicted: (B, ...) integer label maps.
        truth: Likewise.
        labels: How many there are, the background included.
        outside: (B, labels) true pixels beyond the images, which a prediction can't have found.

    Returns:
        (B, labels) float64 in [0, 1].
    """
    scores = []
    for label in range(labels):
        p, t = (predicted == label).flatten(1), (truth == label).flatten(1)
        missed = outside[:, label] if outside is not None else 0
        both, either = (p & t).sum(1).double(), (p.sum(1) + t.sum(1) + missed).double()
        scores.append(torch.where(either > 0, 2 * both / either.clamp(min=1), torch.ones_like(either)))
    return torch.stack(scores, dim=1)


class Dice(Metric):
    """Mean Dice over images of every label but the background, and the mean of these.

    Args:
        label_names: The background first.
        pooled: Count over all images together instead, one Dice a label; a label that no image has then counts as 1.
    """

    full_state_update = False
    total: Tensor
    either: Tensor
    count: Tensor

    def __init__(self, label_names: Sequence[str], pooled: bool = False) -> None:
        super().__init__()
        self.label_names, self._pooled = tuple(label_names), pooled
        self.add_state("total", torch.zeros(len(self.label_names), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("either", torch.zeros(len(self.label_names), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, truth: Tensor, outside: Tensor | None = None) -> None:
        """Add a batch; see `dice_scores`."""
        if self._pooled:
            for label in range(len(self.label_names)):
                p, t = predicted == label, truth == label
                self.total[label] += 2 * (p & t).sum()
                self.either[label] += p.sum() + t.sum() + (0 if outside is None else outside[:, label].sum())
            return
        scores = dice_scores(predicted, truth, len(self.label_names), outside)
        self.total += scores.sum(0).to(self.total)
        self.count += len(scores)

    def miss(self, images: int) -> None:
        """Add images that nothing was found of: 0 for every label."""
        self.count += images

    def compute(self) -> dict[str, Tensor]:
        """`mean` and every label's name."""
        means = self.total / self.count
        if self._pooled:
            means = torch.where(self.either > 0, self.total / self.either.clamp(min=1), torch.ones_like(self.either))
        named = {name: means[i] for i, name in enumerate(self.label_names) if i > 0}
        return {"mean": means[1:].mean(), **named}
