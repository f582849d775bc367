"""The weight-bearing region and the joint space width along it.

The region is the sector about the femoral head's centre between the two ends of the sourcil. Angles are counted from
straight up, negative laterally, positive medially, on a right hip (lateral is the image's left). The three named places
are those of Lequesne et al. (Arthritis Rheum 2004): the lateral and the medial margin of the weight-bearing surface,
and its apex on the vertical line through the head's centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.labels.curves import JointCurves
from hipseg.labels.landmarks import Points

# A curve that ends so shortly before an angle still tells the width there; the head is round.
_BEYOND_SOURCIL_DEG: Final = 1.5
_BEYOND_HEAD_DEG: Final = 6.0
_NEIGHBOURS: Final = 3  # degrees, over which a sound joint's width changes by little

Values = NDArray[np.float64]


@dataclass(frozen=True)
class WidthProfile:
    """Joint space width along the weight-bearing region, measured from the head's centre outward.

    Attributes:
        angle_deg: (n,) whole degrees inside the region, ascending.
        width_mm: (n,) at those angles; NaN beyond the end of one of the curves.
        lateral_deg: Where the sourcil ends laterally.
        medial_deg: Where it ends medially.
        lateral_mm: Width at the lateral end.
        apex_mm: Width straight above the head's centre; NaN if the sourcil does not reach there.
        medial_mm: Width at the medial end.
    """

    angle_deg: Values
    width_mm: Values
    lateral_deg: float
    medial_deg: float
    lateral_mm: float
    apex_mm: float
    medial_mm: float

    def largest_change_mm(self, bridged_deg: float = 0.0) -> float:
        """By how much the width changes over three degrees, at most; 0 where it is known at too few angles.

        Args:
            bridged_deg: The widest gap in one of the curves; across one wider than three degrees, where a step would
                look like a slope, the change is over that gap and three degrees.
        """
        degrees = _NEIGHBOURS + (int(np.ceil(bridged_deg)) if bridged_deg > _NEIGHBOURS else 0)
        change = np.abs(self.width_mm[degrees:] - self.width_mm[:-degrees])
        return float(np.max(change[np.isfinite(change)], initial=0.0))

    def medial_fall_mm(self, degrees: int) -> tuple[float, float]:
        """By how much the width falls over the last degrees at which it is known, and from what width.

        Both are 0 where it is known at too few. Between two circles whose centres lie e apart the width changes over an
        angle by no more than e times its sine: over five degrees by 0.3 mm of 3.
        """
        known = self.width_mm[np.isfinite(self.width_mm)]
        if len(known) <= degrees:
            return 0.0, 0.0
        return float(known[-1 - degrees] - known[-1]), float(known[-1 - degrees])

    @classmethod
    def empty(cls) -> WidthProfile:
        """Of a joint that has no curves."""
        nan = float("nan")
        return cls(np.empty(0), np.empty(0), nan, nan, nan, nan, nan)


def angles(points: Points, centre: Points) -> Values:
    """Radians from straight up, positive to the image's right, of points (n, 2) seen from the centre."""
    return np.arctan2(points[:, 0] - centre[0], centre[1] - points[:, 1])


def _radius(curve: Points, centre: Points, at_deg: Values, beyond_deg: float) -> Values:
    """The curve's distance from the centre at angles; NaN so far beyond its ends."""
    angle, radius = np.rad2deg(angles(curve, centre)), np.hypot(*(curve - centre).T)
    order = np.argsort(angle, kind="stable")
    angle, radius = angle[order], radius[order]
    beyond = (at_deg < angle[0] - beyond_deg) | (at_deg > angle[-1] + beyond_deg)
    return np.where(beyond, np.nan, np.interp(at_deg, angle, radius))


def width_profile(curves: JointCurves, head: Circle) -> WidthProfile:
    """The width at every degree of the weight-bearing region.

    Args:
        curves: Head and sourcil of a right hip, in mm.
        head: The head's circle, likewise.
    """
    sourcil = np.rad2deg(angles(curves.sourcil, head.centre))
    lateral, medial = float(sourcil.min()), float(sourcil.max())
    whole = np.arange(np.ceil(lateral), np.floor(medial) + 1)
    at = np.concatenate([whole, [lateral, 0.0, medial]])
    roof = _radius(curves.sourcil, head.centre, at, _BEYOND_SOURCIL_DEG)
    width = np.maximum(roof - _radius(curves.femoral_head, head.centre, at, _BEYOND_HEAD_DEG), 0.0)
    ends = (float(width[-3]), float(width[-2]), float(width[-1]))
    return WidthProfile(whole, width[:-3], lateral, medial, *ends)
