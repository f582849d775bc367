"""A trained network applied to a film it has never seen: both hips, each as a right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hipseg.geometry.crop import Crop, HeadCrop
from hipseg.geometry.grid import Grid
from hipseg.inference.postprocess import LargestComponents, without_specks
from hipseg.labels.circle import Circle
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL
from hipseg.labels.landmarks import Points, Side
from hipseg.measure.joint_curves import NotTraced, trace_joint
from hipseg.measure.joint_space import JointSpace
from hipseg.transforms.film import View
from hipseg.transforms.resample import inside_film

_UNSEEN: Final = 0.08  # of the radius; so much of a head may lie beyond the edge


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


def head_circle_of(joint: JointSpace, probabilities: NDArray[Any], spacing_mm: float) -> Circle | None:
    """The head's circle in mm from the first pixel's centre, by whatever method its joint was measured.

    Args:
        joint: As measured.
        probabilities: (4, rows, columns) that it was measured on.
        spacing_mm: Millimetres per pixel.
    """
    if joint.head is not None:
        return Circle(joint.head.x_mm, joint.head.y_mm, joint.head.radius_mm)
    try:
        return Circle(*(value * spacing_mm for value in trace_joint(probabilities).head))
    except NotTraced:
        return None


def is_cut(head: Circle | None, field: Crop, film: Grid, stored: Grid, mirror: bool) -> bool:
    """Whether the film, or the field that is seen of it, ends within a femoral head.

    Args:
        head: In mm from the field's first pixel centre.
        field: Of the stored image.
        film: The film's own pixels.
        stored: Where the stored image lies on it.
        mirror: Whether it is a left hip's.
    """
    if head is None:
        return False
    rows, columns = inside_film(film, stored)
    if mirror:
        columns = slice(stored.shape[1] - columns.stop, stored.shape[1] - columns.start)
    first = np.array([max(columns.start - field.column, 0), max(rows.start - field.row, 0)])
    last = np.array([min(columns.stop - field.column, field.columns), min(rows.stop - field.row, field.rows)]) - 1
    reach = head.radius - _UNSEEN * head.radius
    low, high = (first - 0.5) * stored.spacing_mm, (last + 0.5) * stored.spacing_mm
    return bool((head.centre - reach < low).any() or (head.centre + reach > high).any())


def predict_hips(network: Any, views: Mapping[Side, View], field: Crop | HeadCrop) -> list[HipPrediction]:
    """The hips of one film; a network that follows heads leaves out those that it doesn't find.

    Args:
        network: (B, 1, H, W) in [0, 1] to (B, labels, H, W) probabilities, with what its `postprocess` makes of
            them, or without specks if it has none.
        views: Of each side, prepared as the network's training images.
        field: What the network was trained to see.
    """
    fields = {side: field for side in views} if isinstance(field, Crop) else _follow_heads(network, views)
    if not fields:
        return []
    cut = [window.cut(views[side].image, side == "left") for side, window in fields.items()]
    images = np.stack(cut).astype(np.float32)
    with torch.inference_mode():
        seen = torch.from_numpy(images)[:, None].to(getattr(network, "device", "cpu"))
        after = getattr(network, "postprocess", without_specks)
        probabilities = network(seen) if isinstance(field, Crop) else network.segment(seen)
        probabilities = (probabilities if after is None else after(probabilities)).cpu().numpy()
    return [
        HipPrediction(side, image, found, window, views[side].grid)
        for (side, window), image, found in zip(fields.items(), images, probabilities, strict=True)
    ]


def _follow_heads(network: Any, views: Mapping[Side, View]) -> dict[Side, Crop]:
    """The window around each side's head that a network finds on the whole film."""
    if not views:
        return {}
    films = np.stack([view.image[:, ::-1] if side == "left" else view.image for side, view in views.items()])
    seen = torch.from_numpy(films.astype(np.float32))[:, None].to(getattr(network, "device", "cpu"))
    windows = network.locator.fields(seen)
    return {side: window for side, window in zip(views, windows, strict=True) if window is not None}
