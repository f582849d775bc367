"""The share of every resolution, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hipseg.losses.deep_supervision import deep_supervision


class _Mean(nn.Module):
    """The mean of the logits; notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[Tensor, Tensor | None]] = []

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        self.given.append((target, weight))
        return logits.mean()


def _answers(*values: float) -> list[Tensor]:
    return [torch.full((1, 2, 8 >> level, 8 >> level), value) for level, value in enumerate(values)]


def _supervised(*values: float) -> float:
    return float(deep_supervision(_Mean(), _answers(*values), torch.zeros(1, 8, 8, dtype=torch.uint8), None))


def test_each_resolution_counts_half_as_much_as_the_next_finer_one() -> None:
    # Three count: 1, 1/2 and 1/4 of 7/4.
    assert _supervised(7.0, 0.0, 0.0, 0.0) == pytest.approx(4)
    assert _supervised(0.0, 7.0, 0.0, 0.0) == pytest.approx(2)
    assert _supervised(0.0, 0.0, 7.0, 0.0) == pytest.approx(1)
    assert _supervised(1.0, 10.0, 100.0, 5.0) == pytest.approx((4 * 1 + 2 * 10 + 100) / 7)


def test_the_coarsest_does_not_count() -> None:
    assert _supervised(0.0, 0.0, 0.0, 1e6) == 0
    assert _supervised(3.0, 1e6) == 3


def test_a_single_answer_counts_whole() -> None:
    assert _supervised(3.0) == 3


def test_weights_add_up_to_one() -> None:
    for count in range(1, 5):
        assert _supervised(*[5.0] * count) == pytest.approx(5)


def test_what_is_the_same_at_all_resolutions_is_given_as_it_is() -> None:
    loss, target, weight = _Mean(), torch.zeros(1, 8, 8, dtype=torch.uint8), torch.ones(1, 8, 8, dtype=torch.uint8)
    deep_supervision(loss, _answers(1.0), target, weight)
    assert loss.given[0][0] is target
    assert loss.given[0][1] is weight


def _quarters(values: list[list[float]]) -> Tensor:
    """8 x 8 pixels in four squares of 4 x 4."""
    return torch.tensor(values).repeat_interleave(4, 0).repeat_interleave(4, 1)


def test_label_maps_and_weight_maps_are_resampled_with_the_answers() -> None:
    loss = _Mean()
    target = _quarters([[0, 1], [2, 3]])[None].to(torch.uint8)
    weight = _quarters([[1, 0], [0, 1]])[None].to(torch.uint8)
    deep_supervision(loss, _answers(0.0, 0.0, 0.0), target, weight)
    (_, _), (coarse, weighed) = loss.given
    assert coarse.dtype == torch.uint8
    assert coarse[0].tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2
    assert weighed is not None
    assert weighed[0].tolist() == [[1, 1, 0, 0]] * 2 + [[0, 0, 1, 1]] * 2


def test_shares_of_labels_are_resampled_label_by_label() -> None:
    loss = _Mean()
    share = _quarters([[0.25, 0.5], [0.75, 1.0]])
    deep_supervision(loss, _answers(0.0, 0.0, 0.0), torch.stack([share, 1 - share])[None], None)
    coarse, weighed = loss.given[1]
    assert coarse.shape == (1, 2, 4, 4)
    assert coarse[0, 0].tolist() == [[0.25, 0.25, 0.5, 0.5]] * 2 + [[0.75, 0.75, 1.0, 1.0]] * 2
    assert torch.equal(coarse[0, 1], 1 - coarse[0, 0])
    assert weighed is None


def test_volumes_are_resampled_too() -> None:
    loss = _Mean()
    target = torch.arange(4, dtype=torch.uint8)[None, :, None, None].expand(1, 4, 4, 4)
    answers = [torch.zeros(1, 2, 4, 4, 4), torch.zeros(1, 2, 4, 2, 2), torch.zeros(1, 2, 2, 1, 1)]
    deep_supervision(loss, answers, target, None)
    coarse = loss.given[1][0]
    assert coarse.shape == (1, 4, 2, 2)
    assert coarse[0, :, 0, 0].tolist() == [0, 1, 2, 3]
