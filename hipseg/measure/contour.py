"""mJSW of label probabilities to a fraction of a pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.labels.curves import JointCurves
from hipseg.measure.joint_curves import NotTraced, trace_joint
from hipseg.measure.joint_space import HeadFit, JointSpace
from hipseg.measure.reference import reference_gap
from hipseg.measure.weight_bearing import width_profile


def contour_width(probabilities: NDArray[np.floating], spacing_mm: float) -> JointSpace:
    """The shortest line between the head's curve and the sourcil, as `joint_curves` traces them.

    Args:
        probabilities: (4, rows, columns) of a right hip.
        spacing_mm: Millimetres per pixel.
    """
    try:
        joint = trace_joint(probabilities)
    except NotTraced as why:
        return JointSpace.failed(why.args[0])
    curves = JointCurves(*(curve * spacing_mm for curve in joint.curves))
    head = Circle(*(value * spacing_mm for value in joint.head))
    gap = reference_gap(curves)
    off = np.hypot(*(curves.femoral_head - head.centre).T) - head.radius
    fit = HeadFit(head.radius, float(np.sqrt((off**2).mean())), head.x, head.y)
    profile = width_profile(curves, head)
    return JointSpace(gap.width, gap.on_head, gap.on_sourcil, "ok", profile, fit, joint.bridged_deg)
