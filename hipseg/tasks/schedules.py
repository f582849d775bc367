"""Learning-rate schedules that know how many optimiser steps a run will take."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def constant(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """The optimiser's own learning rate throughout, as in the thesis."""
    return LambdaLR(optimizer, lambda step: 1.0)


def one_cycle(optimizer: Optimizer, total_steps: int, max_lr: float, warm_up: float) -> LRScheduler:
    """Up to `max_lr` over the first share `warm_up` of the steps, then down to nearly nothing (Smith, 2018)."""
    return OneCycleLR(optimizer, max_lr=max_lr, total_steps=max(total_steps, 2), pct_start=warm_up)
