"""A small network that finds the femoral head of the right hip on a whole film of any size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.networks.plain_unet import PlainUNet
from hipseg.transforms.overview import from_overview, shrink_image

_SPREAD_PX: Final = 1.0  # of the answer that is taught, about the head's centre
_NEAR_MM: Final = 14.4  # around the likeliest place, that its probability and its mean are taken from
_ONE_HIP_MM: Final = 40.0


class HeadFinder(nn.Module):
    """Where the head lies, as a probability of every pixel of an overview and of there being none.

    Args:
        field: The window that is laid around a head.
        spacing_mm: Of the film's pixels.
        features: Of the network's stages.
        least: Probability below which a film has no such head.
    """

    def __init__(
        self,
        field: HeadCrop,
        spacing_mm: float,
        features: Sequence[int],
        least: float,
    ) -> None:
        super().__init__()
        self.field, self.shrink, self.spacing_mm, self.least = field, field.shrink, spacing_mm, least
        stages = len(features)
        strides = [(1, 1)] + [(2, 2)] * (stages - 1)
        self.network = PlainUNet(1, 2, features, strides, [(3, 3)] * stages, deep_supervision=False)
        self._near = max(1, round(_NEAR_MM / (spacing_mm * field.shrink)))
        self._multiple = 2 ** (stages - 1)

    def forward(self, overview: Tensor) -> Tensor:
        """(B, 1, h, w) in [0, 1] to (B, h w + 1) logarithms of probabilities, row by row; the last is of no head."""
        rows, columns = overview.shape[2:]
        missing = [-columns % self._multiple, -rows % self._multiple]
        said = self.network(F.pad(overview, [0, missing[0], 0, missing[1]]))[:, :, :rows, :columns]
        absent = said[:, 1].mean(dim=(1, 2))
        return torch.cat([said[:, 0].flatten(1), absent[:, None]], dim=1).float().log_softmax(dim=1)

    def loss(self, overview: Tensor, head: Tensor) -> Tensor:
        """Cross-entropy with a Gaussian about each head.

        Args:
            overview: (B, 1, h, w).
            head: (B, 2) x and y in its pixels, NaN where there is none.
        """
        rows, columns = overview.shape[2:]
        y, x = torch.arange(rows, device=head.device), torch.arange(columns, device=head.device)
        there = torch.isfinite(head).all(dim=1)
        place = torch.where(there[:, None], head, torch.zeros_like(head))
        away = (x - place[:, 0, None, None]) ** 2 + (y[:, None] - place[:, 1, None, None]) ** 2
        wanted = torch.exp(-away / (2 * _SPREAD_PX**2)).flatten(1)
        wanted = wanted / wanted.sum(dim=1, keepdim=True) * there[:, None]
        wanted = torch.cat([wanted, (~there).float()[:, None]], dim=1)
        return -(wanted * self(overview)).sum(dim=1).mean()

    @torch.no_grad()
    def find(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The likeliest place of a head on whole films.

        Args:
            image: (B, 1, H, W) in [0, 1], each as a right hip's.

        Returns:
            (B, 2) x and y in the films' pixels, and (B,) how probably it lies within 14 mm of there.
        """
        overview = shrink_image(image, self.shrink)
        rows, columns = overview.shape[2:]
        said = self(overview).exp()[:, :-1].unflatten(1, (rows, columns))
        edge = 2 * self._near + 1
        around = F.avg_pool2d(said[:, None], edge, 1, self._near, divisor_override=1)[:, 0]
        best = around.flatten(1).argmax(dim=1)
        near = F.pad(said, [self._near] * 4)
        steps = torch.arange(-self._near, self._near + 1, device=image.device, dtype=said.dtype)
        places = []
        for film, at in zip(near, best.tolist(), strict=True):
            row, column = divmod(at, columns)
            part = film[row : row + edge, column : column + edge]
            total = part.sum().clamp(min=1e-12)
            places.append(torch.stack([
                column + (part.sum(dim=0) * steps).sum() / total, row + (part.sum(dim=1) * steps).sum() / total
            ]))  # fmt: skip
        return from_overview(torch.stack(places), self.shrink), around.flatten(1).amax(dim=1)

    def fields(self, image: Tensor) -> list[Crop | None]:
        """The window around each film's head; None where there is none, or where it is rather the other hip's.

        Args:
            image: (B, 1, H, W) in [0, 1], each as a right hip's.
        """
        (place, sure), (other, other_sure) = self.find(image), self.find(image.flip(-1))
        other = torch.stack([image.shape[-1] - 1 - other[:, 0], other[:, 1]], dim=1)
        apart = torch.linalg.norm(place - other, dim=1) * self.spacing_mm
        fields: list[Crop | None] = []
        for at, p, distance, q in zip(place.tolist(), sure.tolist(), apart.tolist(), other_sure.tolist(), strict=True):
            same = distance < _ONE_HIP_MM and q > p
            fields.append(None if p < self.least or same else self.field.around(at[0], at[1], self.spacing_mm))
        return fields

    def look(self, image: Tensor, segment: Callable[[Tensor], Tensor]) -> Tensor:
        """What a network that sees windows around heads says of whole films; background beyond the windows.

        Args:
            image: (B, 1, H, W) in [0, 1], each as a right hip's.
            segment: (n, 1, h, w) windows to (n, labels, h, w) probabilities.
        """
        fields = self.fields(image)
        seen = [(index, field) for index, field in enumerate(fields) if field is not None]
        windows = [cut_window(image[index], field) for index, field in seen]
        size = (self.field.rows, self.field.columns)
        said = segment(torch.stack(windows) if windows else image.new_zeros((1, image.shape[1], *size)))
        whole = said.new_zeros((len(image), said.shape[1], *image.shape[2:]))
        whole[:, 0] = 1
        for (index, field), window in zip(seen, said, strict=False):
            inner, outer = field.overlap(image.shape[2:])
            whole[index][:, outer[0], outer[1]] = window[:, inner[0], inner[1]]
        return whole


def cut_window(image: Tensor, field: Crop) -> Tensor:
    """(C, H, W) cut to a window, 0 beyond the image."""
    inner, outer = field.overlap(image.shape[1:])
    window = image.new_zeros((image.shape[0], field.rows, field.columns))
    window[:, inner[0], inner[1]] = image[:, outer[0], outer[1]]
    return window
