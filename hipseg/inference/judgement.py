"""One hip's joint measured, and judged by all that is known: its shape, the film around it, and what lies in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.circle import Circle
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL, JOINT_SPACE_LABEL, ROOF_LABEL
from hipseg.measure import JointSpace, Method, joint_space_width
from hipseg.measure.joint_curves import NotTraced, trace_joint
from hipseg.measure.joint_space import Status
from hipseg.measure.outline import describe_outline, roof_contrast, sureness, touches
from hipseg.measure.quality import Plausible
from hipseg.transforms.implant import grey_levels, shows_hardware, shows_metal
from hipseg.transforms.intensity import black_areas
from hipseg.transforms.polarity import Polarity

_UNSEEN: Final = 0.08  # of the radius; so much of a head may lie beyond an edge
_REACH: Final = 5.0  # of the radius about the head's centre, in which a hip is looked at
_RING: Final = np.linspace(0, 2 * np.pi, 72, endpoint=False)


@dataclass(frozen=True)
class Surface:
    """What a film shows under a network's answer.

    Attributes:
        image: (rows, columns) of the answer, the film's whole range of grey values, 0 where there is no image.
        quantiles: Of the film's; see `hipseg.transforms.intensity.quantiles_of`.
        polarity: What it shows, against bright bone.
    """

    image: NDArray[np.float32]
    quantiles: NDArray[np.float32]
    polarity: Polarity


def measure_hip(
    probabilities: NDArray[np.float32],
    surface: Surface,
    spacing_mm: float,
    method: Method,
    plausible: Plausible,
    middle_px: float | None = None,
) -> JointSpace:
    """The joint space of a right hip, with a status.

    Args:
        probabilities: (4, rows, columns).
        surface: What lies under them.
        spacing_mm: Millimetres per pixel.
        method: How widths are measured.
        plausible: What the measurement is judged by.
        middle_px: Column beyond which a joint is the other hip's, if any.
    """
    joint = joint_space_width(probabilities, spacing_mm, method)
    across = middle_px is not None and bool(joint.on_head_mm[0] / spacing_mm > middle_px)
    try:
        head = _head(joint, probabilities, spacing_mm)
    except NotTraced as untraced:  # what can't be judged is not believed
        status: Status = untraced.args[0] if joint.status == "ok" else joint.status
        return plausible.judge(replace(joint, status=status), surface.polarity, other_side=across)
    part = head.around(_REACH * head.radius, probabilities.shape[1:])
    labels, image = probabilities[:, *part].argmax(axis=0), surface.image[part]
    head = head.shifted(-part[1].start, -part[0].start)
    femur = labels == FEMORAL_HEAD_LABEL
    levels = grey_levels(surface.quantiles)
    metal = shows_metal(image, levels, head) or shows_hardware(image, levels, femur, head, spacing_mm)
    unseen = (image == 0) | black_areas(image, spacing_mm)
    return plausible.judge(
        joint, surface.polarity, other_side=across, implant=metal, cut=is_cut(labels, head, unseen),
        outline=describe_outline(labels, head, spacing_mm, unseen), sure=sureness(probabilities[:, *part], spacing_mm),
        roof_contrast=roof_contrast(labels, image, head, spacing_mm),
    )  # fmt: skip


def _head(joint: JointSpace, probabilities: NDArray[Any], spacing_mm: float) -> Circle:
    """The head's circle in pixels, by whatever method its joint was measured; NotTraced if there is none."""
    if joint.head is not None:
        return Circle(*(value / spacing_mm for value in (joint.head.x_mm, joint.head.y_mm, joint.head.radius_mm)))
    return trace_joint(probabilities).head


def is_cut(labels: NDArray[Any], head: Circle, unseen: NDArray[np.bool_]) -> bool:
    """Whether femoral head or roof end where the image does: at its edge, the film's, a shutter or a box.

    Args:
        labels: (rows, columns), a label map.
        head: In pixel-centre coordinates.
        unseen: (rows, columns), where there is no image.
    """
    around = np.pad(unseen, 1, constant_values=True)
    ring = (1 - _UNSEEN) * head.radius * np.array([np.sin(_RING), np.cos(_RING)]) + [[head.y], [head.x]]
    rows, columns = (np.clip(np.rint(at).astype(int) + 1, 0, n - 1) for at, n in zip(ring, around.shape, strict=True))
    return bool(around[rows, columns].any()) or touches((labels == ROOF_LABEL) | (labels == JOINT_SPACE_LABEL), unseen)
