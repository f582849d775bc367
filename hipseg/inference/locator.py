"""Where the femoral heads of a film lie, by a network trained on whole films."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.field import Field
from hipseg.grid import Grid
from hipseg.inference.heads import Heads
from hipseg.inference.hips import predict_hips
from hipseg.measure.joint_curves import NotTraced, trace_joint
from hipseg.transforms.film import PreparedFilm, prepare_film


@dataclass(frozen=True)
class NetworkLocator:
    """A checkpoint that finds heads; small to send to other processes, each of which loads it once.

    Attributes:
        load: From a checkpoint to a task.
        path: The checkpoint.
    """

    load: Callable[[Path], Any]
    path: Path

    def __call__(self, pixels: NDArray[np.float32], film: Grid) -> Heads:
        """The centre of each hip's femoral head, x and y in film millimetres; None where no joint is found.

        Args:
            pixels: (rows, columns) as read.
            film: Where they lie.

        Raises:
            Excluded: If the film can't be prepared as the network's films were.
        """
        task = _loaded(self.load, self.path)
        centres: Heads = {}
        for hip in predict_hips(task, self.prepare(pixels, film).views(), Field(**task.record["field"])):
            try:
                circle = trace_joint(hip.probabilities).head
            except NotTraced:
                centres[hip.side] = None
                continue
            x, y = hip.to_film_mm(circle.centre * hip.grid.spacing_mm)
            centres[hip.side] = float(x), float(y)
        return centres

    def prepare(self, pixels: NDArray[np.float32], film: Grid) -> PreparedFilm:
        """The film as the network's films were prepared."""
        made = _loaded(self.load, self.path).record["preprocessing"]
        shape, percentiles = (made["rows"], made["columns"]), tuple(made["percentiles"])
        return prepare_film(pixels, film, shape, made["spacing_mm"], percentiles)


@lru_cache(maxsize=2)
def _loaded(load: Callable[[Path], Any], path: Path) -> Any:
    return load(path)
