"""ResNet18 against a forward pass written out, and public weights from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hipseg.errors import HipsegError
from hipseg.networks.resnet18 import ResNet18


def _norm(x: Tensor, w: dict[str, Tensor], name: str) -> Tensor:
    parts = [w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(x, *parts)


def _written_out(x: Tensor, w: dict[str, Tensor]) -> Tensor:
    """He et al., table 1 and figure 5 left, by torchvision's names."""
    x = F.relu(_norm(F.conv2d(x, w["conv1.weight"], stride=2, padding=3), w, "bn1"))
    x = F.max_pool2d(x, 3, 2, 1)
    for layer in range(1, 5):
        for block in range(2):
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            y = F.relu(_norm(F.conv2d(x, w[f"{name}.conv1.weight"], stride=stride, padding=1), w, f"{name}.bn1"))
            y = _norm(F.conv2d(y, w[f"{name}.conv2.weight"], padding=1), w, f"{name}.bn2")
            if f"{name}.downsample.0.weight" in w:
                x = _norm(F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride), w, f"{name}.downsample.1")
            x = F.relu(x + y)
    return F.linear(x.mean(dim=(2, 3)), w["fc.weight"], w["fc.bias"])


def test_it_is_the_published_network() -> None:
    torch.manual_seed(0)
    network = ResNet18(3, 1000).eval()
    assert sum(p.numel() for p in network.parameters()) == 11_689_512
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(image), _written_out(image, network.state_dict()), rtol=1e-4, atol=1e-4)


def test_one_channel_is_seen_as_three_alike() -> None:
    torch.manual_seed(1)
    grey, colours = ResNet18(1, 2, width=4).eval(), ResNet18(3, 2, width=4).eval()
    colours.load_state_dict(grey.state_dict())
    image = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(grey(image), colours(image.repeat(1, 3, 1, 1)))


def test_public_weights_are_taken_but_for_the_last_layer(tmp_path: Path) -> None:
    public = ResNet18(3, 1000, width=4)
    torch.save(public.state_dict(), tmp_path / "w.pth")
    network = ResNet18(1, 2, width=4, weights=str(tmp_path / "w.pth"))
    for name, values in network.state_dict().items():
        if not name.startswith("fc."):
            torch.testing.assert_close(values, public.state_dict()[name])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda w: {**w, "extra.weight": torch.zeros(1)}, "look at extra.weight"),
        (lambda w: {k: v for k, v in w.items() if k != "layer2.0.conv1.weight"}, "look at layer2.0.conv1.weight"),
        (
            lambda w: {**w, "conv1.weight": torch.zeros(4, 1, 7, 7)},
            r"conv1.weight is \(4, 1, 7, 7\), not \(4, 3, 7, 7\)",
        ),
    ],
)
def test_other_weights_are_refused_by_name(spoil: object, said: str, tmp_path: Path) -> None:
    torch.save(spoil(ResNet18(3, 10, width=4).state_dict()), tmp_path / "w.pth")  # type: ignore[operator]
    with pytest.raises(HipsegError, match=said):
        ResNet18(1, 2, width=4, weights=str(tmp_path / "w.pth"))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"no weights")
    with pytest.raises(HipsegError, match="no file of weights"):
        ResNet18(1, 2, width=4, weights=str(tmp_path / "w.pth"))
    with pytest.raises(HipsegError, match="there is no file"):
        ResNet18(1, 2, width=4, weights=str(tmp_path / "absent.pth"))
