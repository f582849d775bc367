"""Bones of known thickness as a scanner shows them: drawn in parts of voxels, blurred, averaged, with noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SPACING = (0.987, 0.8, 0.8)
SOFT_HU = 50.0
Field = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Points (..., 3), slices first, in mm, to a value of each."""


@dataclass(frozen=True)
class Drawn:
    """A scan, its labels, and what is true of it.

    Attributes:
        hu: (slices, rows, columns).
        labels: 1 the cortex, 2 what it encloses, by the voxels' centres.
        outside: Signed distance from the periosteal surface, negative within.
        thickness: Of the cortex.
    """

    hu: NDArray[np.float32]
    labels: NDArray[np.uint8]
    outside: Field
    thickness: Field


@dataclass(frozen=True)
class Scanner:
    """How a bone is shown: densities in Hounsfield units, blur and spacing in mm."""

    blur_mm: float = 0.6
    cortical_hu: float = 1600.0
    inner_hu: float = 150.0
    noise_hu: float = 20.0
    spacing_mm: tuple[float, float, float] = SPACING
    socket_mm: float | None = None  # from the bone to another one all around it
    parts: int = 3

    def scan(self, shape: tuple[int, int, int], outside: Field, thickness: Field) -> Drawn:
        """What lies in a box of so many voxels, the first one's centre at the origin."""
        fine = [step / self.parts for step in self.spacing_mm]
        first = [(part - step) / 2 for part, step in zip(fine, self.spacing_mm, strict=True)]
        points = _points([n * self.parts for n in shape], fine, first)
        away, width = outside(points), float(np.mean(fine))
        bone, within = (np.clip(0.5 - depth / width, 0, 1) for depth in (away, away + thickness(points)))
        hu = SOFT_HU + (self.cortical_hu - SOFT_HU) * bone + (self.inner_hu - self.cortical_hu) * within
        if self.socket_mm is not None:
            hu += (self.cortical_hu - SOFT_HU) * np.clip(0.5 + (away - self.socket_mm) / width, 0, 1)
        hu = gaussian_filter(hu, [self.blur_mm / step for step in fine], mode="nearest")
        hu = hu.reshape(shape[0], self.parts, shape[1], self.parts, shape[2], self.parts).mean(axis=(1, 3, 5))
        hu += np.random.default_rng(0).normal(0, self.noise_hu, shape)
        middles = _points(shape, self.spacing_mm, [0.0, 0.0, 0.0])
        depth, thick = outside(middles), thickness(middles)
        labels = np.where(depth < 0, np.where(depth + thick < 0, 2, 1), 0).astype(np.uint8)
        return Drawn(hu.astype(np.float32), labels, outside, thickness)


def _points(shape: Sequence[int], steps: Sequence[float], first: Sequence[float]) -> NDArray[np.float64]:
    axes = [np.float32(start + step * np.arange(n)) for n, step, start in zip(shape, steps, first, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
