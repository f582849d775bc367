"""Learning-rate schedules that know how many optimiser steps a run will take."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """The optimiser's own learning rate throughout, as in the thesis."""
    return LambdaLR(optimizer, lambda step: 1.0)


def polynomial(optimizer: Optimizer, total_steps: int, power: float) -> LRScheduler:
    """The optimiser's rate, falling to 0 with (1 - step / steps) to a power."""
    return LambdaLR(optimizer, lambda step: (1 - min(step, total_steps) / max(total_steps, 1)) ** power)


def step(
    optimizer: Optimizer,
    total_steps: int,
    every: Annotated[float, Field(gt=0)],
    epochs: Annotated[int, Field(ge=1)],
    factor: Annotated[float, Field(gt=0, le=1)],
) -> LRScheduler:
    """The optimiser's rate, multiplied by a factor every so many epochs.

    Args:
        optimizer: With the rate of the first epochs.
        total_steps: Optimiser steps of the whole run.
        every: Epochs between drops.
        epochs: Of the whole run.
        factor: By which it drops.
    """
    return LambdaLR(optimizer, lambda step: factor ** int(step * epochs / (every * max(total_steps, 1))))


def one_cycle(optimizer: Optimizer, total_steps: int, warm_up: Annotated[float, Field(ge=0, le=1)]) -> LRScheduler:
    """Up to the optimiser's learning rate, then down to nearly nothing (Smith, 2018).

    Args:
        optimizer: Its learning rate is the peak.
        total_steps: Optimiser steps of the whole run.
        warm_up: Share of the steps that lead up to the peak; at least one step leads up and one down.
    """
    steps = max(total_steps, 3)
    peaks = [group["lr"] for group in optimizer.param_groups]
    share = min(max(warm_up, 2 / steps), 1 - 1 / steps)
    return OneCycleLR(optimizer, max_lr=peaks, total_steps=steps, pct_start=share)
