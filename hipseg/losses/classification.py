"""Losses of classes: logits (B, classes) against the index of the right one (B,)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

Weights = tuple[Annotated[float, Field(ge=0)], ...] | Literal["balanced"] | None


class ClassLoss(nn.Module):
    """What losses of classes have in common: how much every class counts.

    Args:
        weights: Of every class; `balanced` makes all classes count alike, as often as they are there; 1 each if None.
        counts: How many training cases every class has.

    Raises:
        ValueError: If there are not as many weights as classes.
    """

    weights: Tensor

    def __init__(self, weights: Weights, counts: Sequence[int]) -> None:
        super().__init__()
        if isinstance(weights, str):
            found = [sum(counts) / (len(counts) * max(count, 1)) for count in counts]
        else:
            found = [1.0] * len(counts) if weights is None else list(weights)
        if len(found) != len(counts):
            raise ValueError(f"there are {len(found)} weights for {len(counts)} classes")
        self.register_buffer("weights", torch.tensor(found, dtype=torch.float32), persistent=False)


class CrossEntropy(ClassLoss):
    """Cross-entropy, averaged over cases by their classes' weights; see `ClassLoss`.

    Args:
        weights: See `ClassLoss`.
        counts: See `ClassLoss`.
        smoothing: Share of the target that is spread over all classes.
    """

    def __init__(
        self, weights: Weights, counts: Sequence[int] = (), smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ) -> None:
        super().__init__(weights, counts)
        self._smoothing = smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(logits, target, self.weights, label_smoothing=self._smoothing)


class Focal(ClassLoss):
    """Cross-entropy in which a case counts by (1 - probability of its class)^gamma (Lin et al., ICCV 2017).

    Args:
        weights: See `ClassLoss`.
        gamma: 0 is cross-entropy.
        counts: See `ClassLoss`.
    """

    def __init__(self, weights: Weights, gamma: Annotated[float, Field(ge=0)], counts: Sequence[int] = ()) -> None:
        super().__init__(weights, counts)
        self._gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch, averaged over cases by their classes' weights."""
        log = F.log_softmax(logits, dim=1).gather(1, target[:, None])[:, 0]
        weight = self.weights[target]
        return -(weight * (1 - log.exp()) ** self._gamma * log).sum() / weight.sum()
