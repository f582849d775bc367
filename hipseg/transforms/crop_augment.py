"""Random augmentation of square pictures of hips, for networks that grade them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import affine_transform

from hipseg.transforms.patch_augment import PatchAugmentation

Image = NDArray[np.float32]


@dataclass(frozen=True)
class CropAugmentation:
    """Rotation, shift, scaling and mirroring in one interpolation, then changes of grey values.

    Attributes:
        rotation_deg: Largest, either way.
        shift: Largest, either way, down and across, as a share of the picture's edge.
        zoom: Least and largest factor.
        mirror: Probability of mirroring from left to right.
        grey: Changes of grey values; none if None.
    """

    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 5.0
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.022
    zoom: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (0.75, 1.2)
    mirror: Annotated[float, Field(ge=0, le=1)] = 0.0
    grey: PatchAugmentation | None = None

    def draw(self, edge: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(2, 2) and (2,): from a pixel of the new picture to its place, matrix @ pixel + offset, in the old one."""
        angle = np.deg2rad(rng.uniform(-self.rotation_deg, self.rotation_deg))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn / rng.uniform(*self.zoom)
        shift = rng.uniform(-self.shift, self.shift, 2) * edge
        if rng.random() < self.mirror:
            matrix[:, 1] *= -1
        middle = np.full(2, (edge - 1) / 2)
        return matrix, middle - matrix @ (middle + shift)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """A picture (edge, edge) changed; what comes in from beyond it repeats its border."""
        matrix, offset = self.draw(image.shape[0], rng)
        moved: Image = affine_transform(image, matrix, offset, order=1, mode="nearest")
        return moved if self.grey is None else self.grey.change_grey_values(moved[None], rng)[0]
