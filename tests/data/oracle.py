"""A stand-in for the network of the first stage: it knows where the hips of `write_film` are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from small_films import landmarks
from torch import Tensor

from hipseg.geometry.grid import Grid
from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import hip_landmarks

GRID = Grid.centred((512, 512), 0.9, (220.0, 220.0))
OFF_PX = np.array([3.0, -2.0])


class Oracle:
    """Says where both hips are, a little beside; of the left one nothing if asked."""

    record = {  # noqa: RUF012
        "preprocessing": {"rows": 512, "columns": 512, "spacing_mm": 0.9},
        "dataset": {
            "crop": {"row": 0, "column": 0, "rows": 512, "columns": 512},
            "intensity": {"_target_": "hipseg.transforms.intensity.FilmPercentiles", "percentiles": [5.0, 95.0]},
        },
    }

    def __init__(self, only_right: bool) -> None:
        self._only_right = only_right

    def __call__(self, image: Tensor) -> Tensor:
        """(2, 1, 512, 512) to (2, 4, 512, 512): both look like right hips."""
        points = GRID.to_pixels(hip_landmarks(landmarks(), "right")) + OFF_PX
        shares = torch.from_numpy(draw_label_shares(points, GRID.shape, spline_curves))
        nothing = torch.zeros_like(shares)
        nothing[0] = 1
        return torch.stack([shares, nothing if self._only_right else shares])


class Hollow(Oracle):
    """As `Oracle`, but what it takes for heads are thin rings."""

    def __call__(self, image: Tensor) -> Tensor:
        """(2, 1, 512, 512) to (2, 4, 512, 512)."""
        said = super().__call__(image)
        circle = head_circle(GRID.to_pixels(hip_landmarks(landmarks(), "right")) + OFF_PX)
        y, x = torch.meshgrid(torch.arange(GRID.shape[0]), torch.arange(GRID.shape[1]), indexing="ij")
        middle = torch.hypot(x - circle.x, y - circle.y) < circle.radius - 6
        said[:, 0] += torch.where(middle, said[:, 1], 0)
        said[:, 1] = torch.where(middle, 0, said[:, 1])
        return said


class Crossed(Oracle):
    """As `Oracle`, but it sees only the other hip of each image."""

    def __call__(self, image: Tensor) -> Tensor:
        """(2, 1, 512, 512) to (2, 4, 512, 512)."""
        return super().__call__(image).flip(-1)


class Astray(Oracle):
    """As `Oracle`, but by a hand too far down."""

    def __call__(self, image: Tensor) -> Tensor:
        """(2, 1, 512, 512) to (2, 4, 512, 512)."""
        return super().__call__(image).roll(90, dims=2)


def load_crossed(path: Path) -> Crossed:
    """Of any checkpoint: the other hip."""
    return Crossed(only_right=False)


def load_astray(path: Path) -> Astray:
    """Of any checkpoint: places below both hips."""
    return Astray(only_right=False)


def load_both(path: Path) -> Oracle:
    """Of any checkpoint: both hips."""
    return Oracle(only_right=False)


def load_right(path: Path) -> Oracle:
    """Of any checkpoint: the right hip."""
    return Oracle(only_right=True)


def load_hollow(path: Path) -> Hollow:
    """Of any checkpoint: joints whose heads have no middle."""
    return Hollow(only_right=False)
