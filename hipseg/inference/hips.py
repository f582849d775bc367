"""A trained network applied to a film it has never seen: both hips, each as a right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.geometry.grid import Grid
from hipseg.inference.postprocess import LargestComponents, without_specks
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL
from hipseg.labels.landmarks import Points, Side
from hipseg.networks.head_finder import Look
from hipseg.transforms.film import View
from hipseg.transforms.intensity import Intensity


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
    field: Crop
    grid: Grid

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(rows, columns): the most probable label."""
        return self.probabilities.argmax(axis=0).astype(np.uint8)

    def to_film_mm(self, points_mm: Points) -> Points:
        """Points in mm from the field's first pixel centre, as the film's millimetres; left hips not mirrored."""
        return self.field.to_film_mm(points_mm, self.side == "left", self.grid)


class OneHip:
    """Of the femur only the largest part, and then no specks: where a window was laid around one hip."""

    def __init__(self) -> None:
        self._femur = LargestComponents([FEMORAL_HEAD_LABEL])

    def __call__(self, probabilities: Tensor) -> Tensor:
        """(B, labels, ...) probabilities, the background first."""
        return without_specks(self._femur(probabilities))


def predict_hips(
    network: Any, views: Mapping[Side, View], field: Crop | HeadCrop, intensity: Intensity
) -> list[HipPrediction]:
    """The hips of one film; a network that follows heads leaves out those that it doesn't find.

    Args:
        network: (B, 1, H, W) in [0, 1] to (B, labels, H, W) probabilities, with what its `postprocess` makes of
            them, or without specks if it knows no such step.
        views: Of each side, prepared as the network's training images.
        field: What the network was trained to see.
        intensity: What is made of their grey values.
    """
    films = {side: intensity.of_film(view.image, view.quantiles) for side, view in views.items()}
    if not films:
        return []
    after = getattr(network, "postprocess", without_specks)
    with torch.inference_mode():
        look = _look_at(network, films, field, intensity, views) if isinstance(field, Crop) else _follow(network, films)
        if not look:
            return []
        said = torch.stack([seen.said for seen in look.values()])
        probabilities = (said if after is None else after(said)).cpu().numpy()
    return [
        HipPrediction(side, seen.shown[0].cpu().numpy(), found, seen.field, views[side].grid)
        for (side, seen), found in zip(look.items(), probabilities, strict=True)
    ]


def _look_at(
    network: Any, films: Mapping[Side, NDArray[np.float32]], field: Crop, intensity: Intensity,
    views: Mapping[Side, View],
) -> dict[Side, Look]:  # fmt: skip
    """What a network that sees the same window of every film says of it."""
    windows = []
    for side, film in films.items():
        cut, spacing_mm = field.cut(film, side == "left").astype(np.float32), views[side].grid.spacing_mm
        windows.append(intensity.of_window(cut, field.head_at(spacing_mm), spacing_mm))
    shown = _images(network, windows)
    return {side: Look(field, *seen) for side, *seen in zip(films, shown, network(shown), strict=True)}


def _follow(network: Any, films: Mapping[Side, NDArray[np.float32]]) -> dict[Side, Look]:
    """What a network says of the window around each side's head that it finds on the whole film."""
    right = [film[:, ::-1] if side == "left" else film for side, film in films.items()]
    looks = network.locator.follow(_images(network, right), network.segment)
    return {side: look for side, look in zip(films, looks, strict=True) if look is not None}


def _images(network: Any, images: Sequence[NDArray[np.float32]]) -> Tensor:
    """(n, 1, rows, columns), where the network is."""
    return torch.from_numpy(np.stack(images))[:, None].to(getattr(network, "device", "cpu"))
