"""Bone mineral density of a femur's regions, from Hounsfield units that a rod or a setting calibrates."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.femur import CORTEX
from hipseg.measure.femur_regions import REGION_VOLUMES

DENSITY_NAMES: Final = tuple(REGION_VOLUMES)


class Calibration(NamedTuple):
    """What Hounsfield units mean in a scanner's setting.

    Attributes:
        slope: mg/cm3 of hydroxyapatite (or of K2HPO4, as the rod is) per Hounsfield unit.
        intercept: mg/cm3 at 0 HU.
    """

    slope: float
    intercept: float

    def __str__(self) -> str:
        return f"{self.slope:g} mg/cm3 per HU {self.intercept:+g}"


def region_densities(
    image_hu: NDArray[np.number], labels: NDArray[np.uint8], regions: NDArray[np.uint8], calibration: Calibration
) -> dict[str, float]:
    """Mean density in mg/cm3 by the names of `REGION_VOLUMES`, integral or of the cortex; NaN where there is none.

    Args:
        image_hu: (slices, rows, columns).
        labels: Of the same voxels: 1 cortex, 2 what it encloses.
        regions: By `region_map`; all 0 where no regions were found.
        calibration: Of the scanner.
    """
    found = {}
    for name, (parts, only_cortex) in REGION_VOLUMES.items():
        there = np.isin(regions, parts) & ((labels == CORTEX) if only_cortex else (labels > 0))
        mean = float(image_hu[there].mean(dtype=np.float64)) if there.any() else float("nan")
        found[name] = calibration.slope * mean + calibration.intercept
    return found
