"""What decides the content of a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hipseg.inference.heads import HeadLocator
from hipseg.io.limits import UNLIMITED, Limits
from hipseg.labels.curves import CurveFunction
from hipseg.labels.landmarks import SIDES
from hipseg.measure.quality import Plausible

Region = Literal["film", "joint"]


@dataclass(frozen=True)
class Settings:
    """What decides the content of a store; kept in it, and a store is never continued with others.

    Attributes:
        rows: Of the stored grid.
        columns: Of the stored grid.
        spacing_mm: Of the stored grid.
        intensity_bits: Precision of the stored grey values.
        modalities: DICOM modalities that are radiographs.
        curves: How head and sourcil run between their landmarks.
        region: `film`, one image a film, its centre the film's; `joint`, one image a hip, its centre the femoral
            head's, with the grey values of that part.
        locator: Finds the head's centre for `joint` on the image alone; without it the landmarks tell.
        plausible: What landmarks are judged by; without it they are taken as they are.
        limits: Beyond which a file is not read.
    """

    rows: int
    columns: int
    spacing_mm: float
    intensity_bits: int
    modalities: tuple[str, ...]
    curves: CurveFunction
    region: Region = "film"
    locator: HeadLocator | None = None
    plausible: Plausible | None = None
    limits: Limits = UNLIMITED

    @property
    def views(self) -> int:
        """Images a film."""
        return 1 if self.region == "film" else len(SIDES)
