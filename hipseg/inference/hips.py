"""A trained network applied to a film it has never seen: both hips, each as a right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hipseg.field import Field
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.transforms.film import PreparedFilm


@dataclass(frozen=True)
class HipPrediction:
    """What a network sees and says of one hip, in its field, as a right hip.

    Attributes:
        side: Which hip it is.
        image: (rows, columns) in [0, 1].
        probabilities: (labels, rows, columns) float32.
        field: Where this lies in the prepared film.
        prepared: The film.
    """

    side: Side
    image: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    field: Field
    prepared: PreparedFilm

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(rows, columns): the most probable label."""
        return self.probabilities.argmax(axis=0).astype(np.uint8)

    def to_film_mm(self, points_mm: Points) -> Points:
        """Points in mm from the field's first pixel centre, as the film's millimetres; left hips not mirrored."""
        return self.field.to_film_mm(points_mm, self.side == "left", self.prepared.grid)


def predict_hips(network: Any, prepared: PreparedFilm, field: Field) -> list[HipPrediction]:
    """Both hips of one film.

    Args:
        network: (B, 1, H, W) in [0, 1] to (B, labels, H, W) probabilities.
        prepared: The film, prepared as the network's training films were.
        field: What the network was trained to see.
    """
    images = np.stack([field.cut(prepared.image, side == "left") for side in SIDES]).astype(np.float32)
    with torch.inference_mode():
        probabilities = network(torch.from_numpy(images)[:, None]).cpu().numpy()
    return [
        HipPrediction(side, image, found, field, prepared)
        for side, image, found in zip(SIDES, images, probabilities, strict=True)
    ]
