"""Whether a measured joint can be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from hipseg.measure.joint_space import JointSpace, Status
from hipseg.measure.outline import Outline
from hipseg.measure.weight_bearing import WidthProfile
from hipseg.transforms.polarity import Polarity

Range = tuple[float, float]
MedialFall = tuple[Annotated[int, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(ge=0, le=1)]]


@dataclass(frozen=True)
class Plausible:
    """What an adult hip on an AP film can look like; beyond it a measurement is kept, with a status that warns.

    Attributes:
        head_radius_mm: Least and most, as it lies on the film, magnified.
        head_residual_mm: Largest root mean square distance of the head's curve under the roof from its circle.
        lateral_deg: Where the weight-bearing region may end laterally; angles as in `weight_bearing`.
        medial_deg: Where it may end medially.
        mjsw_mm: Largest minimum width.
        apex_mm: Largest width straight above the head's centre.
        bridged_deg: Widest gap in one of the curves.
        jump_mm: Largest change of the width within three degrees, and across a gap in a curve.
        medial_falls: Each degrees, mm and a share: a width is implausible that falls, over so many degrees before the
            medial end, by more than so many mm and by more than that share of what it was before them.
        hole: Largest hole in a bone or between the bones of the joint, as a share of the head's area.
        roof_thickness_mm: Least and most, at the median.
        femur_area: Least and most, as a share of the head's area.
        femur_beyond: Of the femur where no hip's has any, as a share of the head's area.
        apart_mm: How far a speck may lie from the bones.
        sure: Least probability, on average, of what a network says near the joint.
        roof_contrast: Least brightness of the roof's edge above the joint space's, as a share of the greys around,
            where the network is less than certain; on films with a faint sourcil there is less.
        certain: Probability from which it is.
    """

    head_radius_mm: Range
    head_residual_mm: Annotated[float, Field(gt=0)]
    lateral_deg: Range
    medial_deg: Range
    mjsw_mm: Annotated[float, Field(gt=0)]
    apex_mm: Annotated[float, Field(gt=0)]
    bridged_deg: Annotated[float, Field(gt=0)]
    jump_mm: Annotated[float, Field(gt=0)] = math.inf
    medial_falls: tuple[MedialFall, ...] = ()
    hole: Annotated[float, Field(gt=0)] = math.inf
    roof_thickness_mm: Range = (0.0, math.inf)
    femur_area: Range = (0.0, math.inf)
    femur_beyond: Annotated[float, Field(gt=0)] = math.inf
    apart_mm: Annotated[float, Field(gt=0)] = math.inf
    sure: Annotated[float, Field(ge=0, le=1)] = 0.0
    roof_contrast: float = -math.inf
    certain: Annotated[float, Field(ge=0, le=1)] = 1.0

    def judge(
        self,
        joint: JointSpace,
        polarity: Polarity,
        other_side: bool = False,
        *,
        implant: bool = False,
        cut: bool = False,
        outline: Outline | None = None,
        sure: float = math.nan,
        roof_contrast: float = math.nan,
    ) -> JointSpace:
        """The same measurement, its status changed from `ok` to the first warning that applies.

        Args:
            joint: Measured; one that failed keeps its status, unless the film itself is suspect.
            polarity: What the film that was measured shows, against bright bone.
            other_side: Whether the joint lies on the half of the film that is the other hip's.
            implant: Whether metal lies in its head or neck.
            cut: Whether the film, or what is seen of it, ends within its head or at its roof.
            outline: The shapes of its labels, if they are known.
            sure: See `outline.sureness`; NaN if it isn't known.
            roof_contrast: See `outline.roof_contrast`; likewise.
        """
        if polarity != "stated":
            return replace(joint, status="polarity_suspect")
        if joint.status != "ok":
            return joint
        found: dict[Status, bool] = {"implant": implant, "cut": cut, "other_side": other_side}
        first = next((status for status, is_so in found.items() if is_so), None)
        status = first or self._shape_status(outline) or self._status(joint)
        if status == "ok" and roof_contrast < self.roof_contrast and sure < self.certain:
            status = "implausible_greys"
        return replace(joint, status="unsure" if status == "ok" and sure < self.sure else status)

    def _shape_status(self, outline: Outline | None) -> Status | None:
        if outline is None:
            return None
        found: dict[Status, bool] = {
            "specks": outline.apart_mm > self.apart_mm,
            "hole": outline.hole > self.hole,
            "implausible_femur": outline.femur_area > self.femur_area[1]
            or (outline.femur_area < self.femur_area[0] and not outline.femur_ends)
            or outline.femur_beyond > self.femur_beyond,
            "implausible_roof": not _within(outline.roof_thickness_mm, self.roof_thickness_mm),
        }
        return next((status for status, is_so in found.items() if is_so), None)

    def _status(self, joint: JointSpace) -> Status:
        profile, head = joint.profile, joint.head
        if head is None:  # the method looks at borders alone
            return "ok" if joint.mjsw_mm <= self.mjsw_mm else "implausible_width"
        if not _within(head.radius_mm, self.head_radius_mm) or head.residual_mm > self.head_residual_mm:
            return "implausible_shape"
        if joint.bridged_deg > self.bridged_deg:
            return "implausible_shape"
        if not (_within(profile.lateral_deg, self.lateral_deg) and _within(profile.medial_deg, self.medial_deg)):
            return "outside_weight_bearing"
        if profile.largest_change_mm(joint.bridged_deg) > self.jump_mm or self._closes_medially(profile):
            return "implausible_profile"
        if joint.mjsw_mm > self.mjsw_mm or np.nan_to_num(profile.apex_mm) > self.apex_mm:
            return "implausible_width"
        return "ok"

    def _closes_medially(self, profile: WidthProfile) -> bool:
        for degrees, least_mm, share in self.medial_falls:
            fall_mm, width_mm = profile.medial_fall_mm(degrees)
            if fall_mm > max(least_mm, share * width_mm):
                return True
        return False


def _within(value: float, limits: Range) -> bool:
    return limits[0] <= value <= limits[1]
