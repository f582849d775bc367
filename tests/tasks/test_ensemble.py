"""Several trained tasks as one: the mean of what they say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from hipseg.losses.activation import Softmax
from hipseg.tasks.segmentation import Ensemble, SegmentationTask


class Says(nn.Module):
    """Logits whose softmax is a known probability of the second of two labels."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.logit(torch.tensor(probability)))

    def forward(self, image: Tensor) -> Tensor:
        return torch.stack([torch.zeros_like(image[:, 0]), self.logit.expand(image[:, 0].shape)], dim=1)


def member(probability: float, subjects: list[str]) -> SegmentationTask:
    record = {"training": {"subjects": subjects, "films": []}}
    return SegmentationTask(Says(probability), Softmax(), nn.Identity(), ("background", "bone"), None, None, record)


def test_probabilities_are_averaged_and_not_votes() -> None:
    """Two are a little below one half and one is sure: the mean decides for it."""
    task = Ensemble([member(0.45, []), member(0.45, []), member(0.99, [])])
    found = task(torch.rand(2, 1, 5, 4))
    assert found.shape == (2, 2, 5, 4)
    torch.testing.assert_close(found[:, 1], torch.full((2, 5, 4), (0.45 + 0.45 + 0.99) / 3))
    assert (found.argmax(dim=1) == 1).all()


def test_whom_any_of_them_has_seen_is_seen() -> None:
    task = Ensemble([member(0.5, ["a", "b"]), member(0.5, ["c", "b"])])
    assert task.record["training"]["subjects"] == ["a", "b", "c"]


def test_one_is_as_good_as_itself() -> None:
    image = torch.rand(1, 1, 3, 3)
    assert torch.equal(Ensemble([alone := member(0.7, [])])(image), alone(image))
    assert alone(image)[0, 1, 0, 0].item() == pytest.approx(0.7)
