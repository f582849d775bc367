"""The polynomial schedule at its ends and in its middle."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hipseg.tasks.schedules import polynomial


def _rates(steps: int, power: float, taken: int) -> list[float]:
    """The rate before each of some steps."""
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.01)
    scheduler, rates = polynomial(optimizer, steps, power), []
    for _ in range(taken):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_it_starts_at_the_optimizers_rate_and_ends_at_nothing() -> None:
    rates = _rates(100, 0.9, 101)
    assert rates[0] == 0.01
    assert rates[50] == pytest.approx(0.01 * 0.5**0.9)
    assert rates[99] == pytest.approx(0.01 * 0.01**0.9)
    assert rates[100] == 0
    assert rates == sorted(rates, reverse=True)


def test_a_power_of_one_is_a_straight_line() -> None:
    assert _rates(4, 1.0, 5) == pytest.approx([0.01, 0.0075, 0.005, 0.0025, 0.0])


def test_steps_beyond_the_last_stay_at_nothing() -> None:
    assert _rates(2, 0.9, 5)[2:] == [0, 0, 0]


def test_a_run_of_no_step_has_a_rate() -> None:
    assert _rates(0, 0.9, 2) == [0.01, 0.01]
