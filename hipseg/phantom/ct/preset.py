"""What a cohort of CT phantoms varies, and how far: the numbers of `conf/ct_preset/`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hipseg.phantom.ct.body import Build
from hipseg.phantom.ct.scanner import Scanner
from hipseg.phantom.preset import Bodies, Disease, Normal, draw


@dataclass(frozen=True)
class Builds:
    """What lies around the bones; shares from 0 to 1."""

    fat_mm: Normal
    muscle: Normal
    infiltration: Normal
    plaque: Normal
    gas: Normal
    bladder: Normal

    def draw(self, rng: np.random.Generator) -> Build:
        """One body."""
        drawn = (
            draw(rng, normal)
            for normal in (self.fat_mm, self.muscle, self.infiltration, self.plaque, self.gas, self.bladder)
        )
        fat, muscle, infiltration, plaque, gas, bladder = drawn
        return Build(
            max(fat, 3.0), max(muscle, 0.5), float(np.clip(infiltration, 0, 0.6)), float(np.clip(plaque, 0, 1)),
            max(gas, 0.0), max(bladder, 0.0),
        )  # fmt: skip


@dataclass(frozen=True)
class Scanners:
    """How scans differ.

    Attributes:
        spacing_mm: Between columns and rows, and between slices.
        columns: Of a slice, as many as rows.
        above_mm: Where a scan starts, above the heads.
        below_mm: Where it ends, below them.
        blur_mm: See `Scanner`; least and most in the plane, and along z.
        noise_hu: Likewise.
        edge_per_mm: Likewise.
        rods: Share of scans with a calibration phantom.
        oblique: Share of scans along other axes than the patient's.
        metal: Share of subjects with a screw in a femoral neck.
        spread_mm: Standard deviations of both spacings, from scan to scan.
        partial: Share of scans that begin low in the pelvis.
    """

    spacing_mm: tuple[float, float]
    columns: int
    above_mm: Normal
    below_mm: Normal
    blur_mm: tuple[tuple[float, float], tuple[float, float]]
    noise_hu: tuple[float, float]
    edge_per_mm: tuple[float, float]
    rods: float
    oblique: float
    metal: float
    spread_mm: tuple[float, float] = (0.0, 0.0)
    partial: float = 0.0

    def draw(self, rng: np.random.Generator) -> Scanner:
        """One scanner's settings."""
        plane, along = (float(rng.uniform(*ends)) for ends in self.blur_mm)
        noise, edge = float(rng.uniform(*self.noise_hu)), float(rng.uniform(*self.edge_per_mm))
        return Scanner((plane, along), noise, edge, bool(rng.random() < self.rods))


@dataclass(frozen=True)
class CtPreset:
    """The ranges of one cohort; see the classes for what they mean."""

    name: str
    version: int
    female: float
    bodies: Bodies
    builds: Builds
    scanners: Scanners
    disease: Disease | None = None
    vertebrae: bool = False
