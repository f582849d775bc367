"""Outlines of what BoneFinder does not mark: drawn by hand on the landmark template, in body millimetres.

Right side for `FAR_STRUCTURES` (x negative; the left is its mirror image), both sides for `MIDLINE_STRUCTURES`. Smooth
curves are drawn through the points when they are rendered.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.labels.landmarks import Points


def _points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, dtype=np.float64)


def _both_sides(right: Points) -> Points:
    """A closed outline from its right half, top to bottom."""
    return np.concatenate([right, right[::-1] * [-1.0, 1.0]])


# The femoral shaft below the landmarks, top to bottom, and where a film reaches so far, the rest of the femur.
SHAFT_LATERAL: Final = _points((-158, 82), (-154.5, 110), (-150, 150), (-146, 190), (-141, 240), (-136, 300))
SHAFT_MEDIAL: Final = _points((-121.5, 80), (-121, 110), (-118.5, 150), (-115, 190), (-110, 240), (-104, 300))
KNEE: Final = _points((-95, 360), (-88, 390), (-65, 425), (-63, 448), (-76, 463), (-98, 452), (-128, 462), (-139, 445),
                      (-137, 420), (-127, 395), (-130, 360))  # fmt: skip

FAR_STRUCTURES: Final[dict[str, Points]] = {
    # Ilium, closed: lateral roof, spines, crest, sacroiliac joint, pelvic brim, medial roof.
    "wing": _points(
        (-121, -26), (-126, -46), (-133, -58), (-136, -74), (-148, -92), (-158, -104), (-163, -122), (-159, -142),
        (-146, -160), (-124, -173), (-98, -178), (-74, -172), (-58, -158), (-50, -140), (-47, -120), (-49, -104),
        (-57, -86), (-65, -66), (-70, -48), (-74, -34), (-78, -18), (-88, -12), (-100, -13), (-112, -17),
    ),
    # The thick bone that carries the load from the roof to the sacroiliac joint, closed.
    "column": _points(
        (-120, -29), (-126, -44), (-127, -58), (-118, -74), (-104, -88), (-86, -102), (-66, -116), (-52, -118),
        (-52, -104), (-58, -86), (-65, -66), (-70, -48), (-73, -30), (-80, -20), (-89, -26), (-97, -29.5), (-105, -30),
        (-113, -28.8),
    ),
    "crest": _points(
        (-133, -58), (-137, -74), (-148, -92), (-158, -104), (-163, -122), (-159, -142), (-146, -160), (-124, -173),
        (-98, -178), (-74, -172), (-58, -158),
    ),
    "pelvic_rim": _points((-50, -116), (-52, -100), (-59, -84), (-66, -64), (-70, -46), (-69, -30), (-62, -17),
                          (-52, -6), (-40, 4), (-24, 12)),
    "ilioischial": _points((-64, -62), (-70, -44), (-74, -22), (-75, 0), (-74, 22), (-76, 44), (-81, 58)),
    "anterior_wall": _points((-117, -28), (-109, -19), (-99, -8), (-89, 5), (-82, 16), (-76, 22)),
    "teardrop_wall": _points((-77, -22), (-74, -8), (-71, 4), (-70.6, 11), (-67.5, 14.1), (-64, 12), (-62, 4),
                             (-62, -8), (-64, -20)),
    "sacroiliac": _points((-58, -152), (-50, -138), (-46, -122), (-46, -108), (-50, -96)),
}  # fmt: skip


def _vertebra(top: float, half_width: float, height: float) -> Points:
    waist = half_width - 3.5
    return _both_sides(
        _points((0, top), (-0.7 * half_width, top - 1), (-half_width, top + 1), (-waist, top + 0.5 * height),
                (-half_width - 1, top + height - 1), (-0.7 * half_width, top + height + 1), (0, top + height))
    )  # fmt: skip


def _transverse_process(top: float, half_width: float, length: float) -> Points:
    return _points((-half_width + 4, top + 9), (-half_width - length, top + 3), (-half_width - length - 1, top + 9),
                   (-half_width + 4, top + 18))  # fmt: skip


MIDLINE_STRUCTURES: Final[dict[str, Points]] = {
    "sacrum": _both_sides(
        _points((0, -136), (-26, -137), (-46, -131), (-58, -120), (-57, -104), (-49, -86), (-42, -70), (-33, -52),
                (-24, -36), (-14, -24))
    ),
    "coccyx": _both_sides(_points((0, -20), (-8, -18), (-7, -6), (-4, 8), (0, 14))),
    "vertebra_5": _vertebra(-166, 28, 26),
    "vertebra_4": _vertebra(-203, 26.5, 29),
    "vertebra_3": _vertebra(-240, 25.5, 29),
    "process_5": _transverse_process(-166, 28, 20),
    "process_4": _transverse_process(-203, 26.5, 20),
    "process_3": _transverse_process(-240, 25.5, 20),
    "spinous_5": _both_sides(_points((0, -152), (-3.5, -148), (-4, -138), (0, -133))),
    "spinous_4": _both_sides(_points((0, -188), (-3.5, -184), (-4.5, -172), (0, -166))),
    "spinous_3": _both_sides(_points((0, -225), (-3.5, -221), (-4.5, -209), (0, -203))),
}  # fmt: skip

SACRAL_FORAMINA: Final = _points((-24, -112), (-21, -92), (-17, -73), (-13, -56))
"""Centres of the right sacral foramina."""
