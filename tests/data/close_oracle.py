"""A stand-in for the network of the second stage: it knows the joints in the regions that the first one finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from small_films import landmarks
from torch import Tensor

from hipseg.geometry.grid import Grid
from hipseg.inference.locator import NetworkLocator
from hipseg.io.dicom import read_film
from hipseg.labels.curves import spline_curves
from hipseg.labels.label_map import draw_label_shares
from hipseg.labels.landmarks import hip_landmarks, mirror_columns

SHAPE, SPACING_MM, CUT = (640, 640), 0.2, 64


class CloseOracle:
    """Knows what lies in the regions that the first stage finds on a film of `write_film`, or on one cut out of it."""

    record = {  # noqa: RUF012
        "preprocessing": {
            "rows": SHAPE[0], "columns": SHAPE[1], "spacing_mm": SPACING_MM, "region": "joint",
        },
        "dataset": {
            "crop": {"row": CUT, "column": CUT, "rows": SHAPE[0] - 2 * CUT, "columns": SHAPE[1] - 2 * CUT},
            "intensity": {"_target_": "hipseg.transforms.intensity.FilmPercentiles", "percentiles": [1.0, 99.0]},
        },
    }  # fmt: skip

    def __init__(self, film: Path, locator: NetworkLocator, offset_mm: tuple[float, float] = (0.0, 0.0)) -> None:
        self.seen: list[Tensor] = []
        read = read_film(film, ("CR",))
        self._shares = []
        for side, head in locator.find(locator.prepare(read.pixels, read.grid)).items():
            if head is not None:
                on_film = hip_landmarks(landmarks(), side) - np.array(offset_mm)
                points = Grid.centred(SHAPE, SPACING_MM, head).to_pixels(on_film)
                points = mirror_columns(points, SHAPE[1]) if side == "left" else points
                self._shares.append(draw_label_shares(points, SHAPE, spline_curves)[:, CUT:-CUT, CUT:-CUT])

    def __call__(self, image: Tensor) -> Tensor:
        """(n, 1, 512, 512) to (n, 4, 512, 512)."""
        self.seen.append(image)
        return torch.from_numpy(np.stack(self._shares))
