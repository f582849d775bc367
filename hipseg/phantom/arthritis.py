"""What osteoarthritis makes of a hip: one description, by which films and CT are drawn, and its grade.

The grade follows Kellgren and Lawrence, Ann Rheum Dis 1957 and their atlas of the hip: 0 none; 1 possible narrowing or
osteophytes; 2 definite osteophytes with narrowing or sclerosis; 3 marked narrowing with osteophytes and sclerosis;
4 bone on bone, or nearly, with deformity or large osteophytes. The limits are hipseg's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hipseg.phantom.preset import Disease, draw

WORST: Final = 4.0
_POSSIBLE: Final = (0.15, 1.0)  # share of the joint space that is lost, mm of an osteophyte
_DEFINITE: Final = (0.3, 2.0)
_MARKED: Final = 0.55
_LARGE_MM: Final = 5.0
_GONE_MM: Final = 0.7
_SCLEROTIC: Final = 1.35
_FLAT_MM: Final = 1.2


@dataclass(frozen=True)
class Cyst:
    """A hole in the bone beside the joint, with a rim.

    Attributes:
        femoral: In the head, else in the acetabular roof.
        angle_deg: Of its centre, from straight up, outwards.
        forwards_deg: Likewise, forwards out of the frontal plane.
        depth_mm: Of its centre, from the joint's surface into the bone.
        radius_mm: Of it.
    """

    femoral: bool
    angle_deg: float
    forwards_deg: float
    depth_mm: float
    radius_mm: float


@dataclass(frozen=True)
class Arthritis:
    """What osteoarthritis has made of one hip; lengths are the body's own, before magnification.

    Attributes:
        severity: How far it has come, 0 (not begun) to 4; everything else grows with it.
        narrowing: Share of the joint space that is lost where most is.
        towards_deg: Where that is: from straight up, outwards; negative towards the middle of the body.
        femoral_mm: Height of the osteophyte where the head's upper, lateral edge meets the neck.
        femoral_medial_mm: Likewise at its lower, medial edge.
        acetabular_mm: Length of the osteophyte at the roof's lateral edge.
        sclerosis: Factor on the thickness of the subchondral bone, and on its shadow.
        flattening_mm: Height that the head has lost where the joint is narrowest.
        cysts: In head and roof.
    """

    severity: float = 0.0
    narrowing: float = 0.0
    towards_deg: float = 0.0
    femoral_mm: float = 0.0
    femoral_medial_mm: float = 0.0
    acetabular_mm: float = 0.0
    sclerosis: float = 1.0
    flattening_mm: float = 0.0
    cysts: tuple[Cyst, ...] = ()

    @property
    def osteophyte_mm(self) -> float:
        """The largest."""
        return max(self.femoral_mm, self.femoral_medial_mm, self.acetabular_mm)

    def grade(self, width_mm: float) -> int:
        """0 to 4.

        Args:
            width_mm: Minimum joint space width that is left.
        """
        spur, lost = self.osteophyte_mm, self.narrowing
        gone, sclerotic = width_mm < _GONE_MM, self.sclerosis >= _SCLEROTIC
        if gone and lost >= _MARKED and (spur >= _LARGE_MM or self.flattening_mm >= _FLAT_MM):
            return 4
        if (lost >= _MARKED or gone) and spur >= _DEFINITE[1] and sclerotic:
            return 3
        if spur >= _DEFINITE[1] and (lost >= _DEFINITE[0] or sclerotic):
            return 2
        return int(lost >= _POSSIBLE[0] or spur >= _POSSIBLE[1])


def draw_severities(rng: np.random.Generator, disease: Disease, visit: int) -> tuple[float, float]:
    """How far it has come in right and left hip at a visit; the same generator's state gives the same course.

    Args:
        rng: Of the subject's disease alone.
        disease: Of the cohort.
        visit: 0 for the first.
    """
    shared, own = rng.standard_normal(), rng.standard_normal(2)
    share = np.sqrt(disease.both)
    low, high = disease.severity
    found = []
    for each in own:
        rank = norm.cdf(share * shared + np.sqrt(1 - disease.both) * each)
        progress = max(0.0, draw(rng, disease.progress))
        begun = (rank - disease.sound) / max(1 - disease.sound, 1e-9)
        found.append(float(np.clip(low + (high - low) * begun + visit * progress, 0, WORST)) if begun > 0 else 0.0)
    return found[0], found[1]


def draw_arthritis(rng: np.random.Generator, severity: float, spread: float) -> Arthritis:
    """The features of a hip; the same generator's state gives features that only grow with the severity.

    Args:
        rng: Of the hip's disease alone.
        severity: 0 to 4.
        spread: Of each feature's own severity.
    """
    noise, chance = rng.standard_normal(6), rng.random((4, 5))
    towards = float(np.clip(rng.normal(14, 14), -25, 40))
    if severity <= 0:
        return Arthritis(towards_deg=towards)
    felt = np.clip(severity + spread * np.clip(noise, -2, 2), 0, WORST + 0.5)
    lost, upper, lower, roof, dense, flat = (float(value) for value in felt)
    count = int(np.clip(round(severity - 2.2 + chance[0, 4]), 0, len(chance)))
    return Arthritis(
        severity,
        narrowing=float(np.clip(0.24 * max(lost - 0.3, 0), 0, 1)),
        towards_deg=towards,
        femoral_mm=1.75 * max(upper - 0.6, 0),
        femoral_medial_mm=1.3 * max(lower - 0.9, 0),
        acetabular_mm=1.6 * max(roof - 0.6, 0),
        sclerosis=1 + 0.33 * max(dense - 0.8, 0),
        flattening_mm=0.9 * max(flat - 2.4, 0),
        cysts=tuple(_cyst(row, severity, towards) for row in chance[:count]),
    )


def _cyst(chance: NDArray[np.float64], severity: float, towards_deg: float) -> Cyst:
    femoral, aside, forwards, radius, depth = (float(value) for value in chance)
    size = (1.5 + 2.5 * radius) * severity / WORST
    return Cyst(femoral < 0.5, towards_deg + 36 * (aside - 0.5), 50 * (forwards - 0.5), size + 1.5 + 3 * depth, size)
