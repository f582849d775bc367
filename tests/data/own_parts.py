"""Networks and losses as a user may write them, some with mistakes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hipseg.losses.activation import Activation


class Net(nn.Module):
    """A network of one layer."""

    def __init__(self, in_channels: int, out_channels: int, width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Conv2d(in_channels, out_channels, width, padding=width // 2)

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.layer(image)
        return logits


class OneChannel(Net):
    """It gives one channel, whatever is asked of it."""

    def __init__(self, in_channels: int, out_channels: int, width: int = 3) -> None:
        super().__init__(in_channels, 1, width)


class NoChannels(nn.Module):
    """It can't be told how many channels to give."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()


class Loss(nn.Module):
    """As hipseg calls it."""

    def __init__(self, activation: Activation, power: float = 1.0) -> None:
        super().__init__()
        self._activation, self._power = activation, power

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The share that the right label lacks."""
        probabilities = self._activation.probabilities(logits)
        right = torch.gather(probabilities, 1, target.long()[:, None])[:, 0]
        return ((1 - right) ** self._power * weight).mean()


class WithoutActivation(nn.Module):
    """It doesn't take the activation."""

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Nothing of use."""
        return logits.mean()


class WithoutWeight(Loss):
    """It doesn't take the weights."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """Nothing of use."""
        return logits.mean()


class NoModule:
    """A class of another kind."""

    def __init__(self, activation: Activation) -> None: ...

    def __call__(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Nothing of use."""
        return logits.mean()


def a_function(logits: Tensor, target: Tensor, weight: Tensor, activation: Any = None) -> Tensor:
    """A loss that is a function."""
    return logits.mean()
