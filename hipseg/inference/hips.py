"""A trained network applied to a film it has never seen: both hips, each as a right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hipseg.field import Field
from hipseg.grid import Grid
from hipseg.labels.landmarks import Points, Side
from hipseg.transforms.film import View


@dataclass(frozen=True)
class HipPrediction:
    """What a network sees and says of one hip, in its field, as a right hip.

    Attributes:
        side: Which hip it is.
        image: (rows, columns) in [0, 1].
        probabilities: (labels, rows, columns) float32.
        field: Where this lies in the prepared image.
        grid: Where that lies on the film.
    """

    side: Side
    image: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    field: Field
    grid: Grid

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(rows, columns): the most probable label."""
        return self.probabilities.argmax(axis=0).astype(np.uint8)

    def to_film_mm(self, points_mm: Points) -> Points:
        """Points in mm from the field's first pixel centre, as the film's millimetres; left hips not mirrored."""
        return self.field.to_film_mm(points_mm, self.side == "left", self.grid)


def predict_hips(network: Any, views: Mapping[Side, View], field: Field) -> list[HipPrediction]:
    """The hips of one film.

    Args:
        network: (B, 1, H, W) in [0, 1] to (B, labels, H, W) probabilities.
        views: Of each side, prepared as the network's training images.
        field: What the network was trained to see.
    """
    if not views:
        return []
    cut = [field.cut(view.image, side == "left") for side, view in views.items()]
    images = np.stack(cut).astype(np.float32)
    with torch.inference_mode():
        probabilities = network(torch.from_numpy(images)[:, None]).cpu().numpy()
    return [
        HipPrediction(side, image, found, field, view.grid)
        for (side, view), image, found in zip(views.items(), images, probabilities, strict=True)
    ]
