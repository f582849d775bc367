"""ResNet18 (He et al., CVPR 2016), laid out as torchvision's, so that public weights fit.

It is MONAI's network, whose stem and shortcuts are told to be those: 11,689,512 parameters with 1000 classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock
from torch import Tensor

from hipseg.errors import HipsegError

_COLOURS: Final = 3
_LAST: Final = "fc."


class ResNet18(ResNet):  # type: ignore[misc]  # MONAI is not typed
    """A residual network of 18 layers; one channel is repeated to the three that public weights have learnt from.

    Args:
        in_channels: Of the images, 1 or 3.
        out_channels: How many classes.
        width: Features of its first stage, which double from each to the next; public weights have 64.
        weights: A file of torchvision's ResNet18 to start from, all but its last layer; at random if None.

    Raises:
        HipsegError: If that file holds other weights.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int = 64, weights: str | None = None) -> None:
        super().__init__(
            block=ResNetBlock, layers=[2, 2, 2, 2], block_inplanes=[width * 2**stage for stage in range(4)],
            spatial_dims=2, n_input_channels=_COLOURS, conv1_t_size=7, conv1_t_stride=2, num_classes=out_channels,
            bias_downsample=False,
        )  # fmt: skip
        if in_channels not in (1, _COLOURS):
            raise HipsegError(f"model.in_channels: it is {in_channels}; 1 or {_COLOURS} are needed")
        if weights is not None:
            load_public(self, Path(weights))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1 or 3, rows, columns) images to (B, classes) logits."""
        logits: Tensor = super().forward(x.expand(-1, _COLOURS, -1, -1))
        return logits


def load_public(network: ResNet18, path: Path) -> None:
    """Give a network the weights of a file of torchvision's, all but its last layer.

    Raises:
        HipsegError: If it can't be read, or holds another network's.
    """
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        given = {name: values for name, values in given.items() if not name.startswith(_LAST)}
    except FileNotFoundError:
        raise HipsegError(f"model.weights: there is no file {path}") from None
    except Exception:  # an unpickler raises many kinds on foreign bytes
        raise HipsegError(f"model.weights: {path} is no file of weights that torch wrote") from None
    own = {name: values for name, values in network.state_dict().items() if not name.startswith(_LAST)}
    # Counters of batches are not in the oldest files.
    lacking = sorted(name for name in set(own) - set(given) if not name.endswith("num_batches_tracked"))
    if strange := [*lacking, *sorted(set(given) - set(own))]:
        raise HipsegError(f"model.weights: {path} is not of torchvision's ResNet18; look at {strange[0]}")
    for name, values in given.items():
        if values.shape != own[name].shape:
            said = f"{name} is {tuple(values.shape)}, not {tuple(own[name].shape)}"
            raise HipsegError(f"model.weights: {path} is not of torchvision's ResNet18; {said}")
    network.load_state_dict(given, strict=False)
