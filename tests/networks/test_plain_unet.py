"""The plain U-Net's answers: how many, how large, and from which pixels."""

from __future__ import annotations

import pytest
import torch

from hipseg.networks.plain_unet import PlainUNet

FEATURES, STRIDES, KERNELS = [4, 6, 8, 10], [[1, 1], [2, 2], [2, 2], [2, 2]], [[3, 3]] * 4


def _planar(deep_supervision: bool = True) -> PlainUNet:
    torch.manual_seed(0)
    return PlainUNet(2, 5, FEATURES, STRIDES, KERNELS, deep_supervision=deep_supervision)


def test_training_gives_an_answer_at_every_resolution_but_the_deepest() -> None:
    answers = _planar().train()(torch.randn(3, 2, 32, 48))
    assert [tuple(answer.shape) for answer in answers] == [(3, 5, 32, 48), (3, 5, 16, 24), (3, 5, 8, 12)]


def test_outside_of_training_one_answer_is_given() -> None:
    answer = _planar().eval()(torch.randn(1, 2, 32, 48))
    assert isinstance(answer, torch.Tensor)
    assert answer.shape == (1, 5, 32, 48)


def test_without_deep_supervision_training_gives_one_answer() -> None:
    answer = _planar(deep_supervision=False).train()(torch.randn(1, 2, 32, 48))
    assert isinstance(answer, torch.Tensor)
    assert answer.shape == (1, 5, 32, 48)


def test_the_answer_is_the_finest_of_those_in_training() -> None:
    network, image = _planar(), torch.randn(2, 2, 16, 16)
    with torch.no_grad():
        finest = network.train()(image)[0]  # instance norm is the same in both modes
        assert torch.equal(network.eval()(image), finest)


def test_volumes_are_answered_too() -> None:
    network = PlainUNet(1, 3, [4, 6, 8], [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [[1, 3, 3], [3, 3, 3], [3, 3, 3]])
    answers = network.train()(torch.randn(1, 1, 8, 16, 24))
    assert [tuple(answer.shape) for answer in answers] == [(1, 3, 8, 16, 24), (1, 3, 8, 8, 12)]
    assert network.eval()(torch.randn(1, 1, 8, 16, 24)).shape == (1, 3, 8, 16, 24)


def test_each_axis_has_strides_of_its_own() -> None:
    network = PlainUNet(1, 2, [4, 6, 8], [[1, 1], [2, 1], [2, 2]], [[3, 1], [3, 3], [3, 3]])
    answers = network.train()(torch.randn(1, 1, 32, 10))
    assert [tuple(answer.shape[2:]) for answer in answers] == [(32, 10), (16, 10)]


def test_a_flat_kernel_sees_one_axis_alone() -> None:
    network = PlainUNet(1, 2, [4, 6], [[1, 1], [2, 1]], [[3, 1], [3, 1]]).eval()
    for norm in [part for part in network.modules() if isinstance(part, torch.nn.InstanceNorm2d)]:
        norm.register_forward_hook(lambda module, given, result: given[0])  # it looks at the whole image
    image = torch.randn(1, 1, 16, 8)
    changed = image.clone()
    changed[..., 3] += 1
    with torch.no_grad():
        moved = (network(image) != network(changed)).any(dim=1)[0].any(dim=0)
    assert moved.tolist() == [column == 3 for column in range(8)]


def test_parameters_are_as_many_as_by_hand() -> None:
    network = PlainUNet(2, 5, [4, 6], [[1, 1], [2, 2]], [[3, 3], [3, 3]], convolutions=2)

    def convolved(before: int, after: int, kernel: int) -> int:
        return before * after * kernel + after

    def normed(before: int, after: int) -> int:
        return convolved(before, after, 9) + 2 * after

    down = normed(2, 4) + normed(4, 4) + normed(4, 6) + normed(6, 6)
    up = convolved(6, 4, 4) + normed(8, 4) + normed(4, 4)
    head = convolved(4, 5, 1)
    assert sum(weights.numel() for weights in network.parameters()) == down + up + head


def test_every_parameter_is_taught_in_training() -> None:
    network = _planar().train()
    sum(answer.square().sum() for answer in network(torch.randn(2, 2, 32, 32))).backward()
    untaught = [name for name, weights in network.named_parameters() if weights.grad is None]
    assert untaught == []


@pytest.mark.parametrize(
    ("features", "strides", "kernels"),
    [
        ([4, 6, 8], [[1, 1], [2, 2]], [[3, 3], [3, 3]]),
        ([4, 6], [[1, 1], [2, 2]], [[3, 3]]),
        ([4, 6], [[1, 1]], [[3, 3], [3, 3]]),
        ([4], [[1, 1]], [[3, 3]]),
    ],
)
def test_lists_of_other_lengths_are_refused(
    features: list[int], strides: list[list[int]], kernels: list[list[int]]
) -> None:
    with pytest.raises(ValueError, match="one entry for each of two stages or more"):
        PlainUNet(1, 2, features, strides, kernels)


@pytest.mark.parametrize("axes", [1, 4])
def test_other_than_two_or_three_axes_are_refused(axes: int) -> None:
    with pytest.raises(ValueError, match=f"strides have {axes} axes"):
        PlainUNet(1, 2, [4, 6], [[1] * axes, [2] * axes], [[3] * axes, [3] * axes])
