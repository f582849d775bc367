"""Random augmentation of patches, as in nnU-Net's training (Isensee et al., Nature Methods 2021)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Image = NDArray[np.float32]
Probability = Annotated[float, Field(ge=0, le=1)]
Change = Literal["noise", "blur", "brightness", "contrast", "coarseness", "gamma"]


@dataclass(frozen=True)
class PatchAugmentation:
    """Rotation, scaling and mirroring while a patch is cut out, then changes of its grey values.

    Attributes:
        rotation_deg: Largest, either way, in every plane.
        rotate: Probability of a rotation.
        zoom: Least and largest factor.
        scale: Probability of scaling.
        mirror: Axes along which a patch may be mirrored, each by a chance of one half; none where a label has a side.
        intensity: Factor on the probabilities of the changes of grey values; 0 leaves them as they are.
        changes: Which of these there are; all if None.
    """

    rotation_deg: Annotated[float, Field(ge=0, le=180)] = 15.0
    rotate: Probability = 0.2
    zoom: tuple[float, float] = (0.7, 1.4)
    scale: Probability = 0.2
    mirror: tuple[int, ...] = ()
    intensity: Annotated[float, Field(ge=0, le=1)] = 1.0
    changes: tuple[Change, ...] | None = None

    def draw_matrix(self, axes: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """(axes, axes): from steps in a patch to steps in the image it is cut from."""
        matrix = np.eye(axes)
        if rng.random() < self.rotate:
            for first, second in itertools.combinations(range(axes), 2):
                angle = np.deg2rad(rng.uniform(-self.rotation_deg, self.rotation_deg))
                turn = np.eye(axes)
                turn[[first, first, second, second], [first, second, first, second]] = (
                    np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle),
                )  # fmt: skip
                matrix = matrix @ turn
        if rng.random() < self.scale:
            low, high = self.zoom
            # As often smaller as larger.
            matrix = matrix / (rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high))
        for axis in self.mirror:
            if rng.random() < 0.5:
                matrix[:, axis] *= -1
        return matrix

    def change_grey_values(self, patch: Image, rng: np.random.Generator) -> Image:
        """(channels, ...) with noise, blur, brightness, contrast, coarseness and gamma changed by chance."""
        if not self.intensity:
            return patch
        changed = _changes(self.intensity, patch.ndim - 1, self.changes)
        changed.set_random_state(seed=int(rng.integers(2**31)))
        return np.asarray(changed(patch), dtype=np.float32)


def _changes(factor: float, axes: int, chosen: tuple[Change, ...] | None) -> Any:
    """The changes of grey values, by MONAI, each with nnU-Net's range and chance."""
    from monai.transforms import (
        Compose,
        RandAdjustContrast,
        RandGaussianNoise,
        RandGaussianSmooth,
        RandScaleIntensity,
        RandScaleIntensityFixedMean,
        RandSimulateLowResolution,
    )

    sigma, linear = (0.5, 1.0), {2: "bilinear", 3: "trilinear"}[axes]
    known: list[tuple[Change, Any]] = [
        ("noise", RandGaussianNoise(prob=0.1 * factor, std=0.1**0.5 / 2)),
        ("blur", RandGaussianSmooth(prob=0.1 * factor, sigma_x=sigma, sigma_y=sigma, sigma_z=sigma)),
        ("brightness", RandScaleIntensity(prob=0.15 * factor, factors=0.25)),
        (
            "contrast",
            RandScaleIntensityFixedMean(prob=0.15 * factor, factors=0.25, preserve_range=True, fixed_mean=True),
        ),
        ("coarseness", RandSimulateLowResolution(prob=0.125 * factor, zoom_range=(0.5, 1.0), upsample_mode=linear)),
        ("gamma", RandAdjustContrast(prob=0.1 * factor, gamma=(0.7, 1.5), invert_image=True, retain_stats=True)),
        ("gamma", RandAdjustContrast(prob=0.3 * factor, gamma=(0.7, 1.5), retain_stats=True)),
    ]
    return Compose([change for name, change in known if chosen is None or name in chosen])
