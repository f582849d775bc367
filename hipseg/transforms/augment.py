"""Random augmentation: draw parameters, then apply a deterministic function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, zoom

from hipseg.geometry.arrays import Points

Image = NDArray[np.float32]
Label = NDArray[np.uint8]
Move = Callable[[Points], Points]
"""Points (n, 2), x then y, in pixel-centre coordinates, to where they lie afterwards."""


class Augmentation(Protocol):
    """Changes an image (rows, columns) and its label map alike."""

    def __call__(
        self, image: Image, label: Label, rng: np.random.Generator, margin: int = 0
    ) -> tuple[Image, Label, Move]:
        """The changed pair, and how points on it move.

        Args:
            image: (rows, columns) in [0, 1].
            label: (rows, columns).
            rng: What is drawn from.
            margin: Pixels on every side that are there to be moved in, and are not in what is returned.
        """


class NoAugmentation:
    """Leaves everything as it is."""

    def __call__(
        self, image: Image, label: Label, rng: np.random.Generator, margin: int = 0
    ) -> tuple[Image, Label, Move]:
        """The same pair, without the margin."""
        inner = tuple(slice(margin, length - margin) for length in image.shape)
        return image[inner], label[inner], lambda points: points - margin


@dataclass(frozen=True)
class Change:
    """One draw.

    Attributes:
        rotation_deg: Clockwise on the screen.
        scale: Above 1 enlarges.
        shift: Rows and columns, in pixels, that the content moves down and right.
        contrast: Exponent on the grey values.
    """

    rotation_deg: float
    scale: float
    shift: tuple[float, float]
    contrast: float


def apply_change(image: Image, label: Label, change: Change, margin: int = 0) -> tuple[Image, Label, Move]:
    """Rotate and scale about the middle, shift, and change contrast; what comes in from outside is 0.

    Args:
        image: (rows, columns) in [0, 1].
        label: (rows, columns).
        change: What to do.
        margin: Pixels on every side that are not in what is returned.
    """
    angle = np.deg2rad(change.rotation_deg)
    # Output (row, column) back to input: the inverse rotation and scale.
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / change.scale
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - back @ (middle + np.asarray(change.shift) - margin)
    rows, columns = (length - 2 * margin for length in image.shape)
    moved = affine_transform(image, back, offset, (rows, columns), order=1, output=np.float32)
    moved_label = affine_transform(label, back, offset, (rows, columns), order=0)

    def move(points: Points) -> Points:
        return np.asarray(np.linalg.solve(back, (points[:, ::-1] - offset).T).T[:, ::-1])

    return np.maximum(moved, 0) ** np.float32(change.contrast), moved_label, move


@dataclass(frozen=True)
class LightAugmentation:
    """Small rotation, shift, scale and contrast.

    Attributes:
        rotation_deg: Largest, either way.
        shift_px: Largest, either way, in rows and columns.
        scale: Largest relative change of size.
        contrast: Standard deviation of the logarithm of the exponent on grey values.
    """

    rotation_deg: float
    shift_px: float
    scale: float
    contrast: float

    def draw(self, rng: np.random.Generator) -> Change:
        """Parameters for one image."""
        turn, down, right, size = rng.uniform(-1, 1, 4)
        return Change(
            rotation_deg=float(turn * self.rotation_deg),
            scale=float(1 + size * self._most(size)),
            shift=(float(down * self.shift_px), float(right * self.shift_px)),
            contrast=float(np.exp(self.contrast * np.clip(rng.standard_normal(), -2.5, 2.5))),
        )

    def _most(self, size: float) -> float:
        """Largest relative change of size, of those that enlarge (above 0) or reduce."""
        return self.scale

    def __call__(
        self, image: Image, label: Label, rng: np.random.Generator, margin: int = 0
    ) -> tuple[Image, Label, Move]:
        """Draw and apply."""
        return apply_change(image, label, self.draw(rng), margin)


@dataclass(frozen=True)
class ExposureAugmentation(LightAugmentation):
    """Light changes of place, then other exposures, other processing of the film, and things that lie on it.

    Attributes:
        smaller: Largest relative reduction of size, while `scale` is that of enlargement.
        slow: Largest amplitude of a slow field that is added, as of thicker and thinner parts.
        sharpen: Largest share of what is finer than a few millimetres that is added once more, as films are processed.
        blur_px: Largest standard deviation of unsharpness.
        noise: Largest standard deviation of noise.
        cover: Probability of patches of one grey: letters, labels, shutters, clips.
    """

    smaller: float
    slow: float
    sharpen: float
    blur_px: float
    noise: float
    cover: float

    def _most(self, size: float) -> float:
        return self.scale if size > 0 else self.smaller

    def __call__(
        self, image: Image, label: Label, rng: np.random.Generator, margin: int = 0
    ) -> tuple[Image, Label, Move]:
        """Draw and apply."""
        image, label, move = super().__call__(image, label, rng, margin)
        there = image > 0
        changed = image + rng.uniform(0, self.slow) * _slow_field(image.shape, rng)
        if rng.random() < 0.5:
            changed = changed + rng.uniform(0, self.sharpen) * (changed - gaussian_filter(changed, rng.uniform(2, 12)))
        if rng.random() < 0.5:
            changed = gaussian_filter(changed, rng.uniform(0, self.blur_px))
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        if rng.random() < 0.5:  # of several pixels' grain
            noise = gaussian_filter(noise, 1.0) * np.float32(3.5)
        changed = np.clip(changed + rng.uniform(0, self.noise) * noise, 0, 1)
        changed = np.where(there, changed, 0).astype(np.float32)
        if rng.random() < self.cover:
            for _ in range(int(rng.integers(1, 4))):
                size = rng.uniform(3, 45, 2)
                first = rng.uniform(-size / 2, np.array(image.shape) - size / 2)
                place = tuple(slice(max(int(a), 0), max(int(a + b), 0)) for a, b in zip(first, size, strict=True))
                changed[place] = rng.choice([0.0, 1.0, rng.random()])
        return changed, label, move


def _slow_field(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """(rows, columns) that changes over a third of the image and more, from about -1 to 1."""
    few = rng.uniform(-1, 1, (4, 4)).astype(np.float32)
    field = zoom(few, [n / 4 for n in shape], order=2, mode="nearest", grid_mode=True)
    return np.asarray(field, dtype=np.float32)
