"""Learning rates at known steps."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from hipseg.tasks.schedules import constant, one_cycle


def _rates(schedule: partial, steps: int, rate: float = 0.01) -> list[float]:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=rate)
    scheduler = schedule(optimizer, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_constant_keeps_the_rate() -> None:
    assert _rates(partial(constant), 5) == [0.01] * 5


def test_one_cycle_peaks_after_the_warm_up_and_ends_near_nothing() -> None:
    rates = _rates(partial(one_cycle, warm_up=0.25), 20, rate=0.5)
    assert rates[0] == pytest.approx(0.5 / 25)
    assert rates.index(max(rates)) == 4  # the fifth of twenty steps
    assert max(rates) == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.5 / 25 / 1e4)


@pytest.mark.parametrize("warm_up", [0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0])
def test_one_cycle_of_few_steps_goes_up_to_the_peak_and_down(warm_up: float) -> None:
    for steps in range(1, 13):
        rates = _rates(partial(one_cycle, warm_up=warm_up), steps, rate=0.5)
        assert all(0 < rate <= 0.5 * (1 + 1e-9) for rate in rates), steps
        peak = rates.index(max(rates))
        assert rates[: peak + 1] == sorted(rates[: peak + 1]), steps
        assert rates[peak:] == sorted(rates[peak:], reverse=True), steps


def test_one_cycle_is_proportional_to_the_optimizers_rate() -> None:
    slow, fast = (_rates(partial(one_cycle, warm_up=0.25), 4, rate) for rate in (1e-6, 1e-2))
    assert fast == pytest.approx([1e4 * rate for rate in slow])
