"""A whole film at a glance: small, for what finds hips on it, and changed at random while that is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import affine_transform, gaussian_filter
from torch import Tensor
from torch.nn import functional as F

_RANGE: Final = (0.01, 0.98)  # rulers and letters of lead are brighter than all bone
_BLACK: Final = 1e-3  # shutters and boxes are no darker part of a body

Image = NDArray[np.float32]
Point = NDArray[np.float64]
Points = TypeVar("Points", Point, Tensor)


def glance_at(image: Tensor, factor: int) -> Tensor:
    """Whole films (B, 1, H, W), shrunk, each with its own brightness and contrast: its 1st percentile 0, its 98th 1.

    By the means of square blocks; incomplete ones at the end are made of what there is. What is no image stays 0, and
    black areas take no part in the percentiles.
    """
    small = F.avg_pool2d(image, factor, ceil_mode=True, count_include_pad=False)
    glances = []
    for film in small:
        seen = film[film > _BLACK]
        if not len(seen):
            glances.append(film)
            continue
        low, high = torch.quantile(seen, torch.tensor(_RANGE, dtype=seen.dtype, device=seen.device))
        glances.append(((film - low) / (high - low).clamp(min=1e-3)).clamp(0, 1) * (film > 0))
    return torch.stack(glances)


def to_overview(points: Points, factor: int) -> Points:
    """Pixel-centre coordinates of an image as those of the shrunk one."""
    return (points - (factor - 1) / 2) / factor


def from_overview(points: Points, factor: int | Tensor) -> Points:
    """The inverse of `to_overview`, where factors may be one each for x and y."""
    return points * factor + (factor - 1) / 2


@dataclass(frozen=True)
class OverviewAugmentation:
    """Other positions, sizes, exposures and edges of a film than there are in the training set.

    Attributes:
        shift_mm: Largest, up, down, left and right.
        rotation_deg: Largest, either way.
        zoom: Least and largest factor.
        cut: Probability that a part of the film beyond a line is missing.
        bright: Probability of something bright that is no bone: a ruler, a marker, a clip.
        contrast: Largest logarithm of the exponent on the grey values.
        noise: Largest standard deviation.
    """

    shift_mm: Annotated[float, Field(ge=0)]
    rotation_deg: Annotated[float, Field(ge=0)]
    zoom: tuple[float, float]
    cut: Annotated[float, Field(ge=0, le=1)]
    bright: Annotated[float, Field(ge=0, le=1)]
    contrast: Annotated[float, Field(ge=0)]
    noise: Annotated[float, Field(ge=0)]

    def __call__(
        self, image: Image, head: Point, spacing_mm: float, rng: np.random.Generator
    ) -> tuple[Image, Point]:  # fmt: skip
        """A changed film and where its head lies then, NaN if it lies on it no more.

        Args:
            image: (rows, columns) in [0, 1].
            head: x, y in its pixels.
            spacing_mm: Of them.
            rng: Decides.
        """
        image, head = self._move(image, head, spacing_mm, rng)
        image = self._expose(image, rng)
        image = self._add_bright(image, spacing_mm, rng)
        return self._cut(image, head, rng)

    def _move(self, image: Image, head: Point, spacing_mm: float, rng: np.random.Generator) -> tuple[Image, Point]:
        angle = np.deg2rad(rng.uniform(-self.rotation_deg, self.rotation_deg))
        zoom = np.exp(rng.uniform(*np.log(self.zoom)))
        shift = rng.uniform(-self.shift_mm, self.shift_mm, 2) / spacing_mm
        middle = (np.array(image.shape) - 1) / 2
        # From where a pixel comes: row and column.
        back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / zoom
        moved: Image = affine_transform(image, back, middle - back @ (middle + shift), order=1, mode="constant")
        row, column = np.linalg.solve(back, head[::-1] - middle) + middle + shift
        return moved, self._on_film(np.array([column, row]), image.shape)

    @staticmethod
    def _on_film(head: Point, shape: tuple[int, ...]) -> Point:
        inside = (head >= 0).all() and (head <= np.array(shape[::-1]) - 1).all()
        return head if inside else np.full(2, np.nan)

    def _expose(self, image: Image, rng: np.random.Generator) -> Image:
        """Contrast, a slow field as of thick and thin parts, unsharpness and noise, where there is an image."""
        there = image > 0
        changed = image ** np.float32(np.exp(rng.uniform(-self.contrast, self.contrast)))
        slow = gaussian_filter(rng.standard_normal(image.shape), min(image.shape) / 5)
        changed = changed * (1 + np.float32(0.3 * rng.random()) * (slow / max(np.abs(slow).max(), 1e-9)))
        changed = gaussian_filter(changed, rng.uniform(0, 0.8))
        changed = changed + rng.uniform(0, self.noise) * rng.standard_normal(image.shape)
        low, high = rng.uniform(0, 0.15), rng.uniform(0.85, 1)
        return np.where(there, np.clip((changed - low) / (high - low), 0, 1), 0).astype(np.float32)

    def _add_bright(self, image: Image, spacing_mm: float, rng: np.random.Generator) -> Image:
        if rng.random() >= self.bright:
            return image
        image = image.copy()
        rows, columns = image.shape
        for _ in range(rng.integers(1, 4)):
            size = rng.uniform(4, 40, 2) / spacing_mm
            if rng.random() < 0.4:  # a ruler along an edge
                size = np.array([rows, rng.uniform(8, 35) / spacing_mm])
            first = rng.uniform(-size / 2, np.array([rows, columns]) - size / 2)
            place = tuple(slice(max(int(a), 0), max(int(a + b) + 1, 0)) for a, b in zip(first, size, strict=True))
            image[place] = np.maximum(image[place], rng.uniform(0.5, 1))
        return image

    def _cut(self, image: Image, head: Point, rng: np.random.Generator) -> tuple[Image, Point]:
        """Black beyond a line along an edge, as of a smaller film, one of a single hip, or a shutter."""
        if rng.random() >= self.cut:
            return image, head
        image = image.copy()
        axis = int(rng.integers(2))
        at = int(rng.uniform(0.15, 0.85) * image.shape[axis])
        before = rng.random() < 0.5
        gone = slice(0, at) if before else slice(at, None)
        image[(gone, slice(None)) if axis == 0 else (slice(None), gone)] = 0
        place = head[1 - axis]  # x runs along the columns
        return image, np.full(2, np.nan) if (place < at) == before else head
