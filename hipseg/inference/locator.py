"""Where the femoral heads of a film lie, by a network trained on whole films."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hipseg.errors import HipsegError
from hipseg.geometry.crop import Crop, HeadCrop, crop_of
from hipseg.geometry.grid import Grid
from hipseg.inference.device import best_device
from hipseg.inference.heads import Heads
from hipseg.inference.hips import HipPrediction, predict_hips
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL
from hipseg.labels.landmarks import Points
from hipseg.measure.joint_curves import NotTraced, trace_joint
from hipseg.rebuild import intensity_of
from hipseg.transforms.film import Image, Mask, PreparedFilm, prepare_as


@dataclass(frozen=True)
class NetworkLocator:
    """A checkpoint that finds heads; small to send to other processes, each of which loads it once.

    Attributes:
        load: From a checkpoint to a task; takes `trusted` too where there is any.
        path: The checkpoint.
        trusted: Beginnings of names that it may import.
    """

    load: Callable[..., Any]
    path: Path
    trusted: tuple[str, ...] = ()

    def prepare(self, pixels: Image, film: Grid, padding: Mask | None = None) -> PreparedFilm:
        """A film as the network's films were prepared.

        Args:
            pixels: (rows, columns) as read.
            film: Where they lie.
            padding: Where there is no image, if anywhere.

        Raises:
            Excluded: If that can't be done.
        """
        record = _loaded(self).record
        follows = isinstance(crop_of(record), HeadCrop)
        return prepare_as(record["preprocessing"], pixels, film, padding, any_size=follows)

    def find(self, prepared: PreparedFilm) -> Heads:
        """The centre of each hip's femoral head, x and y in film millimetres; None where none is found on its side."""
        task = _loaded(self)
        crop, centres = crop_of(task.record), Heads()
        for hip in predict_hips(task, prepared.views(), crop, intensity_of(task.record)):
            centres[hip.side] = None
            if (centre := _head_centre(hip, has_middle=isinstance(crop, Crop))) is not None:
                x, y = hip.to_film_mm(centre * hip.grid.spacing_mm)
                centres[hip.side] = float(x), float(y)
        return centres


def network_locator(load: Callable[..., Any], path: Path, trusted: tuple[str, ...] = ()) -> NetworkLocator:
    """A locator, once its checkpoint is known to be one.

    Raises:
        HipsegError: If the network was trained on joints, or the file can't be loaded.
    """
    locator = NetworkLocator(load, path, trusted)
    if _loaded(locator).record["preprocessing"].get("region") == "joint":
        raise HipsegError(f"locator: {path} was trained on joints; give one trained on whole films")
    return locator


def _head_centre(hip: HipPrediction, has_middle: bool) -> Points | None:
    """In pixels of what the network saw; None if there is no joint, if it has no head, or if it is the other hip's.

    Args:
        hip: What the network said.
        has_middle: Whether hips lie on their own half of the film.
    """
    try:
        centre = trace_joint(hip.probabilities).head.centre
    except NotTraced:
        return None
    column, row = np.rint(centre).astype(int)
    labels = hip.labels
    inside = 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]
    own = not has_middle or centre[0] <= hip.field.middle(hip.grid.shape[1])
    return centre if own and inside and labels[row, column] == FEMORAL_HEAD_LABEL else None


@lru_cache(maxsize=2)
def _loaded(locator: NetworkLocator) -> Any:
    """Its task; one that comes from another process is equal to that which was sent, and loaded once."""
    named = {"trusted": locator.trusted} if locator.trusted else {}
    task = locator.load(locator.path, **named)
    return task.to(best_device()) if isinstance(task, torch.nn.Module) else task
