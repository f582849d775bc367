"""A small network that finds the femoral head of the right hip on a whole film of any size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.labels.label_map import head_under_joint
from hipseg.networks.plain_unet import PlainUNet
from hipseg.transforms.intensity import Intensity
from hipseg.transforms.overview import from_overview, glance_at

_SPREAD_PX: Final = 1.0  # of the answer that is taught, about the head's centre
_NEAR_MM: Final = 14.4  # around the likeliest place, that its probability and its mean are taken from
_APART_MM: Final = (120.0, 300.0)  # the heads of one pelvis, magnified
_LEVEL_MM: Final = 50.0  # how far one may lie below the other
_UNLIKE: Final = 1e-3  # weight of a pair that lies otherwise
_ALONE: Final = 0.1  # weight of a film with one hip
_NEITHER: Final = 0.05  # and with none
_ZOOMS: Final = (1.0, 0.85, 1.18)  # hips differ in size, and a film's spacing may be that of the plate or of the bones
_MOST_CANDIDATES: Final = 5
_FAINTEST: Final = 0.02
_OFF_MM: Final = 3.0  # from its place in the window; in training heads lie up to 10 mm off
_MOST_LOOKS: Final = 3


class Candidate(NamedTuple):
    """A place, in pixels of a film, and how probably a head lies within 14 mm of it."""

    x: float
    y: float
    sure: float


class Candidates(NamedTuple):
    """Places on one film, best first, and how probably there is no head."""

    places: list[Candidate]
    absent: float


class Look(NamedTuple):
    """One hip on a film: the window laid around it, what the network was shown, and what it says.

    Attributes:
        field: Where it lies.
        shown: (1, h, w).
        said: (labels, h, w) probabilities.
    """

    field: Crop
    shown: Tensor
    said: Tensor


class HeadFinder(nn.Module):
    """Where the head lies, as a probability of every pixel of an overview and of there being none.

    Args:
        field: The window that is laid around a head.
        spacing_mm: Of the film's pixels.
        features: Of the network's stages.
        least: Probability that a head must have, or its fellow on the other side.
        intensity: What is made of a window's grey values.
    """

    def __init__(
        self,
        field: HeadCrop,
        spacing_mm: float,
        features: Sequence[int],
        least: float,
        intensity: Intensity,
    ) -> None:
        super().__init__()
        self.field, self.shrink, self.spacing_mm, self.least = field, field.shrink, spacing_mm, least
        self.intensity = intensity
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
    def candidates(self, image: Tensor, zoom: float = 1.0) -> list[Candidates]:
        """The likeliest places of the right hip's head on each film.

        Args:
            image: (B, 1, H, W), each as a right hip's.
            zoom: Above 1 for hips that are smaller than those of the training.
        """
        overview = glance_at(image, self.shrink)
        size = overview.shape[2:]
        if zoom != 1:
            overview = F.interpolate(overview, [round(zoom * length) for length in size], mode="bilinear")
        rows, columns = overview.shape[2:]
        factors = self.shrink * torch.tensor([size[1] / columns, size[0] / rows])
        said = self(overview).exp()
        maps = said[:, :-1].unflatten(1, (rows, columns))
        edge = 2 * self._near + 1
        around = F.avg_pool2d(maps[:, None], edge, 1, self._near, divisor_override=1)[:, 0]
        near = F.pad(maps, [self._near] * 4)
        steps = torch.arange(-self._near, self._near + 1, device=image.device, dtype=said.dtype)
        found = []
        for film, sums, absent in zip(near, around, said[:, -1].tolist(), strict=True):
            places, left = list[Candidate](), sums.clone()
            for _ in range(_MOST_CANDIDATES):
                row, column = divmod(int(left.argmax()), columns)
                sure = float(left[row, column])
                if sure < _FAINTEST:
                    break
                part = film[row : row + edge, column : column + edge]
                total = part.sum().clamp(min=1e-12)
                x = column + float((part.sum(dim=0) * steps).sum() / total)
                y = row + float((part.sum(dim=1) * steps).sum() / total)
                at = from_overview(torch.tensor([x, y]), factors)
                places.append(Candidate(float(at[0]), float(at[1]), sure))
                left[max(row - edge, 0) : row + edge + 1, max(column - edge, 0) : column + edge + 1] = 0
            found.append(Candidates(places, absent))
        return found

    def fields(self, image: Tensor) -> list[Crop | None]:
        """The window around the right hip's head on each film, None where there is none.

        Both hips are looked for together, on films of three sizes: of all pairs of places the likeliest counts.

        Args:
            image: (B, 1, H, W), each as a right hip's.
        """
        best: list[tuple[float, Candidate | None]] = [(0.0, None)] * len(image)
        for zoom in _ZOOMS:
            both = zip(self.candidates(image, zoom), self.candidates(image.flip(-1), zoom), strict=True)
            found = [self._choose(right, left, image.shape[-1]) for right, left in both]
            best = [max(old, new, key=lambda choice: choice[0]) for old, new in zip(best, found, strict=True)]
        heads = [head for _, head in best]
        return [None if head is None else self.field.around(head.x, head.y, self.spacing_mm) for head in heads]

    def _choose(self, right: Candidates, left: Candidates, width: int) -> tuple[float, Candidate | None]:
        """The right head of the likeliest pair, and how likely it is; 0 and None where there is rather none.

        Args:
            right: Of a film.
            left: Of the same film in the mirror.
            width: Of the film, in its pixels.
        """
        without = right.absent * max([_NEITHER * left.absent, *(_ALONE * other.sure for other in left.places)])
        likeliest: tuple[float, Candidate | None] = (without, None)
        for one in right.places:
            pairs = (
                one.sure * other.sure * self._prior(one, other, width)
                for other in left.places
                if max(one.sure, other.sure) >= self.least
            )
            alone = one.sure * left.absent * _ALONE if one.sure >= self.least else 0.0
            likeliest = max(likeliest, (max(alone, *pairs, 0.0), one), key=lambda choice: choice[0])
        return likeliest if likeliest[1] is not None else (0.0, None)

    def _prior(self, right: Candidate, left: Candidate, width: int) -> float:
        """How well two places, the other one on the mirrored film, lie to each other as the hips of one pelvis."""
        across = (width - 1 - left.x - right.x) * self.spacing_mm
        down = abs(left.y - right.y) * self.spacing_mm
        return 1.0 if _APART_MM[0] < across < _APART_MM[1] and down < _LEVEL_MM else _UNLIKE

    def follow(self, image: Tensor, segment: Callable[[Tensor], Tensor]) -> list[Look | None]:
        """What a network that sees windows around heads says of the right hip on each film; None where there is none.

        Where it outlines the head far from its place in the window, the window is laid around that and looked at anew.

        Args:
            image: (B, 1, H, W) in [0, 1], each as a right hip's.
            segment: (n, 1, h, w) windows to (n, labels, h, w) probabilities.
        """
        looks: list[Look | None] = [None] * len(image)
        nearest = [math.inf] * len(image)
        fields = {index: field for index, field in enumerate(self.fields(image)) if field is not None}
        for _ in range(_MOST_LOOKS):
            if not fields:
                break
            shown = torch.stack([self._window(image[index], field) for index, field in fields.items()])
            found = [
                (index, Look(field, *seen))
                for (index, field), *seen in zip(fields.items(), shown, segment(shown), strict=True)
            ]
            fields = {}
            for index, look in found:
                right, down = self._off(look)
                off = math.hypot(right, down)
                if looks[index] is not None and off >= nearest[index]:
                    continue
                looks[index], nearest[index] = look, off
                if _OFF_MM < off * self.spacing_mm < math.inf:
                    fields[index] = look.field.shifted(round(down), round(right))
        return looks

    def _off(self, look: Look) -> tuple[float, float]:
        """How far right and down of its place in the window the head is outlined, in pixels; infinite without one."""
        circle = head_under_joint(look.said.argmax(dim=0).cpu().numpy())
        x, y = self.field.head_at(self.spacing_mm)
        return (math.inf, math.inf) if circle is None else (circle.x - x, circle.y - y)

    def look(self, image: Tensor, segment: Callable[[Tensor], Tensor]) -> Tensor:
        """`follow` on whole films, (B, labels, H, W); background beyond the windows."""
        looks = self.follow(image, segment)
        if (seen := next((look for look in looks if look is not None), None)) is not None:
            labels = len(seen.said)
        else:
            labels = segment(image.new_zeros((1, image.shape[1], self.field.rows, self.field.columns))).shape[1]
        whole = image.new_zeros((len(image), labels, *image.shape[2:]))
        whole[:, 0] = 1
        for film, look in zip(whole, looks, strict=True):
            if look is not None:
                inner, outer = look.field.overlap(image.shape[2:])
                film[:, outer[0], outer[1]] = look.said[:, inner[0], inner[1]].to(film)
        return whole

    def _window(self, film: Tensor, field: Crop) -> Tensor:
        """(1, h, w): what the network is shown of a film (1, H, W)."""
        window, head = cut_window(film, field)[0], self.field.head_at(self.spacing_mm)
        shown = self.intensity.of_window(window.cpu().numpy(), head, self.spacing_mm)
        return torch.from_numpy(shown)[None].to(film)


def cut_window(image: Tensor, field: Crop) -> Tensor:
    """(C, H, W) cut to a window, 0 beyond the image."""
    inner, outer = field.overlap(image.shape[1:])
    window = image.new_zeros((image.shape[0], field.rows, field.columns))
    window[:, inner[0], inner[1]] = image[:, outer[0], outer[1]]
    return window
