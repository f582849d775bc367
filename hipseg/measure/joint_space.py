"""What a measurement of the joint space returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from hipseg.labels.landmarks import Points
from hipseg.measure.weight_bearing import WidthProfile

Status = Literal[
    "ok",
    # Nothing could be measured.
    "not_located",
    "no_femoral_head",
    "no_roof",
    "no_joint_space",
    # Something was, and is not to be believed; see `quality`.
    "polarity_suspect",
    "implant",
    "cut",
    "other_side",
    "specks",
    "hole",
    "implausible_femur",
    "implausible_roof",
    "implausible_shape",
    "implausible_profile",
    "outside_weight_bearing",
    "implausible_width",
    "implausible_greys",
    "unsure",
]


@dataclass(frozen=True)
class HeadFit:
    """The femoral head's circle.

    Attributes:
        radius_mm: Its radius.
        residual_mm: Root mean square distance of the head's curve under the roof from it.
        x_mm: Its centre, in mm from the image's first pixel centre.
        y_mm: Likewise.
    """

    radius_mm: float
    residual_mm: float
    x_mm: float = float("nan")
    y_mm: float = float("nan")


@dataclass(frozen=True)
class JointSpace:
    """A minimum joint space width.

    Attributes:
        mjsw_mm: Millimetres; NaN if nothing could be measured. Bone on bone is 0.
        on_head_mm: Its end on the femoral head, x and y in mm from the image's first pixel centre; NaN likewise.
        on_roof_mm: Its end on the roof, likewise.
        status: `ok`, why there is no measurement, or why it is not to be believed.
        profile: The width along the weight-bearing region; empty if the method knows none.
        head: The head's circle; None likewise.
        bridged_deg: The widest gap in one of the curves, seen from the head's centre; the width there is interpolated.
    """

    mjsw_mm: float
    on_head_mm: Points
    on_roof_mm: Points
    status: Status
    profile: WidthProfile = field(default_factory=WidthProfile.empty)
    head: HeadFit | None = None
    bridged_deg: float = 0.0

    def believed_and_not(self) -> tuple[float, float]:
        """The width if the status is `ok`, and the width if it warns; the other is NaN."""
        nan = float("nan")
        return (self.mjsw_mm, nan) if self.status == "ok" else (nan, self.mjsw_mm)

    def ends_on_film(self, to_film_mm: Callable[[Points], Points]) -> dict[str, float]:
        """Both ends as `head_x_mm`, `head_y_mm`, `roof_x_mm`, `roof_y_mm` of a table.

        Args:
            to_film_mm: From mm of the image measured to the points file's mm.
        """
        ends: dict[str, float] = {}
        for name, point in (("head", self.on_head_mm), ("roof", self.on_roof_mm)):
            x, y = to_film_mm(point)
            ends |= {f"{name}_x_mm": float(x), f"{name}_y_mm": float(y)}
        return ends

    @classmethod
    def failed(cls, status: Status) -> JointSpace:
        """No measurement."""
        nowhere = np.full(2, np.nan)
        return cls(float("nan"), nowhere, nowhere, status)
